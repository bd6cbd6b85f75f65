package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// A mount in the background is this program once more, with the same command
// line, in a session of its own. Two pipes join it to the first one, which
// waits for the outcome: descriptor 3 gives it the password or token, on descriptor 4 it
// says how it went. Its standard error is the log.
const (
	backgroundVar = "IMAPFS_BACKGROUND" // set for the second process
	passwordFD    = 3
	outcomeFD     = 4

	outcomeMounted = "mounted\n"
	maxOutcome     = 64 << 10
)

// background starts the mount, and returns once it works or has failed.
func (c *mountConfig) background(ctx context.Context) error {
	// What is wrong here is better said before the password is asked for.
	if _, err := c.check(slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := c.askSecrets(ctx); err != nil {
		return err
	}
	log, err := c.backgroundLog()
	if err != nil {
		return err
	}
	if log != nil {
		defer log.Close()
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	secret, giveSecret, err := os.Pipe()
	if err != nil {
		return err
	}
	defer giveSecret.Close()
	outcome, giveOutcome, err := os.Pipe()
	if err != nil {
		secret.Close()
		return err
	}
	defer outcome.Close()

	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), backgroundVar+"=1")
	if log != nil {
		cmd.Stderr = log
	}
	cmd.ExtraFiles = []*os.File{passwordFD - 3: secret, outcomeFD - 3: giveOutcome}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	secret.Close()
	giveOutcome.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	io.WriteString(giveSecret, c.password+c.firstToken) // who does not read it, says why
	giveSecret.Close()
	said, _ := io.ReadAll(io.LimitReader(outcome, maxOutcome))
	if string(said) == outcomeMounted {
		return cmd.Process.Release()
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(said) > 0:
		return errors.New(strings.TrimSpace(string(said)))
	}
	return errors.Join(errors.New("the mount ended unexpectedly; its log may tell why"), err)
}

// child is the second process.
type child struct {
	password, outcome *os.File
}

// inherited returns what ties this process to a first one, nil if it is the
// first itself.
func inherited() *child {
	if os.Getenv(backgroundVar) == "" {
		return nil
	}
	os.Unsetenv(backgroundVar)
	syscall.CloseOnExec(passwordFD)
	syscall.CloseOnExec(outcomeFD)
	return &child{
		password: os.NewFile(passwordFD, "password"),
		outcome:  os.NewFile(outcomeFD, "outcome"),
	}
}

// run mounts, says how that went, and serves the mount.
func (p *child) run(ctx context.Context, c *mountConfig) error {
	m, log, err := p.mount(ctx, c)
	if err != nil {
		io.WriteString(p.outcome, explain(err))
		return err
	}
	// So that it keeps no other file system busy.
	err = os.Chdir("/")
	if err == nil {
		_, err = io.WriteString(p.outcome, outcomeMounted)
	}
	if err != nil { // the first process was killed, so nobody knows of the mount
		return errors.Join(err, m.Abandon())
	}
	p.outcome.Close()
	return m.serve(ctx, log)
}

func (p *child) mount(ctx context.Context, c *mountConfig) (*mounted, *slog.Logger, error) {
	password, err := io.ReadAll(io.LimitReader(p.password, maxPassword))
	p.password.Close()
	if err != nil {
		return nil, nil, err
	}
	if c.tokenCommand != "" {
		c.firstToken = string(password)
	} else {
		c.password = string(password)
	}
	log := c.logTo(os.Stderr)
	m, err := c.mount(ctx, log)
	if err == nil {
		log.Info("mounted", "source", c.source, "mountpoint", c.mountpoint)
	}
	return m, log, err
}
