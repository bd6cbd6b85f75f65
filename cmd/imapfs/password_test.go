package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPassword(t *testing.T) {
	file := func(t *testing.T, text string) string {
		name := filepath.Join(t.TempDir(), "password")
		write(t, name, text)
		return name
	}
	for _, test := range []struct {
		name          string
		command, file string // file: its text
		variable      string
		want, err     string
	}{
		{name: "command", command: "echo ' two words '; echo more", file: "f", variable: "v", want: " two words "},
		{name: "command with CRLF", command: `printf 'pass\r\n'`, want: "pass"},
		{name: "command that fails", command: "echo pass; exit 3", err: "exit status 3"},
		{name: "command without output", command: "true", err: "printed nothing"},
		{name: "command does not see the variable", command: `echo "[$IMAPFS_PASSWORD]"`, variable: "v", want: "[]"},
		{name: "file", file: "pässword\nmore", variable: "v", want: "pässword"},
		{name: "empty file", file: "\n", err: "is empty"},
		{name: "variable", variable: "v", want: "v"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.variable != "" {
				t.Setenv(passwordVar, test.variable)
			}
			c := &mountConfig{passwordCommand: test.command}
			if test.file != "" {
				c.passwordFile = file(t, test.file)
			}
			err := c.askPassword(context.Background())
			if c.password != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q, %v", c.password, err)
			}
			if _, set := os.LookupEnv(passwordVar); set {
				t.Error("the variable is still set")
			}
		})
	}
}

// TestPasswordCommandInterrupted ends a password command that waits.
func TestPasswordCommandInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	c := &mountConfig{passwordCommand: "exec sleep 1000"}
	if err := c.askPassword(ctx); err == nil {
		t.Error("no error")
	}
}
