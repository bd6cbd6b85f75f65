package cache

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Naming is a way in which messages are shown, each with names of its own.
type Naming uint8

const (
	// AsFile shows a message as one file, AsDirectory as one of its parts.
	AsFile Naming = iota
	AsDirectory
	namings
)

// names are what messages are called on this machine because they were written
// or moved under that name. They are kept in the account's log. It is safe for
// concurrent use.
type names struct {
	mu    sync.RWMutex
	boxes map[ID]*boxNames // guarded by mu
	times map[ID]boxTime   // guarded by mu
}

// boxNames are those in one mailbox, under one UIDVALIDITY.
type boxNames struct {
	validity uint32
	of       [namings]map[uint32]string
	uids     [namings]map[string]uint32
	// sums are of what was written, by UID: the server may have something else.
	sums map[uint32]uint64
	// claimed are messages that were stored, and have no name yet.
	claimed map[uint32]bool
}

func (n *names) box(id ID, validity uint32) *boxNames {
	b := n.boxes[id]
	if b == nil || b.validity != validity {
		b = &boxNames{validity: validity, sums: make(map[uint32]uint64)}
		for i := range namings {
			b.of[i], b.uids[i] = make(map[uint32]string), make(map[string]uint32)
		}
		if n.boxes == nil {
			n.boxes = make(map[ID]*boxNames)
		}
		n.boxes[id] = b
	}
	return b
}

// set names a message; "" forgets its name. What had the name before has it no
// more. sum is that of what was written, 0: what it was. It reports whether that
// is news.
func (n *names) set(id ID, validity uint32, as Naming, uid uint32, name string, sum uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.boxes[id]; name == "" && (b == nil || b.validity != validity) {
		return false
	}
	b := n.box(id, validity)
	delete(b.claimed, uid)
	if sum != 0 {
		b.sums[uid] = sum
	}
	was, had := b.of[as][uid]
	if was == name {
		return false
	}
	if name == "" {
		delete(b.sums, uid)
	}
	if had {
		delete(b.uids[as], was)
		delete(b.of[as], uid)
	}
	if name != "" {
		if other, ok := b.uids[as][name]; ok {
			delete(b.of[as], other)
		}
		b.of[as][uid], b.uids[as][name] = name, uid
	}
	return true
}

// claim takes a message for one that was just stored. False: it is known to be
// another.
func (n *names) claim(id ID, validity, uid uint32) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.box(id, validity)
	if b.claimed[uid] {
		return false
	}
	for i := range namings {
		if _, ok := b.of[i][uid]; ok {
			return false
		}
	}
	if b.claimed == nil {
		b.claimed = make(map[uint32]bool)
	}
	b.claimed[uid] = true
	return true
}

// SetName names a message as it is to be shown from now on, "" as it would be by
// itself. The mailbox need not have been listed.
func (b *Box) SetName(validity uint32, as Naming, uid uint32, name string) {
	b.account.setName(b.id, validity, as, uid, name, 0)
}

func (a *Account) setName(id ID, validity uint32, as Naming, uid uint32, name string, sum uint64) {
	if !a.names.set(id, validity, as, uid, name, sum) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.log != nil {
		a.log.Append(nameFrame(id, validity, as, uid, name, sum))
	}
}

// writtenAs reports whether a message is what was written with a sum.
func (b *Box) writtenAs(uid uint32, sum uint64) bool {
	n := &b.account.names
	n.mu.RLock()
	defer n.mu.RUnlock()
	of := n.boxes[b.id]
	return of != nil && of.validity == b.Validity() && of.sums[uid] == sum && sum != 0
}

// NameOf is the name that SetName gave a message, "" if it has none.
func (b *Box) NameOf(as Naming, uid uint32) string {
	n := &b.account.names
	n.mu.RLock()
	defer n.mu.RUnlock()
	if of := n.boxes[b.id]; of != nil && of.validity == b.Validity() {
		return of.of[as][uid]
	}
	return ""
}

// Called is the message of that name; 0: there is none.
func (b *Box) Called(as Naming, name string) (uid uint32) {
	n := &b.account.names
	n.mu.RLock()
	defer n.mu.RUnlock()
	if of := n.boxes[b.id]; of != nil && of.validity == b.Validity() {
		return of.uids[as][name]
	}
	return 0
}

// HasNames reports whether any message in the mailbox has a name of its own.
func (b *Box) HasNames() bool {
	n := &b.account.names
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.boxes[b.id] != nil
}

// renameNames takes the names of a mailbox, and of those below, along.
func (a *Account) renameNames(from, to ID, delimiter rune) {
	type named struct {
		id       ID
		validity uint32
		as       Naming
		uid      uint32
		name     string
		sum      uint64
	}
	var moved []named
	a.names.mu.Lock()
	for id, b := range a.names.boxes {
		now := to
		if id != from {
			rest, below := strings.CutPrefix(id.Name, from.Name+string(delimiter))
			if !below || delimiter == 0 || id.Raw != from.Raw {
				continue
			}
			now = ID{to.Name + string(delimiter) + rest, to.Raw}
		}
		for as := range namings {
			for uid, name := range b.of[as] {
				moved = append(moved, named{now, b.validity, as, uid, name, b.sums[uid]})
			}
		}
		delete(a.names.boxes, id)
	}
	a.names.mu.Unlock()
	for _, m := range moved {
		a.setName(m.id, m.validity, m.as, m.uid, m.name, m.sum)
	}
}

func nameFrame(id ID, validity uint32, as Naming, uid uint32, name string, sum uint64) []byte {
	b := append([]byte{frameOfName, rawByte(id.Raw)}, byte(as))
	b = appendString(b, id.Name)
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(validity)), uint64(uid))
	return binary.AppendUvarint(appendString(b, name), sum)
}

// replayName takes over what a frame tells.
func (n *names) replayName(r *recordReader) {
	raw, as := r.byte() != 0, Naming(r.byte())
	id := ID{Name: strings.Clone(r.string()), Raw: raw}
	validity, uid, name, sum := r.uint32(), r.uint32(), r.string(), r.uint()
	if as >= namings {
		r.fail()
	}
	if r.err == nil {
		n.set(id, validity, as, uid, strings.Clone(name), sum)
	}
}

// frames are all names, as frames.
func (n *names) frames(yield func([]byte)) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for id, b := range n.boxes {
		for as := range namings {
			for _, uid := range slices.Sorted(maps.Keys(b.of[as])) {
				yield(nameFrame(id, b.validity, as, uid, b.of[as][uid], b.sums[uid]))
			}
		}
	}
	for id, t := range n.times {
		yield(t.frame(id))
	}
}

// boxTime is what the time of a mailbox's directory was set to, as long as the
// newest message is the same: an rsync that has set it finds it again.
type boxTime struct {
	validity, newest uint32
	when             int64 // Unix time in s
}

// SetTime sets the time of a mailbox's directory, until it gets new mail.
func (b *Box) SetTime(when time.Time) {
	b.mu.RLock()
	t := boxTime{b.index.validity, 0, when.Unix()}
	if n := len(b.index.uids); n > 0 {
		t.newest = b.index.uids[n-1]
	}
	b.mu.RUnlock()
	a := b.account
	if !a.names.setTime(b.id, t) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.log != nil {
		a.log.Append(t.frame(b.id))
	}
}

// Time is what SetTime has set, false if that is no more so.
func (b *Box) Time() (time.Time, bool) {
	n := &b.account.names
	n.mu.RLock()
	t, ok := n.times[b.id]
	n.mu.RUnlock()
	if !ok {
		return time.Time{}, false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	uids := b.index.uids
	same := t.validity == b.index.validity && len(uids) > 0 && uids[len(uids)-1] == t.newest
	return time.Unix(t.when, 0), same
}

func (n *names) setTime(id ID, t boxTime) (news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.times == nil {
		n.times = make(map[ID]boxTime)
	}
	news = n.times[id] != t
	n.times[id] = t
	return news
}

func (t boxTime) frame(id ID) []byte {
	b := appendString([]byte{frameOfTime, rawByte(id.Raw)}, id.Name)
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.validity)), uint64(t.newest))
	return binary.AppendVarint(b, t.when)
}

func (n *names) replayTime(r *recordReader) {
	raw := r.byte() != 0
	id := ID{Name: r.string(), Raw: raw}
	t := boxTime{r.uint32(), r.uint32(), r.int()}
	if r.err == nil {
		n.setTime(ID{strings.Clone(id.Name), id.Raw}, t)
	}
}
