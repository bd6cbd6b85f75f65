package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

var inbox = cache.ID{Name: "INBOX"}

// body fetches the one part of a message.
func body(c *Client, validity, uid uint32) (string, error) {
	got, err := c.fetch(context.Background(), inbox, validity, []cache.Request{{UID: uid, Section: "1"}})
	if err != nil {
		return "", err
	}
	return string(got[0]), nil
}

// allCommands uses every kind of command.
func allCommands(c *Client) error {
	ctx := context.Background()
	list, err := c.Mailboxes(ctx)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("%d mailboxes: %w", len(list), err)
	}
	snap, err := c.Snapshot(ctx, inbox, cache.State{})
	state, uids := snap.State, snap.UIDs
	if err != nil || !slices.Equal(uids, []uint32{1, 2, 3}) {
		return fmt.Errorf("messages %v: %w", uids, err)
	}
	described := 0
	err = c.Summaries(ctx, inbox, state.Validity, uids, func(m *cache.Message) {
		if m.Defects == 0 && m.Subject == "x" {
			described++
		}
	})
	if err != nil || described != 3 {
		return fmt.Errorf("%d messages are described in full: %w", described, err)
	}
	if got, err := body(c, state.Validity, 2); err != nil || got != "x\r\n" {
		return fmt.Errorf("body %q: %w", got, err)
	}
	return nil
}

// three delivers what allCommands expects.
func three(s *imaptest.Server) {
	for range 3 {
		s.Deliver("INBOX", []byte("From: a@example.org\r\nSubject: x\r\n\r\nx\r\n"), delivered)
	}
}

// TestUnavailable tries again what a server refuses for a moment.
func TestUnavailable(t *testing.T) {
	for _, code := range []string{"UNAVAILABLE", "INUSE", "LIMIT"} {
		for _, command := range []string{"LOGIN", "LIST", "EXAMINE", "SEARCH", "FETCH"} {
			t.Run(code+" to "+command, func(t *testing.T) {
				t.Parallel()
				s := imaptest.Memory(t)
				three(s)
				line := imaptest.Proxy(t, s.Addr)
				c := dial(t, s, line.Addr, 2)
				var refusals atomic.Int32
				s.Refuse(func(now string) string {
					if now == command && refusals.Add(1) <= 2 {
						return code
					}
					return ""
				})
				if command == "LOGIN" {
					line.Reset()
				}
				if err := allCommands(c); err != nil {
					t.Error(err)
				}
				if refusals.Load() < 2 {
					t.Errorf("%s was refused %d times", command, refusals.Load())
				}
			})
		}
	}
}

// TestUnavailableForGood says so, after a moment, and does not blame a message.
func TestUnavailableForGood(t *testing.T) {
	s := imaptest.Memory(t)
	three(s)
	c := dial(t, s, s.Addr, 2)
	state, uids := list(t, c, inbox)
	s.Refuse(func(command string) string {
		if command == "FETCH" {
			return "UNAVAILABLE"
		}
		return ""
	})
	began := time.Now()
	if _, err := body(c, state.Validity, 1); !errors.Is(err, cache.ErrOffline) {
		t.Errorf("a body: %v", err)
	}
	err := c.Summaries(t.Context(), inbox, state.Validity, uids, func(m *cache.Message) { t.Errorf("described: %+v", m) })
	if !errors.Is(err, cache.ErrOffline) {
		t.Errorf("summaries: %v", err)
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestSummariesOverBadLine blames no message for connections that are lost
// while it is asked for.
func TestSummariesOverBadLine(t *testing.T) {
	for lost := 1; lost <= 6; lost++ {
		s := imaptest.Memory(t)
		three(s)
		line := imaptest.Proxy(t, s.Addr)
		c := dial(t, s, line.Addr, 2)
		state, uids := list(t, c, inbox)
		var resets atomic.Int32
		s.Refuse(func(command string) string {
			if command == "FETCH" && resets.Add(1) <= int32(lost) {
				line.Reset()
				return "UNAVAILABLE" // which nobody hears
			}
			return ""
		})
		err := c.Summaries(t.Context(), inbox, state.Validity, uids, func(m *cache.Message) {
			if m.Defects != 0 || m.Subject != "x" {
				t.Errorf("after %d connections, message %d: %+v", lost, m.UID, m)
			}
		})
		if err != nil && !errors.Is(err, cache.ErrOffline) {
			t.Errorf("after %d connections: %v", lost, err)
		}
	}
}

// TestRestartSeenByNobody waits for a server that is away for a moment, however
// many want something of it.
func TestRestartSeenByNobody(t *testing.T) {
	s := imaptest.Memory(t)
	three(s)
	line := imaptest.Proxy(t, s.Addr)
	c := dial(t, s, line.Addr, 4)
	state, _ := list(t, c, inbox)
	line.Refuse()
	line.Reset()
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() {
			if got, err := body(c, state.Validity, 1); err != nil || got != "x\r\n" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	time.Sleep(1500 * time.Millisecond) // the server is away
	if err := line.Accept(); err != nil {
		t.Fatal(err)
	}
	readers.Wait()
}

// TestHalfOpen reads on when all connections are dead and nobody has said so:
// one that falls silent tells of the others.
func TestHalfOpen(t *testing.T) {
	s := imaptest.Memory(t)
	three(s)
	line := imaptest.Proxy(t, s.Addr)
	c, err := Dial(t.Context(), Options{
		Address: line.Addr, Security: Plaintext, Username: s.Username, Password: s.Password,
		MaxConnections: 4, Log: slog.New(slog.DiscardHandler), firstByte: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	state, _ := list(t, c, inbox)
	var all []*session
	for range 3 { // as many as there may be
		one, err := c.pool.acquireFresh(t.Context(), inbox)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	for _, one := range all {
		c.pool.release(one)
	}
	line.Lose()
	if got, err := body(c, state.Validity, 1); err != nil || got != "x\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}
