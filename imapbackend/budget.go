package imapbackend

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"imapfs/cache"
)

// Ledger keeps a few bytes from one mount to the next.
type Ledger interface {
	// Read returns what was written last, nil if that is not known.
	Read() []byte
	// Write replaces it. What goes wrong is the Ledger's own business.
	Write([]byte)
}

const (
	// window is how long what has come counts, and hour in which steps it is
	// forgotten: it counts for up to an hour longer.
	window = 24
	hour   = int64(time.Hour / time.Second)
	// thrift is the share of the limit, in percent, above which only that is
	// fetched which somebody waits for.
	thrift = 80
	// reckoning is how often what has come is added up, and saved if it is more.
	reckoning = 5 * time.Second
)

// BudgetState is what the budget still allows.
type BudgetState string

const (
	BudgetOpen    BudgetState = "open"    // everything
	BudgetThrifty BudgetState = "thrifty" // nothing in the background
	BudgetSpent   BudgetState = "spent"   // no bodies
)

// Budget is how Options.DailyLimit stands.
type Budget struct {
	// Limit and Used are octets received, Used in the last 24 hours, rounded up
	// to full ones.
	Limit, Used int64
	State       BudgetState
	// Resumes is when enough of it has passed for the next better State, if
	// nothing is received until then; zero if there is none.
	Resumes time.Time
}

// budget counts what is received, by hour. It is safe for concurrent use.
type budget struct {
	limit    int64
	received func() int64 // since the mount
	ledger   Ledger
	log      *slog.Logger
	now      func() time.Time

	stop  chan struct{}
	tasks sync.WaitGroup

	mu    sync.Mutex
	seen  int64           // guarded by mu; how much of received is in hours
	hours map[int64]int64 // guarded by mu; octets by hour since 1970
	saved bool            // guarded by mu; hours are in the ledger
	state BudgetState     // guarded by mu; as it was logged last
}

// newBudget begins to count for limit octets a day.
func newBudget(limit int64, o *Options, received func() int64) *budget {
	b := &budget{
		limit: limit, received: received, ledger: o.Ledger, log: o.Log, now: o.now,
		stop: make(chan struct{}), hours: make(map[int64]int64), saved: true, state: BudgetOpen,
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.ledger != nil {
		if json.Unmarshal(b.ledger.Read(), &b.hours) != nil || b.hours == nil {
			b.hours = make(map[int64]int64)
		}
	}
	b.status() // it may be spent already
	b.tasks.Go(b.keep)
	return b
}

// keep adds up and saves from time to time.
func (b *budget) keep() {
	ticker := time.NewTicker(reckoning)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.status()
			b.save()
		case <-b.stop:
			return
		}
	}
}

// close saves what there is.
func (b *budget) close() {
	close(b.stop)
	b.tasks.Wait()
	b.status()
	b.save()
}

func (b *budget) save() {
	b.mu.Lock()
	data, err := json.Marshal(b.hours)
	due := b.ledger != nil && !b.saved && err == nil
	b.saved = true
	b.mu.Unlock()
	if due {
		b.ledger.Write(data)
	}
}

// status adds up what has been received, and tells how that stands.
func (b *budget) status() Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	this := b.now().Unix() / hour
	if n := b.received(); n > b.seen {
		b.hours[this] += n - b.seen
		b.seen, b.saved = n, false
	}
	s := Budget{Limit: b.limit, State: BudgetOpen}
	for _, at := range slices.Sorted(maps.Keys(b.hours)) {
		switch n := b.hours[at]; {
		case at < this-window || n < 0:
			delete(b.hours, at)
		case at > this: // the clock was wrong then, or is now
			delete(b.hours, at)
			b.hours[this] += n
			s.Used += n
		default:
			s.Used += n
		}
	}
	bound := int64(0)
	switch {
	case s.Used >= b.limit:
		s.State, bound = BudgetSpent, b.limit
	case s.Used >= b.thrift():
		s.State, bound = BudgetThrifty, b.thrift()
	}
	if s.State != BudgetOpen {
		s.Resumes = b.below(bound, s.Used)
	}
	b.tell(s)
	return s
}

func (b *budget) thrift() int64 { return b.limit / 100 * thrift }

// below returns when what is used will be less than bound. mu is held.
func (b *budget) below(bound, used int64) (when time.Time) {
	for _, at := range slices.Sorted(maps.Keys(b.hours)) {
		if used < bound {
			break
		}
		used -= b.hours[at]
		when = time.Unix((at+window+1)*hour, 0)
	}
	return when
}

// tell logs the state if it is another. mu is held.
func (b *budget) tell(s Budget) {
	was := b.state
	b.state = s.State
	switch {
	case s.State == was:
	case s.State == BudgetSpent:
		b.log.Warn("the daily limit is reached: what is not cached cannot be read", "received", s.Used, "limit", s.Limit, "until", s.Resumes)
	case s.State == BudgetThrifty && was == BudgetOpen:
		b.log.Warn("most of the daily limit is used: nothing is fetched in the background", "received", s.Used, "limit", s.Limit, "until", s.Resumes)
	default:
		b.log.Info("the daily limit allows more again", "received", s.Used, "limit", s.Limit)
	}
}

// allow returns why a body is not to be fetched now, nil if it may be.
func (b *budget) allow(ctx context.Context) error {
	if b == nil {
		return nil
	}
	s := b.status()
	if s.State == BudgetOpen || s.State == BudgetThrifty && !cache.IsBackground(ctx) {
		return nil
	}
	return fmt.Errorf("%w: %s of %s in 24 hours; again at %s", cache.ErrBudget,
		humanize.Bytes(uint64(s.Used)), humanize.Bytes(uint64(s.Limit)), s.Resumes.Format("2006-01-02 15:04"))
}

// Thrifty reports whether so much of Options.DailyLimit is used that nothing
// should be fetched which nobody waits for: Fetch refuses what is marked so.
func (c *Client) Thrifty() bool { return c.budget != nil && c.budget.status().State != BudgetOpen }
