package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
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

// terminal is a pseudo-terminal: what is typed at one end is read at the other.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// TestPrompt asks on the terminal without showing the answer.
func TestPrompt(t *testing.T) {
	s := imaptest.Memory(t)
	for _, answer := range []string{"secret\n", "", "interrupt"} {
		keyboard, screen := terminal(t)
		dir := t.TempDir()
		cmd := command(t, "mount", sourceOf(s), dir)
		cmd.Env = append(cmd.Env, "IMAPFS_PASSWORD_COMMAND=")
		for i, v := range cmd.Env {
			if strings.HasPrefix(v, passwordVar+"=") {
				cmd.Env[i] = "UNSET="
			}
		}
		var said bytes.Buffer
		cmd.Stdin, cmd.Stderr = screen, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if echoes(t, screen) {
				return fmt.Errorf("it does not ask")
			}
			return nil
		})
		want := ""
		switch answer {
		case "interrupt":
			cmd.Process.Signal(os.Interrupt)
			want = "\nimapfs: interrupted\n"
		case "":
			keyboard.WriteString("\n")
			want = "\nimapfs: no password was given\n"
		default:
			keyboard.WriteString(answer)
			want = "\n"
		}
		err := cmd.Wait()
		if (err == nil) != (answer == "secret\n") || said.String() != "Password for "+sourceOf(s)+": "+want {
			t.Errorf("%q: %v, %q", answer, err, said.String())
		}
		if !echoes(t, screen) {
			t.Errorf("%q: the terminal is left without echo", answer)
		}
		if err == nil {
			works(t, "umount", dir)
		}
		gone(t, dir)
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
