package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/term"
)

// maxPassword bounds what is read as a password: some are long tokens.
const maxPassword = 64 << 10

// passwordFrom gets the password from the first source that is given. The
// command's standard error and terminal are the user's, since it may ask for
// a passphrase of its own.
func passwordFrom(ctx context.Context, command, file, who string) (string, error) {
	switch {
	case command != "":
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
		cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("password command: %w", err)
		}
		return firstLine(out, "the password command printed nothing")
	case file != "":
		return passwordFile(file)
	}
	if password, ok := os.LookupEnv("IMAPFS_PASSWORD"); ok {
		// Not for the eyes of what is started from here.
		os.Unsetenv("IMAPFS_PASSWORD")
		return password, nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", errors.New("no password: use --password-command, --password-file or IMAPFS_PASSWORD")
	}
	fmt.Fprintf(os.Stderr, "Password for %s: ", who)
	password, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(password), nil
}

func passwordFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("password file %s can be read by others; run chmod 600 %s", name, name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	return firstLine(data, "the password file is empty")
}

func firstLine(data []byte, empty string) (string, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	password := strings.TrimSuffix(string(line), "\r")
	if password == "" {
		return "", errors.New(empty)
	}
	return password, nil
}
