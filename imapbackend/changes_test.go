package imapbackend

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// TestDifferences is told what is different from a state before, by servers that
// keep a record of what went, and by others.
func TestDifferences(t *testing.T) {
	for name, capability := range map[string]string{
		"QRESYNC":   "",
		"CONDSTORE": "imap_capability = IMAP4rev1 CONDSTORE ESEARCH",
		"IMAP4rev1": "imap_capability = IMAP4rev1",
	} {
		t.Run(name, func(t *testing.T) {
			s := imaptest.Dovecot(t, imaptest.WithConfig(capability))
			deliver := func(n int) {
				for range n {
					s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
				}
			}
			deliver(20)
			c := dial(t, s, s.Addr, 2)
			known, uids := list(t, c, inbox)
			other := s.Client()
			if _, err := other.Select("INBOX", nil).Wait(); err != nil {
				t.Fatal(err)
			}
			flag := func(flag imap.Flag, uids ...imap.UID) {
				t.Helper()
				add := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}}
				if err := other.Store(imap.UIDSetNum(uids...), add, nil).Close(); err != nil {
					t.Fatal(err)
				}
			}
			expunge := func(uids ...imap.UID) {
				t.Helper()
				flag(imap.FlagDeleted, uids...)
				if err := other.Expunge().Close(); err != nil {
					t.Fatal(err)
				}
			}
			// check compares what the differences come to with the whole.
			check := func(what string, from uint32) {
				t.Helper()
				snap, err := c.Snapshot(t.Context(), inbox, known)
				if err != nil {
					t.Fatal(err)
				}
				if snap.From != from {
					t.Errorf("%s: from %d, not %d", what, snap.From, from)
				}
				var now []uint32
				for _, uid := range uids {
					went := slices.ContainsFunc(snap.Gone, func(r cache.Range) bool { return r.First <= uid && uid <= r.Last })
					if uid < snap.From && !went {
						now = append(now, uid)
					}
				}
				now = append(now, snap.UIDs...)
				if known, uids = list(t, c, inbox); !slices.Equal(now, uids) || known != snap.State {
					t.Errorf("%s: %d and not %d, %+v and not %+v", what, now, uids, snap.State, known)
				}
			}
			check("nothing", 21)
			deliver(3)
			check("new mail", 21)
			flag(imap.FlagFlagged, 3, 17)
			check("flags", 24)
			whole := uint32(1)
			if name == "QRESYNC" {
				whole = 24
			}
			expunge(5, 6, 23)
			check("expunged", whole)
			if name == "QRESYNC" {
				whole = 24
			}
			deliver(1)
			expunge(1, 7)
			check("both", whole)
			expunge(24)
			if name == "QRESYNC" {
				whole = 25
			}
			check("the last", whole)
		})
	}
}
