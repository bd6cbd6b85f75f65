package cache

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// unordered is a Source that lists mailboxes in another order each time.
type unordered struct {
	*fake
	list []Mailbox
}

func (u *unordered) Mailboxes(context.Context) ([]Mailbox, error) {
	u.list = append(u.list[1:], u.list[0])
	return slices.Clone(u.list), nil
}

// TestListUnordered takes a list in another order for the same.
func TestListUnordered(t *testing.T) {
	events := 0
	b := open(t, &unordered{newFake(), []Mailbox{{Name: "INBOX"}, {Name: "A"}, {Name: "A", Raw: true}, {Name: "B"}}}, func(Event) { events++ })
	for range 5 {
		if err := b.account.relist(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if events > 0 {
		t.Errorf("%d changes of a list that did not change", events)
	}
}

// TestWokenAfterOutage compares mailboxes at once when the server is back, however
// long it was away, and makes nobody wait for what is known to be there.
func TestWokenAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newFake()
		a, err := New(src, Options{Memory: 1 << 20, Poll: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b := a.Box(ID{Name: "INBOX"})
		if _, err := b.Listing(t.Context()); err != nil {
			t.Fatal(err)
		}
		src.fail(ErrOffline)
		uid := src.add(Message{}, nil)
		a.resync(b)
		time.Sleep(70 * time.Second) // the next attempt is 57 s later
		silent := time.Now()
		a.silent.Store(&silent)
		b.silent.Store(&silent)
		src.fail(nil)
		if err := a.relist(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !b.holds(uid) {
			t.Error("the mailbox is not resynced")
		}
		if a.silent.Load() != nil || b.silent.Load() != nil {
			t.Error("the server is still believed to be silent")
		}
	})
}

// counting is a Source that counts, and whose Idle a test can get hold of.
type counting struct {
	*fake
	snapshots, lists atomic.Int32
	news             atomic.Pointer[News]
}

func (c *counting) Snapshot(ctx context.Context, id ID, known State) (Snapshot, error) {
	c.snapshots.Add(1)
	return c.fake.Snapshot(ctx, id, known)
}

func (c *counting) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	c.lists.Add(1)
	return c.fake.Mailboxes(ctx)
}

func (c *counting) Idle(ctx context.Context, id ID, news News) error {
	c.news.Store(&news)
	return c.fake.Idle(ctx, id, news)
}

// watched runs a test in a bubble, with an account of src that watches its INBOX,
// listed, for a minute now.
func watched(t *testing.T, test func(t *testing.T, src *counting, b *Box)) {
	synctest.Test(t, func(t *testing.T) {
		src := &counting{fake: newFake()}
		a, err := New(src, Options{Memory: 1 << 20, Poll: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b := a.Box(ID{Name: "INBOX"})
		if _, err := b.Listing(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.Watch()
		time.Sleep(time.Minute)
		test(t, src, b)
	})
}

// TestFollowBacksOff tries a sync that fails less and less often, until there are
// news.
func TestFollowBacksOff(t *testing.T) {
	watched(t, func(t *testing.T, src *counting, b *Box) {
		src.fail(ErrProtocol)
		src.snapshots.Store(0)
		src.news.Load().Changed()
		time.Sleep(10 * time.Minute)
		if n := src.snapshots.Load(); n < 10 || n > 20 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		src.snapshots.Store(0)
		src.news.Load().Changed()
		time.Sleep(5 * time.Second)
		if n := src.snapshots.Load(); n < 2 {
			t.Errorf("%d attempts within 5 seconds of news", n)
		}
	})
}

// TestLooksAfterMove asks for what changed elsewhere while IDLE moved from one
// mailbox to another, and not too often.
func TestLooksAfterMove(t *testing.T) {
	watched(t, func(t *testing.T, src *counting, b *Box) {
		src.lists.Store(0)
		other := b.account.Box(ID{Name: "other"})
		b.account.use(other)
		time.Sleep(5 * time.Second)
		if n := src.lists.Load(); n != 1 {
			t.Errorf("%d lists after a move, want 1", n)
		}
		for range 30 {
			b.account.use(b)
			time.Sleep(time.Second)
			b.account.use(other)
			time.Sleep(time.Second)
		}
		if n := src.lists.Load(); n < 10 || n > 22 {
			t.Errorf("%d lists within a minute of moves", n)
		}
	})
}

// TestListAfterCall finds a mailbox that has come since a list was asked for that
// is still under way.
func TestListAfterCall(t *testing.T) {
	f := newFake()
	b := open(t, f, nil)
	a := b.account
	listing := make(chan struct{})
	f.mu.Lock()
	f.listing = listing
	f.mu.Unlock()
	asked := make(chan error)
	go func() { asked <- a.relist(t.Context()) }()
	<-listing // the list is what it was before
	f.mu.Lock()
	f.more = []Mailbox{{Name: "New"}}
	f.mu.Unlock()
	synced := make(chan error)
	go func() { synced <- a.SyncAll(t.Context(), func(m Mailbox) bool { return m.Name == "INBOX" }) }()
	for a.listWanted.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	listing <- struct{}{}
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	if err := <-synced; err != nil {
		t.Fatal(err)
	}
	if list := a.KnownMailboxes(); len(list) != 2 {
		t.Errorf("the list is %v", list)
	}
}
