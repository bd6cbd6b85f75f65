package cache

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// walks sees programs go through a mailbox, file by file: rsync, grep -r, find.
// What they are going to use next is fetched before they ask for it (foresee.go).
// The zero value is ready; it is safe for concurrent use.
//
// A walk is found by three messages that are neighbours, in the order of their
// UIDs or of their names, used one after another. Since several may go on at
// once, each is known by its place: a message is a walk's if it is not far from
// the last one.
type walks struct {
	mu      sync.Mutex
	recent  []visit // guarded by mu; messages used of late, by nobody's walk
	active  []*walk // guarded by mu
	names   *order  // guarded by mu; by name, nil: the same as by UID, or not known
	namesOf []uint32
	naming  bool // guarded by mu; names is being made
}

// visit is the use of a message.
type visit struct {
	uid  uint32
	role role
}

// walk is one program's way through a mailbox. What is in it is guarded by the
// walks' mu.
type walk struct {
	box    *Box
	ctx    context.Context // until it ends
	cancel context.CancelFunc
	order  *order
	step   int // in the order: 1 or -1
	at     int // place of the message furthest on
	next   int // place to look at next, for what to fetch
	taste  taste
	pace   pace

	begun, touched time.Time
	messages       int       // that it has gone through
	idle           int       // messages in a row that were looked at in vain
	deep           bool      // it reads more of large files than their beginnings
	failures       int       // batches in a row
	rests          time.Time // until then nothing is fetched, after failures
	trail          []trace   // messages of which something has been fetched, in order

	// Octets of what is fetched for it; not guarded.
	used    atomic.Int64 // that it has used
	coming  atomic.Int64 // asked for, and not there
	waiting atomic.Int64 // there, and not used
}

// trace is what has been fetched of a message.
type trace struct {
	uid    uint32
	wishes []wish
}

const (
	maxRecent = 8
	maxWalks  = 8 // in one mailbox
	// neighbours is how far apart messages may be that are used one after
	// another: several threads, or the kernel, change the order a little.
	neighbours = 4
	// sparse is over how many messages without such a file one may step.
	sparse = 256
	// behind is how far back a walk may look, and beyond the furthest that has
	// been looked at for it.
	behind = 64
	// idleRests is after how many messages of which nothing had to be fetched it is
	// let alone, until something is missing.
	idleRests = 512
	// walkRests is when a walk that nobody goes on with gives up what has been
	// fetched for it, and walkPauses when it stops to fetch.
	walkPauses, walkRests = 10 * time.Second, time.Minute
	// resumes is how soon who has ended in one mailbox begins in the next.
	resumes = 5 * time.Second
)

// touch tells that somebody uses a file. glance: a directory is listed with its
// attributes, which whoever lists may not want.
func (b *Box) touch(ctx context.Context, f File, how use, glance bool) {
	if UrgencyOf(ctx) != Waiting {
		return
	}
	if glance && f.Kind == Whole && f.Part == Outer {
		return // of a mailbox: programs read many names before they use the first
	}
	k := &b.walks
	k.mu.Lock()
	defer k.mu.Unlock()
	w, ahead := k.of(f.UID)
	switch {
	case w == nil && glance:
		return
	case w != nil && ahead >= 0 && w.idle >= idleRests:
		w.touched = time.Now()
		w.advance(f.UID)
		return
	}
	m := b.known(f.UID)
	if m == nil {
		return
	}
	if ahead < 0 && !glance || w == nil {
		// What is behind one may be the beginning of another.
		if other := b.notice(m, f.role(m), w, ahead); other != nil {
			w = other
		}
	}
	if w == nil {
		return
	}
	w.touched = time.Now()
	w.taste.note(m, f, how, glance, b.known)
	w.advance(f.UID)
	w.foresee()
}

// missed tells that something of a message that somebody uses has to be fetched.
func (b *Box) missed(uid uint32) {
	k := &b.walks
	k.mu.Lock()
	defer k.mu.Unlock()
	if w, _ := k.of(uid); w != nil && w.idle >= idleRests {
		w.idle = 0
		w.next = w.at + w.step
		w.foresee()
	}
}

// readOn tells that somebody reads more of a large file than its beginning.
func (b *Box) readOn(uid uint32) {
	k := &b.walks
	k.mu.Lock()
	defer k.mu.Unlock()
	if w, _ := k.of(uid); w != nil {
		w.deep = true
	}
}

// of returns the walk that is likely to be the one that uses a message now, and by
// how many places that is ahead of the last one. mu is held.
func (k *walks) of(uid uint32) (best *walk, ahead int) {
	nearest := 0
	for _, w := range k.active {
		place, ok := w.order.place(uid)
		d := (place - w.at) * w.step
		if reach := (w.next-w.at)*w.step + neighbours; !ok || d < -behind || d > reach {
			continue
		}
		if far := max(d, -2*d); best == nil || far < nearest {
			best, ahead, nearest = w, d, far
		}
	}
	return best, ahead
}

// begin makes a walk. mu is held.
func (b *Box) begin(o *order, step int, uid uint32) *walk {
	k := &b.walks
	now := time.Now()
	w := &walk{box: b, order: o, step: step, begun: now, touched: now}
	w.ctx, w.cancel = context.WithCancel(WithUrgency(b.account.life, FetchAhead))
	w.at, _ = o.place(uid)
	w.next = w.at + step
	if len(k.active) == maxWalks {
		oldest := slices.MinFunc(k.active, func(a, b *walk) int { return a.touched.Compare(b.touched) })
		k.end(oldest)
	}
	k.active = append(k.active, w)
	w.watch(walkPauses)
	return w
}

// watch ends a walk that nobody goes on with.
func (w *walk) watch(after time.Duration) {
	time.AfterFunc(after, func() {
		k := &w.box.walks
		k.mu.Lock()
		defer k.mu.Unlock()
		switch idle := time.Since(w.touched); {
		case w.ctx.Err() != nil || idle >= walkRests || w.box.account.life.Err() != nil:
			k.end(w)
		case idle >= walkPauses:
			w.watch(walkRests - idle)
		default:
			w.watch(walkPauses)
		}
	})
}

// end forgets a walk, and what was fetched for it. mu is held.
func (k *walks) end(w *walk) {
	w.cancel()
	for _, t := range w.trail {
		w.box.account.ahead.forget(w.box, t.wishes)
	}
	w.trail = nil
	k.active = slices.DeleteFunc(k.active, func(other *walk) bool { return other == w })
}

// advance notes that the walk has come to a message. mu is held.
func (w *walk) advance(uid uint32) {
	place, _ := w.order.place(uid)
	d := (place - w.at) * w.step
	if d <= 0 {
		return
	}
	w.at = place
	w.messages += d
	if (w.next-w.at)*w.step <= 0 {
		w.next = w.at + w.step
	}
	for len(w.trail) > 0 {
		first, ok := w.order.place(w.trail[0].uid)
		if ok && (w.at-first)*w.step <= behind {
			break
		}
		w.box.account.ahead.forget(w.box, w.trail[0].wishes)
		w.trail = w.trail[1:]
	}
	w.box.account.ahead.last.Store(w)
}

// status tells of the walks that go on.
func (k *walks) status(mailbox string) (list []WalkStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.active {
		if time.Since(w.touched) > walkPauses {
			continue
		}
		one := WalkStatus{
			Mailbox: mailbox, Files: w.taste.String(), Order: w.order.title[0], Messages: w.messages,
			InFlight: w.coming.Load() + w.waiting.Load(), Since: w.begun,
		}
		if w.step < 0 {
			one.Order = w.order.title[1]
		}
		list = append(list, one)
	}
	return list
}
