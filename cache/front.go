package cache

import (
	"encoding/binary"

	"github.com/klauspost/compress/s2"
)

// front is what a frame of messages begins with: all that an index holds.
type front struct {
	uids    []uint32
	flags   [][]string
	defects map[uint32]Defect
}

// add adds a message.
func (f *front) add(uid uint32, flags []string, defects Defect) {
	f.uids, f.flags = append(f.uids, uid), append(f.flags, flags)
	if defects != 0 {
		if f.defects == nil {
			f.defects = make(map[uint32]Defect)
		}
		f.defects[uid] = defects
	}
}

// frame puts a frame together.
func (f *front) frame(records []byte) []byte {
	head := binary.AppendUvarint(nil, uint64(len(f.uids)))
	was := uint32(0)
	for _, uid := range f.uids {
		head = binary.AppendUvarint(head, uint64(uid-was))
		was = uid
	}
	head = appendFlags(head, f.flags)
	head = binary.AppendUvarint(head, uint64(len(f.defects)))
	for _, uid := range f.uids {
		if d := f.defects[uid]; d != 0 {
			head = append(binary.AppendUvarint(head, uint64(uid)), byte(d))
		}
	}
	room := 1 + binary.MaxVarintLen64 + len(head)
	frame := append(make([]byte, 0, room+s2.MaxEncodedLen(len(records))), frameOfMessages)
	frame = append(binary.AppendUvarint(frame, uint64(len(head))), head...)
	packed := s2.EncodeBetter(frame[len(frame):cap(frame)], records) // in place, as there is room
	return frame[:len(frame)+len(packed)]
}

// appendFlags appends sets of flags: those that occur, and then which each is.
func appendFlags(b []byte, flags [][]string) []byte {
	var sets flagSets
	numbers := make([]uint32, 0, len(flags))
	for _, one := range flags {
		numbers = append(numbers, sets.of(one))
	}
	b = binary.AppendUvarint(b, uint64(len(sets.sets)))
	for _, set := range sets.sets {
		b = binary.AppendUvarint(b, uint64(len(set)))
		for _, flag := range set {
			b = appendString(b, flag)
		}
	}
	for _, n := range numbers {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// flags reads n sets of flags.
func (r *recordReader) flags(n int) [][]string {
	sets := make([][]string, r.count())
	for i := range sets {
		if set := make([]string, r.count()); len(set) > 0 {
			for j := range set {
				set[j] = r.string()
			}
			sets[i] = set
		}
	}
	flags := make([][]string, 0, n)
	for range n {
		i := r.uint()
		if i >= uint64(len(sets)) {
			r.fail()
			return nil
		}
		flags = append(flags, sets[i])
	}
	return flags
}

// front reads the front of a frame.
func (r *recordReader) front() *front {
	n := r.count()
	if n > frameMessages {
		r.fail()
		return nil
	}
	f := &front{uids: make([]uint32, 0, n)}
	was := uint32(0)
	for range n {
		was += r.uint32()
		f.uids = append(f.uids, was)
	}
	f.flags = r.flags(n)
	for range r.count() {
		uid := r.uint32()
		if f.defects == nil {
			f.defects = make(map[uint32]Defect)
		}
		f.defects[uid] = Defect(r.byte())
	}
	return f
}
