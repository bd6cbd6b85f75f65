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

// TestReading shows how far it is once it takes long: a bar on a terminal, and
// lines elsewhere.
func TestReading(t *testing.T) {
	keyboard, screen := terminal(t)
	var lines strings.Builder
	for _, out := range []io.Writer{screen, &lines} {
		r := newReading(out, "alice")
		r.update(1<<20, 4<<20)
		r.begun, r.last = r.begun.Add(-shownAfter), r.last.Add(-plainEvery)
		r.update(2<<20, 4<<20)
		r.update(3<<20, 4<<20)
		if r.pb != nil {
			r.pb.Write() // what it else does now and then
		}
		r.end()
	}
	screen.Close()
	shown, _ := io.ReadAll(keyboard) // EIO is its end
	if !strings.Contains(string(shown), "alice 3.00 MiB / 4.00 MiB [") {
		t.Errorf("the bar is %q", shown)
	}
	if lines.String() != "alice: 2.0 MiB of 4.0 MiB\n" {
		t.Errorf("the lines are %q", lines.String())
	}
}
