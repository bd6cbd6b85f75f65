package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

// shownOn collects what a program writes on a terminal.
func shownOn(keyboard *os.File) (shown func() string, ended <-chan struct{}) {
	var mu sync.Mutex
	var all strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, err := keyboard.Read(b) // EIO is its end
			mu.Lock()
			all.Write(b[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}, done
}

func resize(t *testing.T, keyboard *os.File, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
}

// TestWatch shows the state on a terminal, in other sizes at once, and leaves the
// terminal as it was after Ctrl-C.
func TestWatch(t *testing.T) {
	s := imaptest.Memory(t)
	dir := mountAt(t, s, s.Addr)
	for _, noColor := range []bool{false, true} {
		keyboard, screen := terminal(t)
		resize(t, keyboard, 200, 50)
		cmd := command(t, "status", dir, "--watch", "1h") // what comes then comes by resizing
		cmd.Env = append(cmd.Env, "TERM=xterm")
		if noColor {
			cmd.Env = append(cmd.Env, "NO_COLOR=1")
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		screen.Close()
		shown, ended := shownOn(keyboard)
		awaitShown := func(what string, screens int) string {
			t.Helper()
			eventually(t, func() error {
				if n := strings.Count(shown(), clearRest); n != screens {
					return fmt.Errorf("%s: %d screenfuls in %q", what, n, shown())
				}
				return nil
			})
			return shown()
		}
		all := awaitShown("at first", 1)
		for _, want := range []string{enterScreen + toTop, "every 1h", "account", "INBOX"} {
			if !strings.Contains(all, want) {
				t.Errorf("no %q in %q", want, all)
			}
		}
		if strings.Contains(all, bold) == noColor {
			t.Errorf("NO_COLOR %v: %q", noColor, all)
		}
		resize(t, keyboard, 30, 6)
		second := strings.TrimPrefix(awaitShown("small", 2), all)
		if lines := strings.Split(second, "\r\n"); len(lines) != 6 || !strings.Contains(lines[5], "more lines") {
			t.Errorf("a small terminal shows %q", second)
		}
		keyboard.WriteString("\x03")
		if err := cmd.Wait(); err != nil {
			t.Errorf("after Ctrl-C: %v", err)
		}
		<-ended
		if !strings.HasSuffix(shown(), leaveScreen) {
			t.Errorf("it leaves %q", shown())
		}
	}
}

// TestWatchPlain shows the state again and again where there is no terminal, until
// the mount ends.
func TestWatchPlain(t *testing.T) {
	s := imaptest.Memory(t)
	dir, unmount := mountOnce(t, s, s.Addr)
	start := func(args ...string) (lines *bufio.Scanner, wait func() error, complaint *strings.Builder) {
		t.Helper()
		cmd := command(t, args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		complaint = new(strings.Builder)
		cmd.Stderr = complaint
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines = bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		return lines, func() error { io.Copy(io.Discard, out); return cmd.Wait() }, complaint
	}
	text, wait, _ := start("status", "--watch=0.1", dir)
	for accounts := 0; accounts < 3 && text.Scan(); {
		if strings.HasPrefix(text.Text(), "account ") {
			accounts++
		}
		if strings.Contains(text.Text(), "\x1b") {
			t.Errorf("%q", text.Text())
		}
	}
	unmounted := make(chan struct{})
	objects, waitJSON, complaint := start("status", dir, "100ms", "--json", "--watch")
	for range 2 {
		if !objects.Scan() {
			t.Fatal(complaint)
		}
		var r report
		if err := json.Unmarshal(objects.Bytes(), &r); err != nil || r.Mountpoint != dir {
			t.Errorf("%s: %v", objects.Bytes(), err)
		}
	}
	go func() { defer close(unmounted); unmount() }()
	for objects.Scan() {
	}
	waitJSON()
	if !strings.HasPrefix(complaint.String(), "imapfs: the mount at "+dir+" has ended\n") {
		t.Errorf("at the end of the mount: %q", complaint)
	}
	wait()
	<-unmounted
}

// TestWatchWrong refuses what is no interval.
func TestWatchWrong(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"status", dir, "--watch=0"}, {"status", dir, "--watch=10ms"}, {"status", dir, "--watch=soon"}, {"status", dir, "--watch=-5s"},
	} {
		fails(t, command(t, args...), "not an interval")
	}
	fails(t, command(t, "status", dir, "5s"), "one argument too many")
	fails(t, command(t, "status", dir, "--watch", "soon"), "one argument too many")
	fails(t, command(t, "status", dir, "--watch"), "no imapfs is mounted")
}

// TestScreenful cuts a text to the size of a terminal.
func TestScreenful(t *testing.T) {
	for _, test := range []struct {
		text          string
		width, height int
		want          string
	}{
		{"a\nb\n", 80, 24, "\x1b[Ht\x1b[K\r\na\x1b[K\r\nb\x1b[K\x1b[J"},
		{"a\nb\n", 80, 3, "\x1b[Ht\x1b[K\r\na\x1b[K\r\nb\x1b[K\x1b[J"},
		{"a\nb\nc\n", 80, 3, "\x1b[Ht\x1b[K\r\na\x1b[K\r\n... 2 more lines\x1b[K\x1b[J"},
		{"a\nb\nc\n", 80, 2, "\x1b[Ht\x1b[K\r\n... 3 more lines\x1b[K\x1b[J"},
		{"abcdef\n", 6, 3, "\x1b[Ht\x1b[K\r\nabcd…\x1b[K\x1b[J"},
		{"日日日日\n", 6, 3, "\x1b[Ht\x1b[K\r\n日日…\x1b[K\x1b[J"},
	} {
		if got := screenful("t", test.text, test.width, test.height); got != test.want {
			t.Errorf("%q in %dx%d: %q, not %q", test.text, test.width, test.height, got, test.want)
		}
	}
}
