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
	w := k.of(f.UID)
	switch {
	case w == nil && glance:
		return
	case w != nil && w.idle >= idleRests:
		w.touched = time.Now()
		w.advance(f.UID)
		return
	}
	m := b.known(f.UID)
	if m == nil {
		return
	}
	if w == nil {
		if w = b.notice(m, f.role(m)); w == nil {
			return
		}
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
	if w := k.of(uid); w != nil && w.idle >= idleRests {
		w.idle = 0
		w.next = w.at + w.step
		w.foresee()
	}
}

// of returns the walk that is likely to be the one that uses a message now. mu is
// held.
func (k *walks) of(uid uint32) *walk {
	var best *walk
	nearest := 0
	for _, w := range k.active {
		place, ok := w.order.place(uid)
		d := (place - w.at) * w.step
		if reach := (w.next-w.at)*w.step + neighbours; !ok || d < -behind || d > reach {
			continue
		}
		if d < 0 {
			d = -d
		}
		if best == nil || d < nearest {
			best, nearest = w, d
		}
	}
	return best
}

// notice takes a message into account that is no walk's, and returns the walk
// that begins with it, if one does. mu is held.
func (b *Box) notice(m *Message, r role) *walk {
	k := &b.walks
	l, ok := b.Known()
	if !ok || len(l.UIDs) < 2 {
		return nil
	}
	if n := len(k.recent); n > 0 && k.recent[n-1].uid == m.UID {
		k.recent[n-1].role = r
		return nil
	}
	k.recent = append(k.recent, visit{m.UID, r})
	if len(k.recent) > maxRecent {
		k.recent = slices.Delete(k.recent, 0, 1)
	}
	orders := []*order{orderByUID(l.UIDs)}
	if k.names != nil {
		orders = append(orders, k.names)
	}
	if w := b.continued(m.UID, orders[0]); w != nil {
		return w
	}
	var found *order
	step, cost := 0, 0
	for _, o := range orders {
		if s, c := b.follows(o, k.recent); s != 0 && (found == nil || c < cost) {
			found, step, cost = o, s, c
		}
	}
	if found == nil {
		if len(k.recent) > 2 {
			b.learnNames(l.UIDs)
		}
		return nil
	}
	w := b.begin(found, step, m.UID)
	for _, v := range k.recent {
		place, ok := found.place(v.uid)
		if d := (w.at - place) * step; !ok || d < 0 || d > max(cost, 2*neighbours) {
			continue // it has nothing to do with this
		}
		if one := b.known(v.uid); one != nil {
			if f, ok := fileOf(one, v.role); ok {
				w.taste.note(one, f, useSize, false, b.known)
			}
		}
	}
	k.recent = nil
	return w
}

// fileOf returns a file of this role.
func fileOf(m *Message, r role) (File, bool) {
	if r == (role{kind: Whole}) {
		return File{m.UID, Outer, Whole}, true
	}
	for _, f := range filesOf(m) {
		if f.role(m) == r {
			return f, true
		}
	}
	return File{}, false
}

// follows reports in which direction the last visits follow each other in an
// order, 0: they do not; cost is how many places they are apart. mu is held.
func (b *Box) follows(o *order, recent []visit) (step, cost int) {
	n := len(recent)
	if n < 3 {
		return 0, 0
	}
	var places [maxRecent]int
	for i, v := range recent {
		place, ok := o.place(v.uid)
		if !ok {
			return 0, 0
		}
		places[i] = place
	}
	first, middle, last := places[n-3], places[n-2], places[n-1]
	straight := (last > middle) == (middle > first)
	step = 1
	if last < middle {
		step = -1
	}
	if far := neighbours; straight && (last-middle)*step <= far && (middle-first)*step <= far {
		return step, (last - first) * step
	}
	// Several threads: of many that are near, most come before.
	near, forth := 0, 0
	for _, place := range places[:n-1] {
		if d := last - place; d != 0 && d >= -2*neighbours && d <= 2*neighbours {
			near++
			forth += d / max(d, -d)
			cost += max(d, -d)
		}
	}
	if near >= maxRecent/2 && max(forth, -forth) >= near/2 {
		return forth / max(forth, -forth), 2 * cost / near
	}
	// Or there are messages between that have no such file.
	r := recent[n-1].role
	if !straight || r.kind == Whole || b.hasBetween(o, first, middle, step, r) || b.hasBetween(o, middle, last, step, r) {
		return 0, 0
	}
	return step, (last - first) * step
}

// hasBetween reports whether there are messages between two places that have a
// file of this role, or so many that it takes too long to know.
func (b *Box) hasBetween(o *order, from, to, step int, r role) bool {
	if (to-from)*step > sparse {
		return true
	}
	for place := from + step; place != to; place += step {
		m := b.known(o.uid(place))
		if m == nil {
			continue
		}
		if _, ok := fileOf(m, r); ok {
			return true
		}
	}
	return false
}

// continued begins a walk for who has just walked through another mailbox, and
// now uses the first message of this. mu is held.
func (b *Box) continued(uid uint32, o *order) *walk {
	before := b.account.ahead.last.Load()
	if before == nil || before.box == b || !before.box.walks.mu.TryLock() {
		return nil // nobody waits for another mailbox's lock while he has one
	}
	defer before.box.walks.mu.Unlock()
	if place, ok := o.place(uid); !ok || place != o.first(before.step) || time.Since(before.touched) > resumes {
		return nil
	}
	w := b.begin(o, before.step, uid)
	w.taste, w.pace = before.taste.clone(), before.pace
	w.used.Store(before.used.Load())
	return w
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

// learnNames finds out the order of names. mu is held.
func (b *Box) learnNames(uids []uint32) {
	k := &b.walks
	name := b.account.opts.Name
	if name == nil || k.naming || sameSlice(k.namesOf, uids) {
		return
	}
	k.naming = true
	b.account.tasks.Go(func() {
		o := orderByName(uids, func(uid uint32) string {
			if m := b.known(uid); m != nil && b.account.life.Err() == nil {
				return name(m)
			}
			return ""
		})
		k.mu.Lock()
		defer k.mu.Unlock()
		k.names, k.namesOf, k.naming = o, uids, false
	})
}

// sameSlice reports whether both are one listing: these are never changed.
func sameSlice(a, b []uint32) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

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
