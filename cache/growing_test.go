package cache

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// gated is a Source that describes some messages and then waits.
type gated struct {
	*fake
	order func([]uint32) []uint32 // in which it describes them
	first int                     // so many before it waits
	held  chan struct{}           // told when it waits
	gate  chan error              // what it goes on with, or fails with
	ended chan error              // told what it returned
}

func newGated(messages, first int) *gated {
	g := &gated{fake: newFake(), first: first, held: make(chan struct{}, 1), gate: make(chan error, 1), ended: make(chan error, 9)}
	for range messages {
		g.add(Message{Size: 4}, nil)
	}
	return g
}

func (g *gated) Summaries(ctx context.Context, id ID, validity uint32, uids []uint32, yield func(*Message)) (err error) {
	defer func() { g.ended <- err }()
	if g.order != nil {
		uids = g.order(uids)
	}
	n := min(g.first, len(uids))
	if err := g.fake.Summaries(ctx, id, validity, uids[:n], yield); err != nil {
		return err
	}
	g.held <- struct{}{}
	select {
	case err := <-g.gate:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return g.fake.Summaries(ctx, id, validity, uids[n:], yield)
}

// inbox is the INBOX of a new account.
func inbox(t *testing.T, src Source, notify func(Event)) *Box {
	t.Helper()
	a, err := New(src, Options{Memory: 8 << 20, Poll: time.Hour, Notify: notify})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a.Box(ID{Name: "INBOX"})
}

// rest reads a listing from below uid to its end, the newest first.
func rest(ctx context.Context, g *Growing, below uint32) (uids []uint32, err error) {
	for {
		some, err := g.Below(ctx, below)
		if err != nil || len(some) == 0 {
			return uids, err
		}
		for _, uid := range slices.Backward(some) {
			uids = append(uids, uid)
		}
		below = some[0]
	}
}

// down is the UIDs from first down to last.
func down(first, last uint32) (uids []uint32) {
	for uid := first; uid >= last; uid-- {
		uids = append(uids, uid)
	}
	return uids
}

// TestGrowing shows the newest messages while the rest is still to come, to two
// readers, and then the rest; what is shown can be used.
func TestGrowing(t *testing.T) {
	src := newGated(1000, 2*frameMessages)
	b := inbox(t, src, nil)
	ctx := t.Context()
	_, g, err := b.Begin(ctx)
	if err != nil || g == nil {
		t.Fatal(g, err)
	}
	defer g.Close()
	<-src.held
	oldest := uint32(1000 - 2*frameMessages + 1)
	for range 2 {
		if _, other, err := b.Begin(ctx); err != nil || other == nil {
			t.Fatal(other, err)
		} else if uids := other.Ready(0); uids[0] != oldest || uids[len(uids)-1] != 1000 {
			t.Errorf("shown: %v", uids)
			other.Close()
		} else {
			defer other.Close()
		}
	}
	if uids := g.Ready(900); uids[len(uids)-1] != 899 || len(g.Ready(oldest)) > 0 || len(g.Ready(17)) > 0 {
		t.Errorf("from the middle: %v, %v, %v", uids, g.Ready(oldest), g.Ready(17))
	}
	if m, err := b.Message(ctx, oldest); err != nil || m.Size != 4 || !b.Early(oldest) || b.Early(oldest-1) {
		t.Errorf("%v, %v", m, err)
	}
	if _, ok := b.Known(); ok {
		t.Error("a part looks whole")
	}
	all := make(chan []uint32)
	go func() {
		uids, err := rest(ctx, g, 0)
		if err != nil {
			t.Error(err)
		}
		all <- uids
	}()
	src.gate <- nil
	if uids := <-all; !slices.Equal(uids, down(1000, 1)) {
		t.Errorf("listed: %v", uids)
	}
	if l, g, err := b.Begin(ctx); len(l.UIDs) != 1000 || g != nil || err != nil {
		t.Error("what is complete is no plain listing")
	}
}

// TestGrowingContiguous shows nothing behind a message that has not come yet.
func TestGrowingContiguous(t *testing.T) {
	src := newGated(4*frameMessages, 3*frameMessages)
	const lost = 3*frameMessages + 5
	src.order = func(uids []uint32) []uint32 {
		src.delete(lost) // it goes before it can be described
		n := frameMessages
		return slices.Concat(uids[n:2*n], uids[:n], uids[2*n:])
	}
	b := inbox(t, src, nil)
	_, g, err := b.Begin(t.Context())
	if err != nil || g == nil {
		t.Fatal(g, err)
	}
	defer g.Close()
	<-src.held
	if uids := g.Ready(0); uids[0] != lost+1 {
		t.Errorf("shown: %v", uids)
	}
	src.gate <- nil
	uids, err := rest(t.Context(), g, 0)
	if err != nil || len(uids) != 4*frameMessages-1 || slices.Contains(uids, lost) {
		t.Errorf("%d are listed, %v", len(uids), err)
	}
}

// delete takes a message away, of which the next snapshot knows nothing.
func (f *fake) delete(uid uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.messages, uid)
	f.state.Count--
}

// TestGrowingFails ends a listing with the error of its sync, goes on from there
// with the next, and tells of what has been shown and went between the two.
func TestGrowingFails(t *testing.T) {
	var gone []*Message
	src := newGated(1000, 2*frameMessages)
	b := inbox(t, src, func(e Event) { gone = append(gone, e.Gone...) })
	_, g, err := b.Begin(t.Context())
	if err != nil || g == nil {
		t.Fatal(g, err)
	}
	defer g.Close()
	<-src.held
	src.gate <- ErrOffline
	if uids, err := rest(t.Context(), g, 0); !errors.Is(err, ErrOffline) {
		t.Errorf("%d messages and then %v", len(uids), err)
	}
	if !b.Early(999) {
		t.Error("what was shown is not there any more")
	}
	src.delete(999)
	_, again, err := b.Begin(t.Context())
	if err != nil || again == nil {
		t.Fatal(again, err)
	}
	defer again.Close()
	<-src.held
	if uids := again.Ready(0); !slices.Contains(uids, 998) || slices.Contains(uids, 999) {
		t.Errorf("shown by the second: %v", uids)
	}
	if len(gone) != 1 || gone[0].UID != 999 {
		t.Errorf("told to be gone: %v", gone)
	}
	src.gate <- nil
	if uids, err := rest(t.Context(), again, 0); err != nil || len(uids) != 999 {
		t.Errorf("%d are listed, %v", len(uids), err)
	}
	if src.asked != 1000 {
		t.Errorf("%d were asked for", src.asked)
	}
}

// TestGrowingLeft ends the sync when the last reader of its listing has left, and
// a wait when its context does.
func TestGrowingLeft(t *testing.T) {
	src := newGated(1000, frameMessages)
	b := inbox(t, src, nil)
	_, g, err := b.Begin(t.Context())
	if err != nil || g == nil {
		t.Fatal(g, err)
	}
	<-src.held
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rest(ctx, g, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	g.Close()
	if err := <-src.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the sync ended with %v", err)
	}
}

// TestGrowingRetired ends a listing whose mailbox is replaced.
func TestGrowingRetired(t *testing.T) {
	var gone int
	src := newGated(1000, frameMessages)
	b := inbox(t, src, func(e Event) { gone += len(e.Gone) })
	_, g, err := b.Begin(t.Context())
	if err != nil || g == nil {
		t.Fatal(g, err)
	}
	defer g.Close()
	<-src.held
	b.account.retire(b)
	if _, err := rest(t.Context(), g, 0); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	if gone != frameMessages {
		t.Errorf("%d messages are told to be gone", gone)
	}
}
