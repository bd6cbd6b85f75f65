package cache

import (
	"slices"
	"time"
)

// notice takes a message into account that is no walk's, or so many places behind
// one, and returns the walk that begins with it, if one does. mu is held.
func (b *Box) notice(m *Message, r role, of *walk, ahead int) *walk {
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
	if of != nil && of.step == step && ahead >= -2*neighbours && (of.order.at == nil) == (found.at == nil) {
		return nil // it is the same, a little out of order
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
