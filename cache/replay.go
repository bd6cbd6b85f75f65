package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"imapfs/cache/content"
	"imapfs/cache/disk"
)

// indexVersion is raised when the frames become others. A log of another
// version is not read but begun anew.
const indexVersion = 1

// The frames of a mailbox's log, by their first byte. The first frame is
// frameHead. A frame of messages tells what is known of some, a sync frame what
// the mailbox then was: whatever the log is cut to, it tells of no sync without
// what that rests on.
const (
	frameHead = iota + 1
	frameOfMessages
	frameOfSync
	frameOfSizes
)

// logName is the name of a mailbox's log.
func logName(id ID) string {
	sum := sha256.Sum256(append([]byte(id.Name), rawByte(id.Raw)))
	return hex.EncodeToString(sum[:16])
}

func rawByte(raw bool) byte {
	if raw {
		return 1
	}
	return 0
}

func headFrame(id ID, validity uint32) []byte {
	b := binary.AppendUvarint([]byte{frameHead}, indexVersion)
	b = binary.AppendUvarint(b, content.Version)
	b = append(appendString(b, id.Name), rawByte(id.Raw))
	return binary.AppendUvarint(b, uint64(validity))
}

// whose reads whose log it is, and reports whether it is of this version.
func (r *recordReader) whose() (id ID, ok bool) {
	version, decoders := r.uint(), r.uint()
	id = ID{Name: r.string(), Raw: r.byte() != 0}
	return id, version == indexVersion && decoders == content.Version
}

// begin makes the log of a mailbox of which nothing is known.
func (x *index) begin(dir *disk.Dir, id ID, validity uint32) {
	*x = index{validity: validity, log: dir.NewLog(logName(id))}
	x.log.Append(headFrame(id, validity))
}

// synced is what a sync frame tells beside the messages.
type synced struct {
	state State
	at    time.Time
}

// syncFrame tells the state of the mailbox, and what has changed in it since the
// last sync frame. If it is complete, the listing is all that has been appended
// and is not gone; else, what it was.
func (x *index) syncFrame(s synced, complete bool, gone []uint32) []byte {
	b := []byte{frameOfSync, 0}
	if complete {
		b[1] = 1
	}
	b = binary.AppendVarint(b, s.at.UnixNano())
	for _, n := range []uint64{uint64(s.state.Next), uint64(s.state.Count), s.state.ModSeq, uint64(s.state.Unseen)} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendUIDs(b, gone)
	uids := slices.Sorted(maps.Keys(x.changed))
	b = appendUIDs(b, uids)
	flags := make([][]string, 0, len(uids))
	for _, uid := range uids {
		flags = append(flags, x.sets.sets[x.changed[uid]])
	}
	return appendFlags(b, flags)
}

func appendUIDs(b []byte, uids []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(uids)))
	was := uint32(0)
	for _, uid := range uids {
		b = binary.AppendUvarint(b, uint64(uid-was))
		was = uid
	}
	return b
}

func (r *recordReader) uids() []uint32 {
	uids := make([]uint32, 0, r.count())
	was := uint32(0)
	for range cap(uids) {
		was += r.uint32()
		uids = append(uids, was)
	}
	return uids
}

var errOtherLog = errors.New("the log is another mailbox's, or of another version of imapfs")

// restore reads a mailbox's log, and returns what its last sync was, zero if
// there was none.
func (x *index) restore(dir *disk.Dir, id ID) (last synced) {
	log, ok := dir.OpenLog(logName(id), func(at disk.Pos, data []byte) error {
		s, err := x.replay(id, at, data)
		if !s.at.IsZero() {
			last = s
		}
		return err
	})
	if !ok || x.validity == 0 {
		log.Discard()
		*x = index{}
		return synced{}
	}
	x.log = log
	return last
}

// replay takes over what a frame tells; of a sync frame, it returns what the
// sync was.
func (x *index) replay(id ID, at disk.Pos, data []byte) (s synced, err error) {
	r := recordReader{rest: string(data)}
	kind := r.byte()
	if kind != frameHead && x.validity == 0 {
		return s, errOtherLog
	}
	switch kind {
	case frameHead:
		if of, ok := r.whose(); !ok || of != id {
			return s, errOtherLog
		}
		x.validity = r.uint32()
	case frameOfMessages:
		r.count()
		if front := r.front(); r.err == nil && !x.enter(at, front) {
			r.fail()
		}
	case frameOfSync:
		if s = x.replaySync(&r); r.err != nil {
			return synced{}, r.err
		}
		s.state.Validity = x.validity
		x.dead += int64(at.Length)
	case frameOfSizes:
		if span := r.uint32(); r.err == nil {
			x.replaySizes(at, span)
		}
	}
	return s, r.err
}

func (x *index) replaySync(r *recordReader) (s synced) {
	complete := r.byte() != 0
	s.at = time.Unix(0, r.int())
	s.state.Next, s.state.Count = r.uint32(), r.uint32()
	s.state.ModSeq, s.state.Unseen = r.uint(), r.uint32()
	gone, changed := r.uids(), r.uids()
	flags := r.flags(len(changed))
	if r.err != nil {
		return s
	}
	if complete {
		x.join(gone)
	}
	for i, uid := range changed {
		x.setFlags(uid, flags[i], true)
	}
	x.changed = nil
	return s
}

// join makes the listing of what is described, but for those that are gone.
// While the log is read, nobody else has it.
func (x *index) join(gone []uint32) {
	x.settle()
	news := x.fresh
	if len(gone) == 0 && (len(x.uids) == 0 || len(news) == 0 || news[0].uid > x.uids[len(x.uids)-1]) {
		for _, one := range news { // as new mail does
			x.uids, x.refs, x.flags = append(x.uids, one.uid), append(x.refs, one.ref), append(x.flags, one.flags)
			if x.sets.unseen[one.flags] {
				x.unseen++
			}
		}
		x.fresh = x.fresh[:0]
		return
	}
	all := slices.Clone(x.uids)
	for _, one := range news {
		all = append(all, one.uid)
	}
	slices.Sort(all)
	all = slices.DeleteFunc(all, func(uid uint32) bool {
		_, is := slices.BinarySearch(gone, uid)
		return is
	})
	x.dead += int64(len(gone)) * meanRecord
	x.list(all)
}

// meanRecord is about what a message takes in a log, compressed, in bytes.
const meanRecord = 100

func (x *index) replaySizes(at disk.Pos, span uint32) {
	if x.sizesAt == nil {
		x.sizesAt = make(map[uint32]disk.Pos)
	}
	x.dead += int64(x.sizesAt[span].Length)
	x.sizesAt[span] = at
}

// wasteful reports whether the log should be rewritten.
func (x *index) wasteful() bool {
	const small = 256 << 10
	return x.log != nil && x.dead > small && x.dead > x.log.Size()/2 ||
		len(x.frames) > 4*(x.known()/frameMessages)+1000
}
