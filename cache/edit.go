package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Writing is how an account may be changed.
type Writing struct {
	Editor Editor
	// Recovery is a directory, of which the parent exists: what has been written
	// and not been stored is there.
	Recovery string
	// Expunge makes Discard remove for good, in place of moving to the trash.
	Expunge bool
	// NoDuplicates lets no message be stored in a mailbox that has the same
	// already: of the same octets and date.
	NoDuplicates bool
}

// edits are the changes under way. They are not ended with those who wait for
// them: half a change that nobody knows the end of helps nobody.
type edits struct {
	running sync.WaitGroup
	drafts  atomic.Uint64 // their number, for names
	asking  atomic.Bool   // for rights

	mu    sync.Mutex
	nexts map[*Box]uint32 // guarded by mu; a UIDNEXT that was, of those not listed
}

// lastEdits is how long Close waits for the changes under way. What is not done
// by then is found out by the next mount.
const lastEdits = 30 * time.Second

func (a *Account) finishEdits() {
	done := make(chan struct{})
	go func() {
		a.edits.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(lastEdits):
		a.opts.Log.Warn("changes were still under way at the end; what was not stored is in the recovery folder")
	}
}

// Edit is a change under way.
type Edit struct {
	done chan struct{}
	err  error
}

// Start begins a change, which goes on whoever waits for it.
func (a *Account) Start(change func(ctx context.Context) error) *Edit {
	e := &Edit{done: make(chan struct{})}
	a.edits.running.Go(func() {
		defer close(e.done)
		_, e.err = guarded(a.life, func(ctx context.Context) (struct{}, error) { return struct{}{}, change(ctx) })
	})
	return e
}

// Wait returns how it ended, or earlier with ctx. It may be called again.
func (e *Edit) Wait(ctx context.Context) error {
	select {
	case <-e.done:
		return e.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when it has ended.
func (e *Edit) Done() <-chan struct{} { return e.done }

// Writable reports whether the account may be changed.
func (a *Account) Writable() bool { return a.opts.Writing != nil }

// edited notes that the mailbox was changed by us: its listing is out of date
// until it has been synced, which is done behind.
func (b *Box) edited() {
	b.edits.Add(1)
	if _, ok := b.Known(); !ok || !b.tidying.CompareAndSwap(false, true) {
		return
	}
	b.account.tasks.Go(func() {
		for end := time.Now().Add(duringEdits); time.Now().Before(end); {
			was := b.edits.Load()
			if !sleep(b.account.life, afterEdit) || b.edits.Load() == was {
				break
			}
		}
		b.tidying.Store(false)
		if b.account.life.Err() == nil {
			b.account.resync(b)
		}
	})
}

// afterEdit is how long after a change the mailbox is synced, as more are likely
// to follow, and duringEdits how long after the first if they do.
const (
	afterEdit   = 500 * time.Millisecond
	duringEdits = 10 * time.Second
)

// Settle makes the listing show what was changed by us, unless there is no way to
// the server.
func (b *Box) Settle(ctx context.Context) error {
	if _, ok := b.Known(); !ok || b.settled.Load() >= b.edits.Load() {
		return nil
	}
	err := b.Sync(ctx)
	if errors.Is(err, ErrOffline) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// uidNext returns UIDNEXT as it was at some time before.
func (b *Box) uidNext(ctx context.Context) (uint32, error) {
	b.mu.RLock()
	next, uids, synced := b.state.Next, b.index.uids, !b.synced.IsZero()
	b.mu.RUnlock()
	if synced && next == 0 && len(uids) > 0 {
		next = uids[len(uids)-1] + 1
	}
	if synced {
		return max(next, 1), nil
	}
	e := &b.account.edits
	e.mu.Lock()
	next = e.nexts[b]
	e.mu.Unlock()
	if next > 0 {
		return next, nil
	}
	states, err := b.account.src.States(ctx, []ID{b.id})
	if err != nil {
		return 0, err
	}
	state, ok := states[b.id]
	if !ok {
		return 0, fmt.Errorf("mailbox %q: %w", b.id.Name, ErrNotExist)
	}
	next = max(state.Next, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.nexts == nil {
		e.nexts = make(map[*Box]uint32)
	}
	e.nexts[b] = next
	return next, nil
}
