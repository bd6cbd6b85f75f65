package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/imapbackend/imaptest"
)

// note is a message with a subject of its own.
func note(subject string) []byte {
	fields := []string{"From: a@example.org", "Subject: " + subject, sampleDateField}
	return imaptest.CRLF(imaptest.Message(fields, imaptest.Text("text/plain", "utf-8", subject+"\n")))
}

// never is a poll interval that a test does not live to see: what it finds has
// been told by IDLE.
func never(c *mountConfig) { c.poll = time.Hour }

// told is never, but for Mailutils, whose IDLE tells all news at its end.
func told(t testing.TB) func(c *mountConfig) {
	if strings.HasSuffix(t.Name(), "/mailutils") {
		return soon
	}
	return never
}

func soon(c *mountConfig) { c.poll = 100 * time.Millisecond }

// subjects returns what ls shows of a mailbox, the subjects of the messages.
func subjects(t testing.TB, dir string) []string {
	t.Helper()
	// Not os.ReadDir: a program of its own has no directory open already.
	out, err := exec.Command("ls", dir).Output()
	if err != nil {
		t.Fatalf("ls %s: %v", dir, err)
	}
	var all []string
	for _, name := range strings.Fields(string(out)) {
		if fields := strings.Split(name, "_"); len(fields) == 5 {
			all = append(all, fields[3])
		}
	}
	slices.Sort(all)
	return all
}

// shows waits until ls of a mailbox shows exactly these subjects.
func shows(t testing.TB, dir string, want ...string) {
	t.Helper()
	eventually(t, func() error {
		if got := subjects(t, dir); !slices.Equal(got, want) {
			return fmt.Errorf("%s shows %q, not %q", dir, got, want)
		}
		return nil
	})
}

// selected is another client, in INBOX.
func selected(t testing.TB, s *imaptest.Server) *otherClient {
	t.Helper()
	c := &otherClient{t, s.Client()}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewMailByIdle(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		dir := mountAt(t, s, s.Addr, told(t))
		var want []string
		shows(t, dir+"/INBOX")
		for i := range 5 {
			subject := fmt.Sprintf("number-%d", i)
			s.Deliver("INBOX", note(subject), sampleDate)
			want = append(want, subject)
			shows(t, dir+"/INBOX", want...)
		}
		if data, err := os.ReadFile(dir + "/INBOX/2026-03-04_0912_a-example-org_number-4_5/body.txt"); string(data) != "number-4\n" {
			t.Errorf("new mail reads %q: %v", data, err)
		}
	})
}

// TestExpungeAndFlagsByIdle is without Mailutils's EXPUNGE, which it tells as
// EXPUNGED, so that the other client gives up.
func TestExpungeAndFlagsByIdle(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		for _, subject := range []string{"one", "three", "two"} {
			s.Deliver("INBOX", note(subject), sampleDate)
		}
		dir := mountAt(t, s, s.Addr, told(t))
		shows(t, dir+"/INBOX", "one", "three", "two")
		two := dir + "/INBOX/2026-03-04_0912_a-example-org_two_3"
		if got := attribute(t, two, "user.imap.flags"); got != "" {
			t.Errorf("flags are %q at first", got)
		}
		other := selected(t, s)
		other.flag(3, imap.FlagFlagged)
		if strings.HasSuffix(t.Name(), "/mailutils") {
			// It keeps STORE to itself until the mailbox is closed.
			if _, err := other.Select("INBOX", nil).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, func() error {
			if got := attribute(t, two, "user.imap.flags"); got != `\Flagged` {
				return fmt.Errorf("flags are %q", got)
			}
			return nil
		})
		if strings.HasSuffix(t.Name(), "/mailutils") {
			return
		}
		other.expunge(2)
		shows(t, dir+"/INBOX", "one", "two")
		if _, err := os.Stat(dir + "/INBOX/2026-03-04_0912_a-example-org_three_2"); !os.IsNotExist(err) {
			t.Errorf("the expunged message: %v", err)
		}
	})
}

func TestThousandAtOnce(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", note("first"), sampleDate)
	dir := mountAt(t, s, s.Addr, never)
	shows(t, dir+"/INBOX", "first")
	want := []string{"first"}
	for i := range 1000 {
		subject := fmt.Sprintf("n%04d", i)
		s.Deliver("INBOX", note(subject), sampleDate)
		want = append(want, subject)
	}
	shows(t, dir+"/INBOX", want...)
}

// TestMailboxesAtOnce sees changes in mailboxes that no IDLE covers, on servers
// with less and less to go by.
func TestMailboxesAtOnce(t *testing.T) {
	for name, capability := range map[string]string{
		"all":       "",
		"no IDLE":   "imap_capability = IMAP4rev1 CONDSTORE ESEARCH UIDPLUS",
		"IMAP4rev1": "imap_capability = IMAP4rev1",
	} {
		t.Run(name, func(t *testing.T) {
			names := []string{"A", "B", "C", "D", "E"}
			s := imaptest.Dovecot(t, imaptest.WithMailboxes(names...), imaptest.WithConfig(capability))
			dir := mountAt(t, s, s.Addr, soon)
			for _, name := range names {
				s.Deliver(name, note("old"), sampleDate)
				shows(t, dir+"/"+name, "old")
			}
			for _, name := range names {
				s.Deliver(name, note("new"), sampleDate)
			}
			for _, name := range names {
				shows(t, dir+"/"+name, "new", "old")
			}
			other := &otherClient{t, s.Client()}
			for _, name := range names {
				if _, err := other.Select(name, nil).Wait(); err != nil {
					t.Fatal(err)
				}
				other.flag(1, imap.FlagSeen)
				eventually(t, func() error {
					if got := attribute(t, dir+"/"+name+"/2026-03-04_0912_a-example-org_old_1", "user.imap.flags"); got != `\Seen` {
						return fmt.Errorf("flags in %s are %q", name, got)
					}
					return nil
				})
				other.expunge(1)
				shows(t, dir+"/"+name, "new")
			}
		})
	}
}

// TestMailboxesComeAndGo follows CREATE, RENAME and DELETE, and a mailbox that
// is another than it was under the same name.
func TestMailboxesComeAndGo(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		// Dovecot's index of mailboxes does not notice one that is deleted and
		// created again within a second, in sessions that have seen it before.
		var opts []imaptest.Option
		if strings.HasSuffix(t.Name(), "/dovecot") {
			opts = append(opts, imaptest.WithConfig("mailbox_list_index = no"))
		}
		s := start(t, opts...)
		// Courier has all mailboxes below INBOX.
		prefix, below, inbox := "", "", []string{"INBOX"}
		if strings.HasSuffix(t.Name(), "/courier") {
			prefix, below, inbox = "INBOX.", "/INBOX", nil
		}
		dir := mountAt(t, s, s.Addr, soon) + below
		mailboxes := func(want ...string) {
			t.Helper()
			eventually(t, func() error {
				out, err := exec.Command("ls", dir).Output()
				want := slices.Concat(inbox, want)
				if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
					return fmt.Errorf("mailboxes %q, not %q: %v", got, want, err)
				}
				return nil
			})
		}
		mailboxes()
		other := s.Client()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(other.Create(prefix+"Work", nil).Wait())
		mailboxes("Work")
		s.Deliver("Work", note("before"), sampleDate)
		shows(t, dir+"/Work", "before")
		must(other.Rename(prefix+"Work", prefix+"Play", nil).Wait())
		mailboxes("Play")
		shows(t, dir+"/Play", "before")
		must(other.Delete(prefix + "Play").Wait())
		mailboxes()
		must(other.Create(prefix+"Play", nil).Wait())
		s.Deliver("Play", note("after"), sampleDate)
		mailboxes("Play")
		shows(t, dir+"/Play", "after")
		files, err := filepath.Glob(dir + "/Play/*/body.txt")
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		if data, err := os.ReadFile(files[0]); string(data) != "after\n" {
			t.Errorf("the new mailbox's message reads %q: %v", data, err)
		}
	})
}

// TestWatcherRecovers sees new mail again after every connection was reset, and
// after a time in which nothing came through.
func TestWatcherRecovers(t *testing.T) {
	s := imaptest.Dovecot(t)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, never)
	shows(t, dir+"/INBOX")
	s.Deliver("INBOX", note("a"), sampleDate)
	shows(t, dir+"/INBOX", "a")
	line.Reset()
	s.Deliver("INBOX", note("b"), sampleDate)
	shows(t, dir+"/INBOX", "a", "b")
	line.Hang()
	s.Deliver("INBOX", note("c"), sampleDate)
	shows(t, dir+"/INBOX", "a", "b") // what is known is shown, at once
	line.Resume()
	shows(t, dir+"/INBOX", "a", "b", "c")
}
