package imapbackend

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// TestOffline loses the network in each way: what is under way fails after a
// few seconds, what comes later at once, and it all works again when the network
// is back.
func TestOffline(t *testing.T) {
	for name, mode := range map[string]struct {
		cut  func(*imaptest.Link)
		mend func(*testing.T, *imaptest.Link)
		// within is how long the first failure may take.
		within time.Duration
	}{
		"refused": {
			func(l *imaptest.Link) { l.Refuse(); l.Reset() },
			func(t *testing.T, l *imaptest.Link) {
				if err := l.Accept(); err != nil {
					t.Fatal(err)
				}
			},
			patience + 5*time.Second,
		},
		"black hole": {
			(*imaptest.Link).Hang,
			func(_ *testing.T, l *imaptest.Link) { l.Reset(); l.Resume() },
			doubtAfter + verdictAfter + 5*time.Second,
		},
		"connections lost, then a black hole": {
			func(l *imaptest.Link) { l.Hang(); l.Reset() },
			func(_ *testing.T, l *imaptest.Link) { l.Reset(); l.Resume() },
			doubtAfter + verdictAfter + 5*time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := imaptest.Dovecot(t, imaptest.WithMailboxes("Other"))
			s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
			line := imaptest.Proxy(t, s.Addr)
			c := dial(t, s, line.Addr, 4)
			inbox := cache.ID{Name: "INBOX"}
			state, uids := list(t, c, inbox)
			fetch := func() error {
				_, err := c.fetch(t.Context(), inbox, state.Validity, []cache.Request{{UID: uids[0], Section: "1"}})
				return err
			}
			if _, err := c.Snapshot(t.Context(), cache.ID{Name: "Other"}, cache.State{}); err != nil { // on another connection
				t.Fatal(err)
			}
			mode.cut(line)
			began := time.Now()
			err := fetch()
			t.Logf("fails after %v: %v", time.Since(began).Round(10*time.Millisecond), err)
			if took := time.Since(began); !errors.Is(err, cache.ErrOffline) || errors.Is(err, context.DeadlineExceeded) || took > mode.within {
				t.Errorf("the first fails after %v: %v", took, err)
			}
			if st := c.Status(); st.Offline.IsZero() || st.Err == nil || len(st.Connections) > 0 {
				t.Errorf("the status is %+v", st)
			}
			for range 10 {
				began := time.Now()
				if err := fetch(); !errors.Is(err, cache.ErrOffline) || time.Since(began) > time.Second {
					t.Errorf("another fails after %v: %v", time.Since(began), err)
				}
			}
			mode.mend(t, line)
			began = time.Now()
			for err = fetch(); err != nil && time.Since(began) < time.Minute; err = fetch() {
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("works again after %v: %v", time.Since(began).Round(10*time.Millisecond), err)
			if st := c.Status(); err != nil || !st.Offline.IsZero() {
				t.Errorf("it does not come back: %v, %+v", err, st)
			}
		})
	}
}

// TestDoubt finds that a server is there which seemed to be silent, and that
// connections are dead that nobody has ended.
func TestDoubt(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", []byte("Subject: x\n\nx\n"), delivered)
	line := imaptest.Proxy(t, s.Addr)
	c := dial(t, s, line.Addr, 4)
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	before := line.Connections()
	c.pool.doubt(doubtAfter)
	if st := c.Status(); !st.Offline.IsZero() || line.Connections() != before+1 || len(st.Connections) != 2 {
		t.Errorf("after a doubt: %+v", st)
	}
	c.pool.doubt(doubtAfter)
	if line.Connections() != before+1 {
		t.Error("it is in doubt again at once")
	}
	line.Lose()
	c.pool.suspect()
	fetch := func() error {
		_, err := c.fetch(t.Context(), inbox, state.Validity, []cache.Request{{UID: uids[0], Section: "1"}})
		return err
	}
	began := time.Now()
	if err := fetch(); err != nil || time.Since(began) > doubtAfter+2*verdictAfter {
		t.Errorf("after its connections were lost, a fetch ends after %v: %v", time.Since(began), err)
	}
	if st := c.Status(); !st.Offline.IsZero() {
		t.Errorf("then the status is %+v", st)
	}
}

// TestToldOffline asks nothing of the network.
func TestToldOffline(t *testing.T) {
	c, err := Dial(t.Context(), Options{Address: "192.0.2.1:143", Security: Plaintext, Offline: true, MaxConnections: 4, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Mailboxes(t.Context()); !errors.Is(err, ErrToldOffline) || !errors.Is(err, cache.ErrOffline) {
		t.Errorf("mailboxes: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Idle(ctx, cache.ID{Name: "INBOX"}, cache.News{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("idle: %v", err)
	}
	if st := c.Status(); st.Offline.IsZero() || !st.Retry.IsZero() {
		t.Errorf("the status is %+v", st)
	}
}
