package imapbackend

import (
	"fmt"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// TestUIDsLast reads mail that comes in, on servers that number it only in
// SELECT: what has been seen under a UID stays under it.
func TestUIDsLast(t *testing.T) {
	inbox := cache.ID{Name: "INBOX"}
	t.Run("courier", func(t *testing.T) {
		s := imaptest.Courier(t, imaptest.WithClocksApart())
		if validities := uidsLast(t, s, func(i int) { s.Deliver("INBOX", numbered(i), delivered) }); validities != 1 {
			t.Errorf("%d UIDVALIDITYs", validities)
		}
		unseen, err := dial(t, s, s.Addr, 2).States(t.Context(), []cache.ID{inbox})
		if err != nil || unseen[inbox].Unseen != arrivals {
			t.Errorf("%+v, %v", unseen, err)
		}
	})
	t.Run("mailutils", func(t *testing.T) {
		s := imaptest.Mailutils(t)
		client := s.Client()
		// Its UIDVALIDITY changes with all mail that it has not numbered.
		uidsLast(t, s, func(i int) {
			append := client.Append("INBOX", int64(len(numbered(i))), &imap.AppendOptions{})
			append.Write(numbered(i))
			append.Close()
			if _, err := append.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// arrivals is how many messages come in, one by one.
const arrivals = 8

func numbered(i int) []byte { return fmt.Appendf(nil, "Subject: %d\r\n\r\n%d\r\n", i, i) }

// uidsLast returns the number of UIDVALIDITYs that the INBOX had.
func uidsLast(t *testing.T, s *imaptest.Server, arrive func(int)) int {
	t.Helper()
	inbox := cache.ID{Name: "INBOX"}
	known := make(map[uint32]map[uint32]string)
	c := dial(t, s, s.Addr, 4)
	for i := range arrivals {
		arrive(i)
		if i%3 == 2 { // others may have listed it meanwhile
			list(t, dial(t, s, s.Addr, 2), inbox)
		}
		state, uids := list(t, c, inbox)
		if len(uids) != i+1 {
			t.Fatalf("%d messages of %d", len(uids), i+1)
		}
		seen := make(map[string]uint32)
		for _, uid := range uids {
			results, err := c.fetch(t.Context(), inbox, state.Validity, []cache.Request{{UID: uid}})
			if err != nil {
				t.Fatalf("UID %d of %d: %v", uid, state.Validity, err)
			}
			text := string(results[0])
			if was, ok := known[state.Validity][uid]; ok && was != text {
				t.Errorf("UID %d was %q, is %q", uid, was, text)
			}
			if known[state.Validity] == nil {
				known[state.Validity] = make(map[uint32]string)
			}
			known[state.Validity][uid] = text
			if other, ok := seen[text]; ok {
				t.Errorf("%q is both UID %d and %d", text, uid, other)
			}
			seen[text] = uid
		}
		if i == 0 {
			time.Sleep(1100 * time.Millisecond) // what is made up as UIDVALIDITY is the time, in seconds
		}
	}
	return len(known)
}
