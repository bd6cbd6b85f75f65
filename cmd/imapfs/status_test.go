package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// statusOf is what imapfs status --json tells.
func statusOf(t testing.TB, dir string) (r report) {
	t.Helper()
	if err := json.Unmarshal([]byte(works(t, "status", "--json", dir)), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// counts are the messages of the mailboxes that have been synced.
func counts(r report) (all []string) {
	for _, m := range r.Mailboxes {
		if m.Synced != nil {
			all = append(all, fmt.Sprintf("%s %d", m.Name, m.Messages))
		}
	}
	return all
}

// TestStatus asks a mount how it is, by the command and by the files.
func TestStatus(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Lists/a b"))
	s.Deliver("INBOX", note("one"), sampleDate)
	dir := background(t, s)
	if r := statusOf(t, dir); len(counts(r)) != 0 || len(r.Mailboxes) != 2 || !r.Server.Online || r.Server.Security != "none" ||
		r.Process != daemon(t, dir) || r.Mountpoint != dir || r.User != "alice" || len(r.Connections) == 0 || r.Memory.Limit != 128<<20 {
		t.Errorf("before anything was listed: %+v", r)
	}
	shows(t, dir+"/INBOX", "one")
	eventually(t, func() error {
		if got := counts(statusOf(t, dir)); !slices.Equal(got, []string{"INBOX 1"}) {
			return fmt.Errorf("after a listing: %q", got)
		}
		return nil
	})
	text := works(t, "status", dir)
	for _, want := range []string{"imap://alice@" + s.Addr + "\n", "INBOX  1 message ", "1 mailbox not listed yet", "not encrypted"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	entries, err := os.ReadDir(dir + "/.imapfs")
	if err != nil || len(entries) != 4 {
		t.Errorf(".imapfs lists %v: %v", entries, err)
	}
	for _, name := range []string{"status", "status.json"} {
		name = filepath.Join(dir, ".imapfs", name)
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(name); err != nil || int64(len(data)) != info.Size() {
			t.Errorf("%s has %d bytes, not %d: %v", name, len(data), info.Size(), err)
		}
	}
}

// TestSync has the mailboxes as they are on the server, whoever polls how often.
func TestSync(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Archive", "Lists/go"))
	dir := background(t, s, "--poll", "1h")
	if out := works(t, "sync", dir); out != "0 messages in 3 mailboxes, as on the server\n" {
		t.Errorf("sync says %q", out)
	}
	for i := range 3 {
		s.Deliver("Archive", note(fmt.Sprint(i)), sampleDate)
	}
	s.Deliver("Lists/go", note("go"), sampleDate)
	if err := s.Client().Create("New", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if out := works(t, "sync", dir); out != "4 messages in 4 mailboxes, as on the server\n" {
		t.Errorf("sync says %q", out)
	}
	shows(t, dir+"/Archive", "0", "1", "2")
	if r := statusOf(t, dir); r.Sync == nil || r.Sync.Error != "" {
		t.Errorf("the status tells %+v of it", r.Sync)
	}
}

// TestSyncFails names the mailbox that cannot be read, by sync and by mount.
func TestSyncFails(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Closed", "Open"))
	dir := background(t, s)
	s.Forbid("Closed")
	fails(t, command(t, "sync", dir), `"Closed"`)
	r := statusOf(t, dir)
	for _, m := range r.Mailboxes {
		if (m.Error != "") != (m.Name == "Closed") {
			t.Errorf("the status tells %+v", m)
		}
	}
	if r.Sync == nil || !strings.Contains(r.Sync.Error, "Closed") {
		t.Errorf("the status tells %+v of it", r.Sync)
	}
	fresh := t.TempDir()
	fails(t, command(t, "mount", "--fresh", sourceOf(s), fresh), `"Closed"`)
	gone(t, fresh)
	works(t, "mount", "--fresh", sourceOf(s)+"/Open", fresh) // which is not concerned
	works(t, "umount", fresh)
	gone(t, fresh)
}

// TestFresh has every mailbox once mount returns.
func TestFresh(t *testing.T) {
	s := imaptest.Memory(t, imaptest.WithMailboxes("Archive", "Archive/2019"))
	s.Deliver("Archive/2019", note("old"), sampleDate)
	dir := background(t, s, "--fresh")
	if got := counts(statusOf(t, dir)); !slices.Equal(got, []string{"Archive 0", "Archive/2019 1", "INBOX 0"}) {
		t.Errorf("after mount --fresh: %q", got)
	}
}

// TestInterruptedSync ends a sync by Ctrl-C while the server hangs, and leaves
// the mount as it was.
func TestInterruptedSync(t *testing.T) {
	s := imaptest.Memory(t)
	line := imaptest.Proxy(t, s.Addr)
	s.Addr = line.Addr
	dir := background(t, s)
	line.Hang()
	defer line.Resume()
	before := line.Up()
	cmd := command(t, "sync", dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if line.Up() == before {
			return fmt.Errorf("nothing is asked of the server")
		}
		return nil
	})
	cmd.Process.Signal(os.Interrupt)
	began := time.Now()
	cmd.Wait()
	if took := time.Since(began); took > time.Second || cmd.ProcessState.Success() || out.Len() > 0 {
		t.Errorf("it ended after %v: %v, %s", took, cmd.ProcessState, out.String())
	}
	if r := statusOf(t, dir); r.Sync != nil {
		t.Errorf("the status tells %+v", r.Sync)
	}
}
