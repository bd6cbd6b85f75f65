package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
	"imapfs/imapbackend/imaptest"
)

var delivered = time.Date(2026, 3, 4, 9, 12, 0, 0, time.UTC)

// dial returns a client of a server's account, which is closed with the test.
func dial(t *testing.T, s *imaptest.Server, address string, connections int) *Client {
	t.Helper()
	c, err := Dial(t.Context(), Options{
		Address: address, Security: Plaintext, Username: s.Username, Password: s.Password,
		MaxConnections: connections, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// list returns the UIDs of a mailbox.
func list(t *testing.T, c *Client, id cache.ID) (cache.State, []uint32) {
	t.Helper()
	snap, err := c.Snapshot(t.Context(), id, cache.State{})
	if err != nil {
		t.Fatal(err)
	}
	return snap.State, snap.UIDs
}

// TestOneConnection serves many readers of several mailboxes, each in its turn,
// where there may be one connection only.
func TestOneConnection(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("A", "B"), imaptest.WithConfig("mail_max_userip_connections = 1"))
	ids := []cache.ID{{Name: "A"}, {Name: "B"}}
	for _, id := range ids {
		s.Deliver(id.Name, []byte("Subject: in "+id.Name+"\n\n"+id.Name+"\n"), delivered)
	}
	c := dial(t, s, s.Addr, 4)
	results := make(chan error, 40)
	for i := range cap(results) {
		id := ids[i%2]
		go func() {
			snap, err := c.Snapshot(context.Background(), id, cache.State{})
			if err == nil {
				var got [][]byte
				got, err = c.fetch(context.Background(), id, snap.State.Validity, []cache.Request{{UID: snap.UIDs[0], Section: "1"}})
				if err == nil && strings.TrimSpace(string(got[0])) != id.Name {
					err = errors.New("the body of another mailbox: " + string(got[0]))
				}
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// TestStale refuses to fetch by UIDs of another UIDVALIDITY.
func TestStale(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
	c := dial(t, s, s.Addr, 2)
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	_, err := c.fetch(t.Context(), inbox, state.Validity+1, []cache.Request{{UID: uids[0]}})
	if !errors.Is(err, cache.ErrStale) {
		t.Errorf("%v, not ErrStale", err)
	}
}

// TestKinds gives failures their kinds.
func TestKinds(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
	c := dial(t, s, s.Addr, 2)
	state, uids := list(t, c, cache.ID{Name: "INBOX"})
	if _, err := c.Snapshot(t.Context(), cache.ID{Name: "nowhere"}, cache.State{}); !errors.Is(err, cache.ErrNotExist) {
		t.Errorf("a mailbox that is not there: %v", err)
	}
	if _, err := c.fetch(t.Context(), cache.ID{Name: "INBOX"}, state.Validity, []cache.Request{{UID: uids[0] + 1}}); !errors.Is(err, cache.ErrNotExist) {
		t.Errorf("a message that is not there: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Mailboxes(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that is gone: %v", err)
	}
	options := Options{Address: s.Addr, Security: Plaintext, Username: s.Username, Password: "wrong", Log: slog.Default()}
	if _, err := Dial(t.Context(), options); !errors.Is(err, cache.ErrPermission) {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestLostConnection goes on with a new connection when the old one is reset,
// and waits for a server that starts again.
func TestLostConnection(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
	line := imaptest.Proxy(t, s.Addr)
	c := dial(t, s, line.Addr, 3)
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	for range 5 {
		line.Reset()
		got, err := c.fetch(t.Context(), inbox, state.Validity, []cache.Request{{UID: uids[0], Section: "1"}})
		if err != nil || string(got[0]) != "x\r\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// TestOneTooMany takes a login that is refused, while another connection is
// signed in, for a limit; and one that is refused to all for a wrong password.
func TestOneTooMany(t *testing.T) {
	var refusal error
	attempts := 0
	p := newPool(2, slog.New(slog.DiscardHandler), func(context.Context, bool) (*session, error) {
		attempts++
		if refusal != nil {
			return nil, refusal
		}
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		return &session{conn: guard.New(here, guard.Options{})}, nil
	})
	defer p.close()
	acquire := func() error {
		_, err := p.acquireFresh(t.Context(), cache.ID{Name: "INBOX"})
		return err
	}
	first, err := p.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refusal = fmt.Errorf("%w: too many connections", cache.ErrPermission)
	p.dialing++
	if p.dial(new(waiter), false); !errors.Is(p.refusal, cache.ErrPermission) || p.barred {
		t.Fatalf("%v, barred: %v", p.refusal, p.barred)
	}
	first.conn.Close()
	if err := acquire(); !errors.Is(err, cache.ErrPermission) || !p.barred || attempts != 3 {
		t.Errorf("without a connection, after %d attempts: %v, barred: %v", attempts, err, p.barred)
	}
	if err := acquire(); !errors.Is(err, cache.ErrPermission) || attempts != 3 {
		t.Errorf("again, after %d attempts: %v", attempts, err)
	}
}

// TestSummaries describes all messages, the newest first.
func TestSummaries(t *testing.T) {
	s := imaptest.Dovecot(t)
	for range 3*batch + 1 {
		s.Deliver("INBOX", []byte("From: A <a@example.org>\nSubject: x\n\nx\n"), delivered)
	}
	c := dial(t, s, s.Addr, 2)
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	described := make(map[uint32]bool)
	err := c.Summaries(t.Context(), inbox, state.Validity, uids, func(m *cache.Message) {
		described[m.UID] = true
		if m.Defects != 0 || m.Subject != "x" || m.From != "A" || !m.Date.Equal(delivered) || len(m.Parts) != 1 {
			t.Errorf("message %d: %+v", m.UID, m)
		}
	})
	if err != nil || len(described) != len(uids) || len(uids) != 3*batch+1 {
		t.Errorf("%d of %d: %v", len(described), len(uids), err)
	}
}

// TestRangesAtOnce fetches many ranges of one part at the same time.
func TestRangesAtOnce(t *testing.T) {
	s := imaptest.Dovecot(t)
	body := imaptest.Octets(4 << 20)
	for i, b := range body {
		body[i] = 'a' + b%26
	}
	s.Deliver("INBOX", append([]byte("Subject: x\n\n"), body...), delivered)
	line := imaptest.Proxy(t, s.Addr)
	c := dial(t, s, line.Addr, 4)
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	line.Delay(10 * time.Millisecond)
	const length = 100 << 10
	results := make(chan error, 64)
	for i := range cap(results) {
		off := int64(i%40) * length
		go func() {
			got, err := c.fetch(context.Background(), inbox, state.Validity, []cache.Request{{UID: uids[0], Section: "1", Offset: off, Length: length}})
			if err == nil && string(got[0]) != string(body[off:off+length]) {
				err = fmt.Errorf("%d octets from %d are wrong", len(got[0]), off)
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
