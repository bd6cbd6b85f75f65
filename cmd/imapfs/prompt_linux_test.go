package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

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
