package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// WarmOptions say what Warm fetches.
type WarmOptions struct {
	// Bodies fetches whole messages, and not only what a listing shows.
	Bodies bool
	// Since leaves out messages with an earlier INTERNALDATE; zero: none.
	Since time.Time
}

// WarmProgress is how far a Warming has come. Its JSON is for programs.
type WarmProgress struct {
	// Mailboxes is how many there are, and Listed how many have been compared
	// with the server; the totals below grow until they are equal.
	Mailboxes int `json:"mailboxes"`
	Listed    int `json:"listed"`
	// Messages is how many are wanted, and Done how many of them are cached, or
	// have failed.
	Messages int `json:"messages"`
	Done     int `json:"done"`
	// Bytes is the size of those messages as the server announces it, and
	// Fetched how much of it is cached; 0 without bodies.
	Bytes   int64 `json:"bytes"`
	Fetched int64 `json:"fetched"`
	// Failed counts mailboxes and messages that could not be had, and Failures
	// says why, of the first few.
	Failed   int      `json:"failed"`
	Failures []string `json:"failures,omitempty"`
	// Waiting: for another Warming, which comes first.
	Waiting bool `json:"waiting,omitempty"`
	// Offline: the server cannot be reached; it goes on when it can.
	Offline bool `json:"offline,omitempty"`
	// Error is why it ended before it was done.
	Error string `json:"error,omitempty"`
	// Ended: this is the last that there is to be said.
	Ended bool `json:"ended"`
}

const (
	// warmAtOnce and warmOctets bound what is asked of the server at once, but for
	// Options.Rate: as
	// much as keeps a line of 50 ms busy, and little enough that somebody who
	// reads meanwhile does not wait long behind it.
	warmAtOnce = 64
	warmOctets = 8 << 20
	// keptFailures bounds the failures that are told in words.
	keptFailures = 10
	// outageLasts is for how long the server may be out of reach.
	outageLasts = 2 * time.Minute
	outagePause = time.Second
)

// Warming is a Warm under way. It is safe for concurrent use.
type Warming struct {
	account *Account
	opts    WarmOptions
	begun   time.Time
	cancel  context.CancelCauseFunc
	ended   chan struct{}

	mu       sync.Mutex
	progress WarmProgress // guarded by mu
	outage   time.Time    // guarded by mu; since when nothing has succeeded
}

// Warm begins to fill the cache with mailboxes: their listings, the sizes of
// all that is in their messages, and with opts.Bodies the messages. It ends by
// itself, with Stop or with Close; what has come stays. The newest messages
// come first. One that cannot be had is counted, and ends nothing.
func (a *Account) Warm(ids []ID, opts WarmOptions) *Warming {
	w := &Warming{account: a, opts: opts, begun: time.Now(), ended: make(chan struct{})}
	w.progress.Mailboxes = len(ids)
	ctx, cancel := context.WithCancelCause(Background(a.life))
	w.cancel = cancel
	a.tasks.Go(func() {
		err := w.run(ctx, ids)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.progress.Ended, w.progress.Waiting, w.progress.Offline = true, false, false
		if err != nil {
			w.progress.Error = err.Error()
		}
		close(w.ended)
	})
	return w
}

// Stop ends it, and does not wait for that.
func (w *Warming) Stop() { w.cancel(context.Canceled) }

// Ended is closed once it has ended.
func (w *Warming) Ended() <-chan struct{} { return w.ended }

// Progress tells how far it has come.
func (w *Warming) Progress() WarmProgress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.progress
	p.Failures = slices.Clone(p.Failures)
	return p
}

// update changes the progress.
func (w *Warming) update(change func(*WarmProgress)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.progress)
}

// failed counts a failure.
func (w *Warming) failed(err error) {
	w.update(func(p *WarmProgress) {
		if p.Failed++; len(p.Failures) < keptFailures {
			p.Failures = append(p.Failures, err.Error())
		}
	})
}

// wanted is what of a mailbox is to be fetched.
type wanted struct {
	box  *Box
	uids []uint32 // the newest first
}

// run does all the work. Listings come first: they tell how much there is.
func (w *Warming) run(ctx context.Context, ids []ID) error {
	lists := make([]wanted, len(ids))
	group, listing := errgroup.WithContext(ctx)
	group.SetLimit(syncedAtOnce)
	for i, id := range ids {
		group.Go(func() error {
			if err := w.persist(listing, func() error { return w.account.syncSince(listing, id, w.begun) }); err != nil {
				if listing.Err() == nil {
					w.failed(err)
				}
			} else {
				lists[i] = w.choose(w.account.Box(id))
			}
			w.update(func(p *WarmProgress) { p.Listed++ })
			return listing.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	w.update(func(p *WarmProgress) { p.Waiting = true })
	select {
	case w.account.warming <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.account.warming }()
	w.update(func(p *WarmProgress) { p.Waiting = false })
	for _, one := range lists {
		if err := w.mailbox(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// choose picks the messages that are wanted.
func (w *Warming) choose(b *Box) wanted {
	l, _ := b.Known()
	one := wanted{box: b}
	octets := int64(0)
	for _, uid := range slices.Backward(l.UIDs) {
		m := b.known(uid)
		if m == nil || !m.Date.IsZero() && m.Date.Before(w.opts.Since) {
			continue
		}
		one.uids = append(one.uids, uid)
		octets += max(m.Size, 0)
	}
	w.update(func(p *WarmProgress) {
		p.Messages += len(one.uids)
		if w.opts.Bodies {
			p.Bytes += octets
		}
	})
	return one
}

// mailbox fetches what is wanted of one mailbox.
func (w *Warming) mailbox(ctx context.Context, one wanted) error {
	octets := w.account.atOnce(warmOctets)
	room := semaphore.NewWeighted(octets)
	var group errgroup.Group
	group.SetLimit(warmAtOnce)
	for _, uid := range one.uids {
		m := one.box.known(uid)
		weight := int64(groupOctets)
		if m != nil && m.Size >= 0 {
			weight = min(m.Size, groupOctets)
		}
		weight = min(weight, octets)
		if room.Acquire(ctx, weight) != nil {
			break
		}
		group.Go(func() error {
			defer room.Release(weight)
			w.message(ctx, one.box, uid)
			return nil
		})
	}
	group.Wait()
	return ctx.Err()
}

// message fetches one message, and counts it.
func (w *Warming) message(ctx context.Context, b *Box, uid uint32) {
	var counted, size int64 // guarded by w.mu, from here on
	if m := b.known(uid); m != nil && w.opts.Bodies {
		size = max(m.Size, 0)
	}
	count := func(octets int64) {
		w.update(func(p *WarmProgress) {
			octets = min(octets, size-counted)
			counted += octets
			p.Fetched += octets
		})
	}
	err := w.persist(ctx, func() error { return w.fetch(ctx, b, uid, count) })
	if ctx.Err() != nil {
		return
	}
	// One that was deleted meanwhile is nobody's loss.
	if err != nil && !errors.Is(err, ErrNotExist) && (!errors.Is(err, ErrStale) || b.stale.Load()) {
		w.failed(err)
	}
	w.account.bodies.Settle() // what comes faster than the disk takes it would be dropped
	count(size)
	w.update(func(p *WarmProgress) { p.Done++ })
}

// persist calls try until it no longer fails for want of a connection, or that
// has lasted too long, which ends all.
func (w *Warming) persist(ctx context.Context, try func() error) error {
	for {
		err := try()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrBudget) {
			w.cancel(fmt.Errorf("what has come is kept, warm again later: %w", err))
			return err
		}
		offline := errors.Is(err, ErrOffline)
		w.mu.Lock()
		switch {
		case !offline:
			w.outage = time.Time{}
		case w.outage.IsZero():
			w.outage = time.Now()
		}
		since := w.outage
		w.progress.Offline = offline
		w.mu.Unlock()
		if !offline {
			return err
		}
		if time.Since(since) > outageLasts {
			w.cancel(fmt.Errorf("what has come is kept, warm again when the server can be reached: %w", err))
			return err
		}
		if !sleep(ctx, outagePause) {
			return ctx.Err()
		}
	}
}

// fetch gets one message into the cache. Whole messages come first, since their
// parts need not be fetched then.
func (w *Warming) fetch(ctx context.Context, b *Box, uid uint32, count func(octets int64)) error {
	m, err := b.Structured(ctx, uid)
	if err != nil {
		return err
	}
	if w.opts.Bodies {
		whole := File{uid, Outer, Whole}
		err := readAll(ctx, b, whole, count)
		if errors.Is(err, ErrContent) { // its size is known now
			err = readAll(ctx, b, whole, count)
		}
		if err != nil {
			return err
		}
	}
	for i := Outer; i < len(m.Parts); i++ {
		f := File{uid, int32(i), Body}
		if i == Outer || m.Parts[i].Message {
			f.Kind = Header
		}
		if _, err := b.Size(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// settleBlocks is how many blocks of a large file may wait for the disk.
const settleBlocks = 64

// readAll reads a file from its end to its beginning: nothing is fetched ahead
// then, past the bounds of a Warming.
func readAll(ctx context.Context, b *Box, f File, count func(octets int64)) error {
	r, err := b.Open(ctx, f)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(int(b.account.atOnce(groupOctets) / blockSize))
	for block := (r.Size() - 1) / blockSize; block >= 0 && r.Size() > 0 && ctx.Err() == nil; block-- {
		group.Go(func() error {
			n, err := r.ReadAt(ctx, make([]byte, blockSize), block*blockSize)
			if err == nil {
				count(int64(n))
			}
			if block%settleBlocks == 0 {
				b.account.bodies.Settle()
			}
			return err
		})
	}
	return group.Wait()
}
