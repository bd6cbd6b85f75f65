package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// watch is what follows the server: one mailbox, the one in use, by IDLE; the
// others that are known, and the list of them, by asking for their states now
// and then.
type watch struct {
	inUse   atomic.Pointer[Box]        // which the last reader was in
	idling  atomic.Pointer[idlePeriod] // nil: there is no IDLE now
	touched chan struct{}              // inUse is another; room for one
	overdue chan struct{}              // poll at once; room for one
}

// idlePeriod is an IDLE under way.
type idlePeriod struct {
	box   *Box
	since time.Time
}

// covers reports whether all changes since synced are told by IDLE.
func (w *watch) covers(b *Box, synced time.Time) bool {
	p := w.idling.Load()
	return p != nil && p.box == b && synced.After(p.since)
}

const (
	// settle is how long a mailbox must have been the one in use before IDLE
	// goes there, so that a walk does not drag it along.
	settle = 300 * time.Millisecond
	// secondLook is when a mailbox is compared once more after an IDLE has begun:
	// Dovecot may not see, for a second, what was put into a Maildir between
	// EXAMINE and IDLE, and then says nothing of it.
	secondLook = 1500 * time.Millisecond
	// firstRetry and lastRetry bound the pause before IDLE is tried again.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Watch follows changes on the server until Close, and tells Notify of them.
// It is called once.
func (a *Account) Watch() {
	a.tasks.Go(a.idle)
	a.tasks.Go(a.poll)
	a.askQuota() // for Status
}

// use notes that somebody reads the mailbox.
func (a *Account) use(b *Box) {
	b.used.Store(time.Now().UnixNano())
	if a.watch.inUse.Swap(b) != b {
		a.touch()
	}
}

// touch makes the watcher look whether it is in the right mailbox.
func (a *Account) touch() {
	select {
	case a.watch.touched <- struct{}{}:
	default:
	}
}

// idle keeps an IDLE in the mailbox in use.
func (a *Account) idle() {
	retry := firstRetry
	for again := false; a.life.Err() == nil; again = true {
		used := a.watch.inUse.Load()
		id := ID{Name: "INBOX"}
		if used != nil {
			id = used.id
		}
		b := a.Box(id)
		began := time.Now()
		err := a.idleIn(b, again)
		if errors.Is(err, errors.ErrUnsupported) {
			return
		}
		if err == nil || time.Since(began) > lastRetry {
			retry = firstRetry
		}
		if err != nil {
			if errors.Is(err, ErrStale) || errors.Is(err, ErrNotExist) {
				a.watch.inUse.CompareAndSwap(used, nil)
			}
			sleep(a.life, retry/2+rand.N(retry/2))
			retry = min(2*retry, lastRetry)
		}
	}
}

// idleIn runs IDLE in b until another mailbox is in use, or something fails.
// again: it is not the first, and since the one before nobody was told of changes
// elsewhere.
func (a *Account) idleIn(b *Box, again bool) error {
	ctx, cancel := context.WithCancel(a.life)
	news := make(chan struct{}, 1)
	signal := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	second := time.AfterFunc(secondLook, signal)
	second.Stop()
	defer second.Stop()
	started := func() {
		a.watch.idling.Store(&idlePeriod{b, time.Now()})
		signal() // what changed before was not told
		second.Reset(secondLook)
		if again {
			a.pollSoon()
		}
	}
	elsewhere := func(id ID) {
		if id == b.id {
			signal()
		} else {
			a.resyncKnown(id)
		}
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	defer a.watch.idling.Store(nil)
	tasks.Go(func() { b.follow(ctx, news) })
	moved := make(chan struct{})
	tasks.Go(func() {
		defer close(moved)
		a.awaitMove(ctx, b)
	})
	ended := make(chan error, 1)
	tasks.Go(func() { ended <- a.src.Idle(ctx, b.id, News{started, signal, elsewhere, a.pollSoon}) })
	select {
	case err := <-ended:
		return err
	case <-moved:
		return nil
	}
}

// follow syncs b, if somebody has listed it, at all news until ctx ends.
func (b *Box) follow(ctx context.Context, news <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-news:
		}
		for retry := firstRetry; ; {
			if _, ok := b.Known(); !ok && !b.account.syncs.running(b) {
				break
			}
			if b.Sync(ctx) == nil || b.stale.Load() {
				break
			}
			if !sleep(ctx, firstRetry) { // whatever comes meanwhile
				return
			}
			if pause(ctx, retry-firstRetry, news) {
				retry = 0
			}
			if ctx.Err() != nil {
				return
			}
			retry = max(firstRetry, min(2*retry, lastRetry))
		}
	}
}

// awaitMove returns when another mailbox than b has been the one in use for a
// while, or ctx ends.
func (a *Account) awaitMove(ctx context.Context, b *Box) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.watch.touched:
		}
		if b.stale.Load() {
			return
		}
		for now := a.watch.inUse.Load(); now != nil && now.id != b.id; {
			if !sleep(ctx, settle) {
				return
			}
			was := now
			if now = a.watch.inUse.Load(); now == was {
				return
			}
		}
	}
}

// sleep waits, and reports whether ctx lives on.
func sleep(ctx context.Context, d time.Duration) bool {
	pause(ctx, d, nil)
	return ctx.Err() == nil
}

// pause waits until ctx ends at the latest, and reports whether something came
// through the channel before the time was over.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
		return true
	case <-ctx.Done():
	}
	return false
}

// wake ends the pause of a resync that failed, as there is a way to the server.
func (b *Box) wake() {
	select {
	case b.awake <- struct{}{}:
	default:
	}
}

// pollSoon makes the poll not wait for its interval.
func (a *Account) pollSoon() {
	select {
	case a.watch.overdue <- struct{}{}:
	default:
	}
}

// resyncKnown syncs a mailbox that has changed, if somebody has listed it.
func (a *Account) resyncKnown(id ID) {
	a.mu.Lock()
	b := a.boxes[id]
	a.mu.Unlock()
	if b == nil {
		return
	}
	if _, ok := b.Known(); ok || a.syncs.running(b) {
		a.resync(b)
	}
}

// resync syncs b by itself: one that waits must not hold up another. What
// changes meanwhile makes it go round again.
func (a *Account) resync(b *Box) {
	if b.changes.Add(1) > 1 {
		return
	}
	a.tasks.Go(func() {
		for retry := firstRetry; ; {
			n := b.changes.Load()
			err := b.Sync(a.life)
			passing := errors.Is(err, ErrOffline) || errors.Is(err, context.DeadlineExceeded)
			if passing && a.life.Err() == nil {
				if pause(a.life, retry, b.awake) {
					retry = 0
				}
				retry = max(firstRetry, min(2*retry, lastRetry))
				continue
			}
			if b.changes.CompareAndSwap(n, 0) {
				return
			}
		}
	})
}

// poll compares, every poll interval, all that is known.
func (a *Account) poll() {
	for last := time.Now().Add(-pollPause); ; last = time.Now() {
		timer := time.NewTimer(a.opts.Poll)
		select {
		case <-timer.C:
		case <-a.watch.overdue:
			timer.Stop()
			sleep(a.life, max(settle, pollPause-time.Since(last))) // a rename is two changes
		case <-a.life.Done():
			timer.Stop()
			return
		}
		ctx, cancel := context.WithTimeout(a.life, pollTimeout)
		if a.relist(ctx) == nil { // else there is no use in asking for more
			a.pollBoxes(ctx)
		}
		cancel()
	}
}

const (
	// pollTimeout is how long one poll may wait for the server.
	pollTimeout = 20 * time.Second
	// pollPause is between two polls, however often there is reason for one.
	pollPause = 3 * time.Second
)

// pollBoxes asks for the states of the mailboxes that are known, and syncs
// those that changed.
// The one that IDLE covers is among them, since servers say nothing there when
// it is deleted or replaced.
func (a *Account) pollBoxes(ctx context.Context) {
	boxes := make(map[ID]*Box)
	var ids []ID
	a.mu.Lock()
	for id, b := range a.boxes {
		if _, ok := b.Known(); ok {
			boxes[id] = b
			ids = append(ids, id)
		}
	}
	a.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	asked := time.Now()
	states, err := a.src.States(ctx, ids)
	if err != nil {
		return
	}
	for id, b := range boxes {
		state, ok := states[id]
		switch {
		case !ok:
			a.vanished(b)
		case b.unchanged(state, asked) && !b.flagsWanted():
		default:
			a.resync(b)
		}
	}
}

// vanished retires a box of which the server says nothing any more, if the
// list of mailboxes does not have it either.
func (a *Account) vanished(b *Box) {
	if !a.holds(b.id) {
		a.retire(b)
	}
}
