package cache

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"imapfs/cache/content"
	"imapfs/cache/disk"
)

// Sizes are kept in frames of the index, each of the messages whose UIDs begin
// with the same bits: a walk finds out many of them at once, and asks for many
// at once.

// sizesSpan is how many UIDs the sizes in a frame are of.
const sizesSpan = 128

// sizeEntry is the size of one file.
type sizeEntry struct {
	file File
	size size
}

func (e *sizeEntry) compare(f File) int {
	return cmp.Or(cmp.Compare(e.file.UID, f.UID), cmp.Compare(e.file.Part, f.Part), cmp.Compare(e.file.Kind, f.Kind))
}

const (
	sizeProven = 1 << (iota + 2) // the bits below are the file's kind
	sizeGridded
	sizeIrregular
)

// sizesFrame makes a frame of entries, which are sorted.
func sizesFrame(span uint32, entries []sizeEntry) []byte {
	b := binary.AppendUvarint([]byte{frameOfSizes}, uint64(span))
	b = binary.AppendUvarint(b, uint64(len(entries)))
	was := uint32(0)
	for _, e := range entries {
		bits := byte(e.file.Kind)
		if e.size.proven {
			bits |= sizeProven
		}
		if e.size.gridded {
			bits |= sizeGridded
		}
		if e.size.irregular {
			bits |= sizeIrregular
		}
		b = binary.AppendUvarint(b, uint64(e.file.UID-was))
		b = binary.AppendUvarint(b, uint64(e.file.Part-Outer))
		b = binary.AppendUvarint(append(b, bits), uint64(e.size.n))
		if e.size.gridded {
			b = e.size.grid.Append(b)
		}
		was = e.file.UID
	}
	return b
}

func (r *recordReader) grid() content.Grid {
	const longest = 5 * binary.MaxVarintLen64
	head := []byte(r.rest[:min(longest, len(r.rest))])
	grid, rest, ok := content.GridFrom(head)
	if !ok {
		r.fail()
		return grid
	}
	r.rest = r.rest[len(head)-len(rest):]
	return grid
}

func parseSizes(data []byte) ([]sizeEntry, error) {
	r := recordReader{rest: string(data[1:])}
	r.uint32()
	entries := make([]sizeEntry, r.count())
	was := uint32(0)
	for i := range entries {
		e := &entries[i]
		was += r.uint32()
		e.file = File{UID: was, Part: int32(r.uint32()) + Outer}
		bits := r.byte()
		e.file.Kind = Kind(bits & (sizeProven - 1))
		e.size = size{n: int64(r.uint()), proven: bits&sizeProven != 0, gridded: bits&sizeGridded != 0, irregular: bits&sizeIrregular != 0}
		if e.size.gridded {
			e.size.grid = r.grid()
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return entries, nil
}

// readSizes returns the entries in a frame of sizes; none if it is damaged, as
// they can be found out again.
func (a *Account) readSizes(log *disk.Log, at disk.Pos) []sizeEntry {
	if log == nil || at == (disk.Pos{}) {
		return nil
	}
	key := frameKey{log, at.Offset}
	if entries, ok := a.spans.get(key); ok {
		return entries
	}
	data, err := log.Read(at)
	if err != nil {
		return nil
	}
	entries, err := parseSizes(data)
	if err != nil {
		return nil
	}
	a.spans.set(key, entries, int64(len(entries))*128)
	return entries
}

// size returns what is known of a file's size.
func (b *Box) size(f File) (size, bool) {
	for {
		b.mu.RLock()
		s := b.sizes[f]
		log, at := b.index.log, b.index.sizesAt[f.UID/sizesSpan]
		if s != nil {
			defer b.mu.RUnlock()
			return *s, true
		}
		b.mu.RUnlock()
		if log == nil || at == (disk.Pos{}) {
			return size{}, false
		}
		entries := b.account.readSizes(log, at)
		if i, ok := slices.BinarySearchFunc(entries, f, func(e sizeEntry, f File) int { return e.compare(f) }); ok {
			return entries[i].size, true
		}
		if b.sizesStand(f.UID, log, at) {
			return size{}, false
		}
	}
}

// sizesStand reports whether the sizes of a message are still in this frame.
func (b *Box) sizesStand(uid uint32, log *disk.Log, at disk.Pos) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.index.log == log && b.index.sizesAt[uid/sizesSpan] == at
}

// amend lets change add to what is known of a file's size, unless its message
// has gone meanwhile.
func (b *Box) amend(f File, change func(s *size, known bool)) {
	was, known := b.size(f)
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.index.find(f.UID); !ok {
		return
	}
	s := b.sizes[f]
	if s == nil {
		// What else has been saved in this moment can be found out again.
		s = &was
		if b.sizes == nil {
			b.sizes = make(map[File]*size)
		}
		b.sizes[f] = s
	} else {
		known = true
	}
	change(s, known)
}

// saveSizes moves the sizes that have changed into the index.
func (b *Box) saveSizes() {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	spans := make(map[uint32][]sizeEntry)
	for f, s := range b.sizes {
		if s.changed {
			s.changed = false
			e := sizeEntry{f, *s}
			e.size.seen = nil
			spans[f.UID/sizesSpan] = append(spans[f.UID/sizesSpan], e)
		}
	}
	log := b.index.log
	at := make(map[uint32]disk.Pos, len(spans))
	for span := range spans {
		at[span] = b.index.sizesAt[span]
	}
	b.mu.Unlock()
	if log == nil || len(spans) == 0 {
		return
	}
	for _, span := range slices.Sorted(maps.Keys(spans)) {
		entries := b.merge(spans[span], b.account.readSizes(log, at[span]))
		pos := log.Append(sizesFrame(span, entries))
		b.account.spans.set(frameKey{log, pos.Offset}, entries, int64(len(entries))*128)
		b.mu.Lock()
		b.index.replaySizes(pos, span)
		for _, e := range spans[span] {
			if s := b.sizes[e.file]; s != nil && !s.changed && s.seen == nil {
				delete(b.sizes, e.file)
			}
		}
		b.mu.Unlock()
	}
}

// merge sorts the entries, and adds those of before that are of messages that
// are still there and that now are not about.
func (b *Box) merge(now, before []sizeEntry) []sizeEntry {
	now = slices.Clone(now)
	order := func(x, y sizeEntry) int { return x.compare(y.file) }
	slices.SortFunc(now, order)
	fresh := len(now)
	b.mu.RLock()
	for _, e := range before {
		_, there := b.index.find(e.file.UID)
		if _, ok := slices.BinarySearchFunc(now[:fresh], e.file, func(e sizeEntry, f File) int { return e.compare(f) }); !ok && there {
			now = append(now, e)
		}
	}
	b.mu.RUnlock()
	slices.SortFunc(now, order)
	return now
}

// forgetSizes drops the sizes of messages that have gone, ascending. mu is held.
func (b *Box) forgetSizes(gone []uint32) {
	if len(gone) == 0 {
		return
	}
	maps.DeleteFunc(b.sizes, func(f File, _ *size) bool {
		_, is := slices.BinarySearch(gone, f.UID)
		return is
	})
}
