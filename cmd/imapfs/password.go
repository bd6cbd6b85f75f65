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

const passwordVar = "IMAPFS_PASSWORD"

// askPassword gets the password from the first source that is given. The
// command's standard error and terminal are the user's, since it may ask for
// a passphrase of its own.
func (c *mountConfig) askPassword(ctx context.Context) (err error) {
	variable, set := os.LookupEnv(passwordVar)
	os.Unsetenv(passwordVar) // not for the eyes of what is started from here
	switch {
	case c.passwordCommand != "":
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.passwordCommand)
		cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
		var out []byte
		if out, err = cmd.Output(); err != nil {
			return fmt.Errorf("the password command failed: %w", err)
		}
		c.password, err = firstLine(out, "the password command printed nothing")
	case c.passwordFile != "":
		c.password, err = passwordFile(c.passwordFile)
	case set:
		c.password, err = firstLine([]byte(variable), passwordVar+" is empty")
	default:
		c.password, err = prompt(ctx, c.source.String())
	}
	return err
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
		return "", fmt.Errorf("the password file %s can be read by others: chmod 600 %s", name, name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	return firstLine(data, "the password file "+name+" is empty")
}

func firstLine(data []byte, empty string) (string, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	password := strings.TrimSuffix(string(line), "\r")
	if password == "" {
		return "", errors.New(empty)
	}
	return password, nil
}

// prompt asks on the terminal. Ctrl-C leaves it as it was.
func prompt(ctx context.Context, who string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("no password: give --password-command, --password-file or " + passwordVar)
	}
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	fmt.Fprintf(os.Stderr, "Password for %s: ", who)
	defer fmt.Fprintln(os.Stderr)
	go func() {
		password, err := term.ReadPassword(fd)
		answers <- answer{password, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("read password: %w", a.err)
		}
		return firstLine(a.password, "no password was given")
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
