package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
)

// logger is the log of a mount in the foreground.
func (c *mountConfig) logger() (*slog.Logger, func(), error) {
	if c.logFile == "" {
		return c.logTo(os.Stderr), func() {}, nil
	}
	f, err := openLog(c.logFile)
	if err != nil {
		return nil, nil, err
	}
	return c.logTo(f), func() { f.Close() }, nil
}

func (c *mountConfig) logTo(out io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if c.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}

// backgroundLog opens the log of a mount in the background: --log-file, else
// imapfs/ACCOUNT.log in the user's directory for such (XDG_STATE_HOME). Where
// that cannot be had, there is none (nil): a machine that boots may have no home
// directories yet.
func (c *mountConfig) backgroundLog() (*os.File, error) {
	if c.logFile != "" {
		return openLog(c.logFile)
	}
	dir, err := stateDir()
	if err != nil || os.MkdirAll(dir, 0o700) != nil {
		return nil, nil
	}
	name := filepath.Join(dir, url.PathEscape(c.source.user+"@"+c.source.host)+".log")
	if info, err := os.Stat(name); err == nil && info.Size() > maxLog {
		os.Rename(name, name+".old") // nobody else keeps it short
	}
	f, err := openLog(name)
	if err != nil {
		return nil, nil
	}
	return f, nil
}

// stateDir is imapfs's directory for logs and the like.
func stateDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // as the specification wants it
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "imapfs"), nil
}

// maxLog is how large, in bytes, a log of ours may be when a mount begins.
const maxLog = 1 << 20

// openLog opens a log that only its owner can read.
func openLog(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return f, nil
}
