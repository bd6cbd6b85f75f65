package cache

import (
	"cmp"
	"slices"

	"imapfs/cache/disk"
)

// index is what is known of a mailbox's messages, in a form that has room for
// millions: in memory a dozen bytes for each, and the rest in frames of a log,
// which is on disk where there is one (frames.go, replay.go). It is guarded by
// Box.mu.
type index struct {
	// log is nil until UIDVALIDITY is known. The listing is the messages of
	// its last sync frame.
	log      *disk.Log
	validity uint32

	// The listing: uids ascending, and shared with readers, so replaced and
	// never changed; refs and flags stand at the same places.
	uids  []uint32
	refs  []ref
	flags []uint32 // in sets
	// fresh are messages that are described, and not in the listing yet; in
	// order after settle.
	fresh   []fresh
	settled bool
	// growing is what the first sync makes of them; nil after it.
	growing *growing

	frames  []disk.Pos // of messages, by number
	sets    flagSets
	unseen  uint32            // messages in the listing without \Seen
	defects map[uint32]Defect // of those messages that have any

	// changed are flags that differ from what the last sync frame tells.
	changed map[uint32]uint32
	// sizesAt is where the sizes of sizesSpan UIDs are, by UID/sizesSpan.
	sizesAt map[uint32]disk.Pos
	// dead is about how many bytes of the log are about what is history.
	dead int64
}

// ref is where a message's record is: number of the frame, and place in it.
type ref uint32

const (
	slotBits      = 7
	frameMessages = 1 << slotBits
	// frameBytes bounds a frame of records, unless one alone is larger.
	frameBytes = 256 << 10
	// maxRecord is what a record may take: beyond, its part table is left to
	// be read from the message itself.
	maxRecord = 16 << 20
	maxFrames = 1 << (32 - slotBits)
)

func (r ref) frame() int { return int(r >> slotBits) }
func (r ref) slot() int  { return int(r & (frameMessages - 1)) }

type fresh struct {
	uid   uint32
	ref   ref
	flags uint32
}

// settle puts fresh in order of UIDs. Of a message that was described twice, the
// later description counts.
func (x *index) settle() {
	if x.settled {
		return
	}
	slices.SortFunc(x.fresh, func(a, b fresh) int { return cmp.Or(cmp.Compare(a.uid, b.uid), cmp.Compare(a.ref, b.ref)) })
	n := 0
	for i, one := range x.fresh {
		if i+1 == len(x.fresh) || x.fresh[i+1].uid != one.uid {
			x.fresh[n] = one
			n++
		}
	}
	x.fresh, x.settled = x.fresh[:n], true
}

// arrived returns the place of a message in fresh, which is settled.
func (x *index) arrived(uid uint32) (int, bool) {
	return slices.BinarySearchFunc(x.fresh, uid, func(f fresh, uid uint32) int { return cmp.Compare(f.uid, uid) })
}

// flagSets are the combinations of flags that occur, numbered.
type flagSets struct {
	numbers map[string]uint32
	sets    [][]string
	unseen  []bool
}

// of returns the number of a set of flags.
func (s *flagSets) of(flags []string) uint32 {
	var buf [128]byte
	key := buf[:0]
	for _, f := range flags {
		key = append(append(key, f...), ' ')
	}
	if n, ok := s.numbers[string(key)]; ok {
		return n
	}
	if s.numbers == nil {
		s.numbers = make(map[string]uint32)
	}
	n := uint32(len(s.sets))
	s.numbers[string(key)] = n
	s.sets = append(s.sets, flags)
	s.unseen = append(s.unseen, !slices.Contains(flags, `\Seen`))
	return n
}

// known is how many messages are described, or one more for each twice.
func (x *index) known() int { return len(x.uids) + len(x.fresh) }

// listed returns the place of a message in the listing.
func (x *index) listed(uid uint32) (int, bool) { return slices.BinarySearch(x.uids, uid) }

// holds reports whether the message is one that may be shown.
func (b *Box) holds(uid uint32) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, ok := b.index.find(uid)
	return ok
}

// missing returns those of uids, ascending, that are not described, the newest
// first.
func (x *index) missing(uids []uint32) []uint32 {
	x.settle()
	var missing []uint32
	at := len(x.uids)
	for _, uid := range slices.Backward(uids) {
		for at > 0 && x.uids[at-1] > uid {
			at--
		}
		if at > 0 && x.uids[at-1] == uid {
			continue
		}
		if _, ok := x.arrived(uid); !ok {
			missing = append(missing, uid)
		}
	}
	return missing
}

// gone returns the messages that are described and not in uids, ascending.
func (x *index) gone(uids []uint32) (gone []uint32) {
	x.settle()
	at := 0
	for _, uid := range x.uids {
		for at < len(uids) && uids[at] < uid {
			at++
		}
		if at == len(uids) || uids[at] != uid {
			gone = append(gone, uid)
		}
	}
	for _, one := range x.fresh {
		if _, ok := slices.BinarySearch(uids, one.uid); !ok {
			gone = append(gone, one.uid)
		}
	}
	slices.Sort(gone)
	return gone
}

// list makes uids, as far as they are described, the listing.
func (x *index) list(uids []uint32) {
	x.growing = nil
	if len(x.fresh) == 0 && slices.Equal(uids, x.uids) {
		return // readers can see that it is the same
	}
	now := make([]uint32, 0, len(uids))
	refs, flags := make([]ref, 0, len(uids)), make([]uint32, 0, len(uids))
	x.settle()
	at, news := 0, 0
	x.unseen = 0
	for _, uid := range uids {
		for at < len(x.uids) && x.uids[at] < uid {
			at++
		}
		for news < len(x.fresh) && x.fresh[news].uid < uid {
			news++
		}
		var one fresh
		switch {
		case news < len(x.fresh) && x.fresh[news].uid == uid:
			one = x.fresh[news]
		case at < len(x.uids) && x.uids[at] == uid:
			one = fresh{uid, x.refs[at], x.flags[at]}
		default:
			continue // it went before it could be described
		}
		now, refs, flags = append(now, uid), append(refs, one.ref), append(flags, one.flags)
		if x.sets.unseen[one.flags] {
			x.unseen++
		}
	}
	for uid := range x.defects {
		if _, ok := slices.BinarySearch(now, uid); !ok {
			delete(x.defects, uid)
		}
	}
	x.uids, x.refs, x.flags, x.fresh = now, refs, flags, nil
}

// setFlags takes over the marks of a message, if it is described; unless they are
// labeled, the labels stay.
func (x *index) setFlags(uid uint32, marks []string, labeled bool) {
	of := func(was uint32) uint32 {
		if !labeled {
			return x.sets.of(withLabels(marks, x.sets.sets[was]))
		}
		return x.sets.of(marks)
	}
	x.settle()
	if i, ok := x.arrived(uid); ok {
		set := of(x.fresh[i].flags)
		if x.fresh[i].flags != set {
			x.fresh[i].flags = set
			x.note(uid, set)
		}
		return
	}
	i, ok := x.listed(uid)
	if !ok {
		return
	}
	set := of(x.flags[i])
	if x.flags[i] == set {
		return
	}
	x.note(uid, set)
	x.relabel(i, set)
}

func (x *index) note(uid, set uint32) {
	if x.changed == nil {
		x.changed = make(map[uint32]uint32)
	}
	x.changed[uid] = set
}

// relabel changes the flags of the message at place i.
func (x *index) relabel(i int, set uint32) {
	if x.sets.unseen[x.flags[i]] {
		x.unseen--
	}
	if x.sets.unseen[set] {
		x.unseen++
	}
	x.flags[i] = set
}

// enter records that the messages of a frame are in it. One that was described
// already is described anew.
func (x *index) enter(at disk.Pos, front *front) bool {
	number := len(x.frames)
	if number == maxFrames {
		return false
	}
	x.frames = append(x.frames, at)
	for slot, uid := range front.uids {
		r := ref(number<<slotBits | slot)
		if d := front.defects[uid]; d != 0 {
			if x.defects == nil {
				x.defects = make(map[uint32]Defect)
			}
			x.defects[uid] = d
		} else {
			delete(x.defects, uid)
		}
		if i, ok := x.listed(uid); ok {
			x.refs[i] = r
			x.dead += int64(at.Length) / int64(len(front.uids))
			continue
		}
		x.settled = x.settled && (len(x.fresh) == 0 || x.fresh[len(x.fresh)-1].uid < uid)
		one := fresh{uid, r, x.sets.of(front.flags[slot])}
		x.fresh = append(x.fresh, one)
		if x.growing != nil {
			x.growing.enter(one)
		}
	}
	return true
}
