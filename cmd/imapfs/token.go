package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// secretCommand runs a command of the user's, and returns the first line that it
// prints. terminal: it has the user's, since it may ask for a passphrase; else
// it has none, and what it says besides is dropped, as it may be a secret, too.
func secretCommand(ctx context.Context, command, what string, terminal bool) (string, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	if terminal {
		cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	} else {
		// With what it has started, where Ctrl-C does not end that anyway.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}
	cmd.WaitDelay = time.Second // for those who keep its output open: agents
	var out secretOutput
	cmd.Stdout = &out
	err := cmd.Run()
	switch {
	case out.full:
		return "", fmt.Errorf("the %s printed over %d bytes", what, maxPassword)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return "", fmt.Errorf("the %s failed: %w", what, err)
	}
	return firstLine(out.text, "the "+what+" printed nothing")
}

// secretOutput is bounded. (It embeds no bytes.Buffer, whose ReadFrom is not.)
type secretOutput struct {
	text []byte
	full bool
}

func (o *secretOutput) Write(p []byte) (int, error) {
	if o.full = len(o.text)+len(p) > maxPassword; o.full {
		return 0, errors.New("too long")
	}
	o.text = append(o.text, p...)
	return len(p), nil
}

// askToken gets the first access token, if it is not there, while there is a
// terminal: the command may want to ask for a passphrase, which an agent then
// remembers.
func (c *mountConfig) askToken(ctx context.Context) (err error) {
	if c.tokenCommand != "" && c.firstToken == "" {
		c.firstToken, err = c.token(ctx, true)
	}
	return err
}

func (c *mountConfig) token(ctx context.Context, terminal bool) (string, error) {
	token, err := secretCommand(ctx, c.tokenCommand, "token command", terminal)
	if err != nil {
		return "", err
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("what the token command printed is no access token") // RFC 6750
	}
	return token, nil
}

// tokens returns what gives an access token for each connection, one after the
// other, since such commands write files of their own; nil for none.
func (c *mountConfig) tokens() func(ctx context.Context, refused string) (string, error) {
	if c.tokenCommand == "" {
		return nil
	}
	turn := make(chan struct{}, 1)
	return func(ctx context.Context, refused string) (string, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return "", ctx.Err()
		}
		first := c.firstToken
		c.firstToken = ""
		if first != "" && first != refused {
			return first, nil
		}
		return c.token(ctx, false)
	}
}
