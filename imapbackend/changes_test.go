package imapbackend

import (
	"errors"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// TestChanges is told what changed and what went, by a server that keeps a
// record of it.
func TestChanges(t *testing.T) {
	s := imaptest.Dovecot(t)
	for range 20 {
		s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
	}
	c := dial(t, s, s.Addr, 2)
	inbox := cache.ID{Name: "INBOX"}
	before, _ := list(t, c, inbox)

	other := s.Client()
	if _, err := other.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	flag := func(flag imap.Flag, uids ...imap.UID) {
		t.Helper()
		if err := other.Store(imap.UIDSetNum(uids...), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}}, nil).Close(); err != nil {
			t.Fatal(err)
		}
	}
	flag(imap.FlagFlagged, 3, 17)
	flag(imap.FlagDeleted, 5, 6, 20)
	if err := other.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	s.Deliver("INBOX", []byte("Subject: new\n\nx\n"), delivered)
	after, _ := list(t, c, inbox)

	var changed, gone []uint32
	err := c.Changes(t.Context(), inbox, before.Validity, before.ModSeq, before.Next,
		func(m *cache.Message) {
			if !slices.Equal(m.Flags, []string{`\Flagged`}) || m.ModSeq <= before.ModSeq || m.ModSeq > after.ModSeq {
				t.Errorf("message %d has %q at %d", m.UID, m.Flags, m.ModSeq)
			}
			changed = append(changed, m.UID)
		},
		func(first, last uint32) {
			for uid := first; uid <= last; uid++ {
				gone = append(gone, uid)
			}
		})
	slices.Sort(changed)
	slices.Sort(gone)
	if err != nil || !slices.Equal(changed, []uint32{3, 17}) || !slices.Equal(gone, []uint32{5, 6, 20}) {
		t.Errorf("changed %d, gone %d, %v", changed, gone, err)
	}

	less := imaptest.Dovecot(t, imaptest.WithConfig("imap_capability = IMAP4rev1 CONDSTORE"))
	less.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
	c = dial(t, less, less.Addr, 2)
	before, _ = list(t, c, inbox)
	if err := c.Changes(t.Context(), inbox, before.Validity, max(before.ModSeq, 1), before.Next, nil, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without QRESYNC: %v", err)
	}
}
