package imapbackend

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// noted is a Ledger in memory.
type noted struct {
	mu   sync.Mutex
	data []byte
}

func (n *noted) Read() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.data
}

func (n *noted) Write(data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.data = data
}

// clock is one that a test sets.
type clock struct{ now atomic.Int64 } // s since 1970

func (c *clock) at() time.Time { return time.Unix(c.now.Load(), 0) }

// counting is a budget of 1,000 octets a day whose test receives them.
func counting(t *testing.T, c *clock, received *atomic.Int64, ledger Ledger, log io.Writer) *budget {
	b := newBudget(1000, &Options{Ledger: ledger, Log: slog.New(slog.NewTextHandler(log, nil)), now: c.at}, received.Load)
	return b
}

// TestBudgetStates goes through a day and a half of one budget, with another mount
// in between.
func TestBudgetStates(t *testing.T) {
	var c clock
	var received atomic.Int64
	var ledger noted
	var log strings.Builder
	const midnight = int64(1_792_972_800)
	b := counting(t, &c, &received, &ledger, &log)
	for _, step := range []struct {
		hour           int64 // since midnight
		receives, used int64
		state          BudgetState
		resumes        int64 // in which hour, 0: it does not say
		remounts       bool
	}{
		{hour: 1, receives: 300, used: 300, state: BudgetOpen},
		{hour: 1, receives: 400, used: 700, state: BudgetOpen},
		{hour: 5, receives: 100, used: 800, state: BudgetThrifty, resumes: 26},
		{hour: 5, receives: 200, used: 1000, state: BudgetSpent, resumes: 26},
		{hour: 5, remounts: true, used: 1000, state: BudgetSpent, resumes: 26},
		{hour: 25, receives: 550, used: 1550, state: BudgetSpent, resumes: 26},
		{hour: 26, used: 850, state: BudgetThrifty, resumes: 30},
		{hour: 29, used: 850, state: BudgetThrifty, resumes: 30},
		{hour: 30, used: 550, state: BudgetOpen},
		{hour: 20, used: 550, state: BudgetOpen}, // the clock is set back: it counts from then
		{hour: 44, used: 550, state: BudgetOpen},
		{hour: 45, remounts: true, used: 0, state: BudgetOpen},
	} {
		c.now.Store(midnight + step.hour*hour + 100)
		if step.remounts {
			b.close()
			received.Store(0)
			b = counting(t, &c, &received, &ledger, &log)
		}
		received.Add(step.receives)
		s := b.status()
		resumes := int64(0)
		if !s.Resumes.IsZero() {
			resumes = (s.Resumes.Unix() - midnight) / hour
		}
		if s.Used != step.used || s.State != step.state || resumes != step.resumes {
			t.Errorf("in hour %d: %+v, resumes in hour %d; want %d, %s, hour %d", step.hour, s, resumes, step.used, step.state, step.resumes)
		}
		for ctx, allowed := range map[bool]bool{true: step.state == BudgetOpen, false: step.state != BudgetSpent} {
			of := t.Context()
			if ctx {
				of = cache.Background(of)
			}
			if err := b.allow(of); (err == nil) != allowed || err != nil && !errors.Is(err, cache.ErrBudget) {
				t.Errorf("in hour %d, in the background %v: %v", step.hour, ctx, err)
			}
		}
	}
	b.close()
	// Twice on the way up, once after the remount, and twice on the way down.
	if n := strings.Count(log.String(), "daily limit"); n != 5 {
		t.Errorf("the log has %d lines:\n%s", n, log.String())
	}
}

// TestBudgetDamaged counts from the beginning where the ledger is of no use.
func TestBudgetDamaged(t *testing.T) {
	for _, data := range []string{"", "null", "[1]", `{"1":`, `{"99999999999":5}`, `{"1":-7}`} {
		var c clock
		var received atomic.Int64
		c.now.Store(1_792_972_800)
		b := counting(t, &c, &received, &noted{data: []byte(data)}, io.Discard)
		received.Store(10)
		if s := b.status(); s.Used < 10 || s.Used > 15 {
			t.Errorf("%q: %+v", data, s)
		}
		b.close()
	}
}

// TestDailyLimit fetches from a Dovecot until it may not, and then again, when
// enough time has passed; what is there and what changes is told all the time.
func TestDailyLimit(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("B"))
	const size = 20_000
	s.Deliver("INBOX", append([]byte("Subject: x\r\n\r\n"), imaptest.Octets(size)...), delivered)
	var clock clock
	clock.now.Store(delivered.Unix())
	c, err := Dial(t.Context(), Options{
		Address: s.Addr, Security: Plaintext, Username: s.Username, Password: s.Password, MaxConnections: 3,
		DailyLimit: 10 * size, RateLimit: 100_000_000, Log: slog.New(slog.DiscardHandler), now: clock.at,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	fetch := func(background bool) error {
		ctx := t.Context()
		if background {
			ctx = cache.Background(ctx)
		}
		got, err := c.Fetch(ctx, inbox, state.Validity, []cache.Request{{UID: uids[0]}})
		if err == nil && len(got[0]) < size {
			t.Errorf("%d octets", len(got[0]))
		}
		return err
	}
	// all counts what may be fetched.
	all := func(background bool) (n int) {
		for range 20 {
			err := fetch(background)
			if err == nil {
				n++
			} else if !errors.Is(err, cache.ErrBudget) {
				t.Fatal(err)
			}
		}
		return n
	}
	if c.Thrifty() {
		t.Error("thrifty from the beginning")
	}
	if n := all(true); n != 8 || !c.Thrifty() {
		t.Errorf("%d bodies in the background, thrifty: %v", n, c.Thrifty())
	}
	if n := all(false); n != 2 {
		t.Errorf("%d more bodies for who waits", n)
	}
	status := c.Status().Budget
	if status.State != BudgetSpent || status.Used != c.Status().Traffic.Received || !status.Resumes.After(clock.at().Add(24*time.Hour)) {
		t.Errorf("it stands at %+v", status)
	}
	s.Deliver("INBOX", []byte("Subject: y\r\n\r\n"), delivered)
	if _, uids := list(t, c, inbox); len(uids) != 2 {
		t.Errorf("%d messages", len(uids))
	}
	subjects := ""
	if err := c.Summaries(t.Context(), inbox, state.Validity, []uint32{1, 2}, func(m *cache.Message) { subjects += m.Subject }); err != nil || len(subjects) != 2 {
		t.Errorf("subjects %q, %v", subjects, err)
	}
	if states, err := c.States(t.Context(), []cache.ID{{Name: "B"}}); err != nil || len(states) != 1 {
		t.Errorf("states %v, %v", states, err)
	}
	clock.now.Store(status.Resumes.Unix() - 1)
	if err := fetch(false); !errors.Is(err, cache.ErrBudget) {
		t.Errorf("a second too early: %v", err)
	}
	clock.now.Store(status.Resumes.Unix())
	if err := fetch(true); err != nil {
		t.Errorf("then: %v", err)
	}
}
