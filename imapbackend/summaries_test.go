package imapbackend

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// TestPoison lists a mailbox in which some messages end the connection, in
// every way in which they can: the others are described in full, and what the
// poison costs is connections in proportion to it.
func TestPoison(t *testing.T) {
	const total = 2000
	s := imaptest.Memory(t)
	for i := range total {
		s.Deliver("INBOX", fmt.Appendf(nil, "Subject: %d\r\n\r\nx", i+1), time.Unix(1e9, 0))
	}
	atSummary := func(r *imaptest.Response) bool { return r.Has("ENVELOPE") }
	always := func(r *imaptest.Response) bool { return r.Name() == "FETCH" }
	for _, kind := range []struct {
		name    string
		answer  string
		on      func(*imaptest.Response) bool
		per     int64 // connections that one may cost
		leaving bool
	}{
		{"malformed", "* 1 FETCH (UID 1 ENVELOPE (NIL {9999999999}\r\n", atSummary, 3, false},
		{"crash amid the answer", "* 1 FETCH (UID 1 ENVELOPE (NIL \"", atSummary, 4, true},
		{"crash before the answer", "", atSummary, 4, true},
		{"crash at anything", "", always, 7, true},
	} {
		for _, n := range []int{1, 3, 20} {
			t.Run(fmt.Sprintf("%s, %d", kind.name, n), func(t *testing.T) {
				poison := make(map[uint32]bool)
				for i := range n {
					poison[uint32(total/2-i*(1+i%3))] = true
				}
				injector := imaptest.Hostile(t, s)
				injector.Use(func(r *imaptest.Response, w io.Writer) error {
					if !kind.on(r) || !poison[r.UID()] {
						return imaptest.Pass(r, w)
					}
					w.Write(imaptest.Fit(kind.answer, r))
					if kind.leaving {
						return io.EOF
					}
					return nil
				})
				got := listAll(t, injector, total)
				for uid := uint32(1); uid <= total; uid++ {
					m := got[uid]
					switch {
					case m == nil:
						t.Errorf("message %d is missing", uid)
					case poison[uid] != (m.Defects != 0):
						t.Errorf("message %d has defects %b", uid, m.Defects)
					case !poison[uid] && m.Subject != fmt.Sprint(uid):
						t.Errorf("message %d has the subject %q", uid, m.Subject)
					}
				}
				if c := injector.Connections(); c > 5+kind.per*int64(n) {
					t.Errorf("%d connections", c)
				} else {
					t.Logf("%d connections", c)
				}
			})
		}
	}
}

// TestRefusals lists mailboxes whose server leaves messages out, or refuses a
// whole command for one of them.
func TestRefusals(t *testing.T) {
	const total = 1000
	s := imaptest.Memory(t)
	for i := range total {
		s.Deliver("INBOX", fmt.Appendf(nil, "Subject: %d\r\n\r\nx", i+1), time.Unix(1e9, 0))
	}
	odd := func(uid uint32) bool { return uid%100 == 7 }
	for name, filter := range map[string]imaptest.Filter{
		"left out": func(r *imaptest.Response, w io.Writer) error {
			if r.Has("ENVELOPE") && odd(r.UID()) {
				return nil
			}
			return imaptest.Pass(r, w)
		},
		"refused": func(r *imaptest.Response, w io.Writer) error {
			summaries := strings.Contains(r.Command, "ENVELOPE")
			about := 0
			for uid := uint32(7); uid <= total; uid += 100 {
				if summaries && imaptest.AsksFor(r.Command, uid) {
					about++
				}
			}
			switch {
			case about > 0 && r.Name() == "FETCH":
				return nil
			case about > 0 && strings.HasPrefix(string(r.Raw), r.Tag+" "):
				_, err := fmt.Fprintf(w, "%s NO internal error\r\n", r.Tag)
				return err
			}
			return imaptest.Pass(r, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			injector := imaptest.Hostile(t, s)
			injector.Use(filter)
			got := listAll(t, injector, total)
			for uid := uint32(1); uid <= total; uid++ {
				if m := got[uid]; m == nil || odd(uid) != (m.Defects != 0) {
					t.Errorf("message %d: %+v", uid, m)
				}
			}
			if c := injector.Connections(); c > 2 {
				t.Errorf("%d connections", c)
			}
		})
	}
}

// listAll describes the messages 1 to total, the newest first.
func listAll(t *testing.T, injector *imaptest.Injector, total uint32) map[uint32]*cache.Message {
	t.Helper()
	c, err := Dial(t.Context(), Options{
		Address: injector.Addr, Security: Plaintext, Username: "alice", Password: "secret",
		MaxConnections: 4, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id := cache.ID{Name: "INBOX"}
	snap, err := c.Snapshot(t.Context(), id, cache.State{})
	state, uids := snap.State, snap.UIDs
	if err != nil || uint32(len(uids)) != total {
		t.Fatalf("%d messages: %v", len(uids), err)
	}
	newest := make([]uint32, total)
	for i, uid := range uids {
		newest[int(total)-1-i] = uid
	}
	got := make(map[uint32]*cache.Message)
	if err := c.Summaries(t.Context(), id, state.Validity, newest, func(m *cache.Message) { got[m.UID] = m }); err != nil {
		t.Fatal(err)
	}
	return got
}
