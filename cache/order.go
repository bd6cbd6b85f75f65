package cache

import (
	"cmp"
	"slices"
	"sort"
)

// order is a mailbox's messages in an order in which programs go through them.
// It is never changed.
type order struct {
	title      [2]string // for people: forwards and backwards
	uids       []uint32  // the listing that it is of
	at         []uint32  // UIDs in this order; nil: uids
	placeOfUID []uint32  // places in at of those in uids
}

// orderByUID is that of a directory, backwards: the newest come first.
func orderByUID(uids []uint32) *order {
	return &order{title: [2]string{"oldest first", "newest first"}, uids: uids}
}

// orderByName is the order of programs that sort names; nil if it is that of the
// UIDs.
func orderByName(uids []uint32, name func(uid uint32) string) *order {
	type named struct {
		name string
		i    uint32
	}
	all := make([]named, len(uids))
	for i, uid := range uids {
		all[i] = named{name(uid), uint32(i)}
	}
	if slices.IsSortedFunc(all, func(a, b named) int { return cmp.Compare(a.name, b.name) }) {
		return nil
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	o := &order{title: [2]string{"by name", "by name, backwards"}, uids: uids}
	o.at, o.placeOfUID = make([]uint32, len(uids)), make([]uint32, len(uids))
	for place, one := range all {
		o.at[place], o.placeOfUID[one.i] = uids[one.i], uint32(place)
	}
	return o
}

// uid returns the message at a place, 0 if there is none.
func (o *order) uid(place int) uint32 {
	at := o.at
	if at == nil {
		at = o.uids
	}
	if place < 0 || place >= len(at) {
		return 0
	}
	return at[place]
}

// place returns where a message is.
func (o *order) place(uid uint32) (int, bool) {
	i, ok := slices.BinarySearch(o.uids, uid)
	if ok && o.placeOfUID != nil {
		i = int(o.placeOfUID[i])
	}
	return i, ok
}

// first is the place where who goes in this direction begins.
func (o *order) first(step int) int {
	if step > 0 {
		return 0
	}
	return len(o.uids) - 1
}
