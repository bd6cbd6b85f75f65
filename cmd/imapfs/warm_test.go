package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imapfs/cache"
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
	line.Refuse()
	line.Reset()
	eventually(t, func() error { // also what is asked for by the way
		if statusOf(t, dir).Server.Offline == nil {
			os.ReadFile(filepath.Join(dir, ".imapfs/sync"))
			return errors.New("it does not know that it is offline")
		}
		return nil
	})
	if err := readSamples(filepath.Join(dir, ".imapfs/eml"), withNotes(want)); err != nil {
		t.Error(err)
	}
	walkErr := filepath.WalkDir(filepath.Join(dir, "INBOX"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = d.Info()
		}
		return err
	})
	if walkErr != nil {
		t.Errorf("what ls -l shows is not there: %v", walkErr)
	}
}

// withNotes adds to want what TestWarm delivers beside the samples.
func withNotes(want map[string]string) map[string]string {
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

// TestInterruptedWarm ends at once by Ctrl-C, in the mount as well, and loses
// nothing.
func TestInterruptedWarm(t *testing.T) {
	s := imaptest.Dovecot(t)
	const messages, octets = 300, 20 << 10
	for i := range messages {
		s.Deliver("INBOX", append(note(fmt.Sprint(i)), imaptest.Octets(octets)...), sampleDate)
	}
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, never, func(c *mountConfig) { c.memory = "256MiB" })
	works(t, "warm", dir)
	line.Delay(50 * time.Millisecond)
	before := line.Down()

	cmd := command(t, "warm", "--bodies", "--json", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var p cache.WarmProgress
	for lines := json.NewDecoder(out); p.Done == 0; {
		if err := lines.Decode(&p); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Signal(os.Interrupt)
	began := time.Now()
	go io.Copy(io.Discard, out)
	cmd.Wait()
	if took := time.Since(began); took > time.Second || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends after %v with %v", took, cmd.ProcessState)
	}
	eventually(t, func() error {
		for _, c := range statusOf(t, dir).Connections {
			if c.Operations > 0 && !c.Watcher {
				return fmt.Errorf("the mount goes on: %+v", c)
			}
		}
		return nil
	})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the mount goes on for %v", took)
	}
	line.Delay(0)
	works(t, "warm", "--bodies", dir)
	if n := line.Down() - before; p.Done == messages || n > messages*octets*5/4 {
		t.Errorf("interrupted after %d messages, and %d octets came in all", p.Done, n)
	}
}
