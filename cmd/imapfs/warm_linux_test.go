package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// TestWarmBar shows a bar on a terminal, and in the end what has been done.
func TestWarmBar(t *testing.T) {
	s := imaptest.Dovecot(t)
	for i := range 200 {
		s.Deliver("INBOX", append(note(fmt.Sprint(i)), imaptest.Octets(20<<10)...), sampleDate)
	}
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr)
	line.Delay(100 * time.Millisecond)
	keyboard, screen := terminal(t)
	cmd := command(t, "warm", "--bodies", dir)
	cmd.Stdout = screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen.Close()
	shown, _ := io.ReadAll(keyboard) // EIO is its end
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{" of 200 messages [", " of 4.0 MiB ", "MiB/s", "s left", "\r200 messages in 1 mailbox, 4.0 MiB"} {
		if !strings.Contains(string(shown), want) {
			t.Errorf("no %q in %q", want, shown)
		}
	}
}
