package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	needed := c.needsPassword()
	os.Unsetenv(passwordVar) // not for the eyes of what is started from here
	switch {
	case !needed:
	case c.passwordCommand != "":
		c.password, err = secretCommand(ctx, c.passwordCommand, "password command", true)
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
	data, err := readPrivate(name, "the password file")
	if err != nil {
		return "", err
	}
	return firstLine(data, "the password file "+name+" is empty")
}

// readPrivate reads a file that nobody else may read; what says what it is.
func readPrivate(name, what string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s %s can be read by others: chmod 600 %s", what, name, name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return data, nil
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
