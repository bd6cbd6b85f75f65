package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"imapfs/imapbackend/imaptest"
)

// TestBareServer is a user's day with a server that has no extension: both
// layouts hold what was delivered, also at the next mount; a second backup has
// nothing to do; news and changes are seen; nothing is marked as read.
func TestBareServer(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig("imap_capability = IMAP4rev1"))
	eml, parts := deliverSamples(s)

	dir, unmount := mountOnce(t, s, s.Addr)
	first := walk(t, dir)
	compare(t, sums(first), parts)
	compare(t, sums(walk(t, dir+"/.imapfs/eml")), eml)
	unmount()

	dir = mountAt(t, s, s.Addr, soon)
	if again := walk(t, dir); !maps.Equal(first, again) {
		for path, was := range first {
			if is := again[path]; is != was {
				t.Errorf("%s was %+v, is %+v at the next mount", path, was, is)
			}
		}
		t.Errorf("%d names, then %d", len(first), len(again))
	}
	rsyncTwice(t, dir, t.TempDir())
	unread(t, s)

	one := dir + "/INBOX/2026-03-04_0912_Alice-Smith_plain_1"
	other := selected(t, s)
	other.flag(1, imap.FlagFlagged)
	eventually(t, func() error {
		if got := attribute(t, one, "user.imap.flags"); got != `\Flagged` {
			return fmt.Errorf("flags are %q", got)
		}
		return nil
	})
	s.Deliver("INBOX", note("new"), sampleDate)
	there := append(subjects(t, dir+"/INBOX"), "new")
	slices.Sort(there)
	shows(t, dir+"/INBOX", there...)
	other.expunge(1)
	shows(t, dir+"/INBOX", slices.DeleteFunc(there, func(subject string) bool { return subject == "plain" })...)
}

// TestUnreadable fails to read a mailbox that Cyrus lists and does not open, and
// does not show it as empty; what is below it can be read.
func TestUnreadable(t *testing.T) {
	s := imaptest.Cyrus(t, imaptest.WithMailboxes("Closed", "Closed/inside"))
	s.Deliver("Closed", note("one"), sampleDate)
	if err := s.Client().SetACL("Closed", imap.RightsIdentifier(s.Username), imap.RightModificationReplace, imap.RightSet("la")).Wait(); err != nil {
		t.Fatal(err)
	}
	dir := mountAt(t, s, s.Addr)
	if list, err := os.ReadDir(dir + "/Closed"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("it lists %v, %v", list, err)
	}
	if list, err := os.ReadDir(dir + "/Closed/inside"); err != nil {
		t.Errorf("the one inside: %v, %v", list, err)
	}
}
