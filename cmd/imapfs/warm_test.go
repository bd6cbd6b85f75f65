package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// TestWarm has a mailbox's messages without the server, once they are warm.
func TestWarm(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Lists/go", "Lists/c", "Empty"))
	want, _ := deliverSamples(s)
	s.Deliver("Lists/go", note("go"), sampleDate)
	s.Deliver("Lists/c", note("c"), sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, never, func(c *mountConfig) { c.memory = "512MiB" })

	if out := works(t, "warm", dir, "Lists/go", dir+"/Lists/go", "Empty"); !strings.HasSuffix(out, "1 message in 2 mailboxes\n") {
		t.Errorf("of two mailboxes it says %q", out)
	}
	if out := works(t, "warm", "--recursive", "--bodies", dir, "Lists"); !strings.Contains(out, "2 messages in 2 mailboxes, ") {
		t.Errorf("of those below one it says %q", out)
	}
	out := works(t, "warm", dir, "--bodies")
	if !strings.Contains(out, " in 4 mailboxes, ") {
		t.Errorf("of all it says %q", out)
	}
	before := line.Down()
	if err := readSamples(filepath.Join(dir, ".imapfs/eml"), withNotes(dir, want)); err != nil {
		t.Error(err)
	}
	if n := line.Down() - before; n > 20<<10 {
		t.Errorf("reading what is warm took %d octets", n)
	}
}

// withNotes adds to want what TestWarm delivers beside the samples.
func withNotes(dir string, want map[string]string) map[string]string {
	for _, name := range []string{"go", "c"} {
		want["Lists/"+name+"/2026-03-04_0912_a-example-org_"+name+"_1.eml"] = sum(note(name))
	}
	return want
}

// TestWarmRefusals leaves out what came before, and says what it does not understand.
func TestWarmRefusals(t *testing.T) {
	s := imaptest.Memory(t, imaptest.WithMailboxes("Archive", "Archive/2019"))
	s.Deliver("INBOX", note("old"), sampleDate.AddDate(-1, 0, 0))
	s.Deliver("INBOX", note("new"), sampleDate)
	dir := mountAt(t, s, s.Addr)
	if out := works(t, "warm", dir, "INBOX", "--since", sampleDate.AddDate(0, 0, -1).Format(time.DateOnly)); out != "1 message in 1 mailbox\n" {
		t.Errorf("since the day before it says %q", out)
	}
	message := filepath.Join(dir, "INBOX", "2026-03-04_0912_a-example-org_new_2")
	if _, err := os.Stat(message); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct {
		args []string
		want string
	}{
		{[]string{dir, "Inbx"}, "no mailbox Inbx"},
		{[]string{dir, "INBOX/../.."}, "no mailbox"},
		{[]string{dir, "/etc"}, "no mailbox /etc"},
		{[]string{dir, message}, "is no mailbox"},
		{[]string{dir, "--since", "yesterday"}, "not a date"},
		{[]string{t.TempDir()}, "no imapfs is mounted"},
		{nil, "MOUNTPOINT"},
	} {
		fails(t, command(t, append([]string{"warm"}, wrong.args...)...), wrong.want)
	}
}
