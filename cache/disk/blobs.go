package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Key names a blob. What it stands for never changes.
type Key [16]byte

// Blobs keeps blobs under a bound in bytes. It may lose any of them; those that
// have not been used for longest go first. It is safe for concurrent use.
//
// Blobs stand one after another in segments: a file for each would take more
// time and inodes than the bytes themselves. When there are too many, the
// oldest segment goes, and what was used since it was written moves to the
// newest.
type Blobs struct {
	dir   *Dir
	limit int64
	whole int64 // how large a segment becomes

	ready  chan struct{} // closed once the segments have been read
	queue  chan blob
	queued atomic.Int64 // bytes in queue
	// failing: the last blob could not be written.
	failing atomic.Bool
	tasks   sync.WaitGroup
	stop    chan struct{}

	mu       sync.Mutex
	at       map[uint64]place // guarded by mu; by the first 8 bytes of the key
	segments []*segment       // guarded by mu; the oldest first, the last is written to
	used     int64            // guarded by mu; bytes in all segments
}

type blob struct {
	key     Key
	data    []byte
	written chan struct{} // closed when it is this one's turn, in place of a blob
}

// place is where a blob is.
type place struct {
	segment uint32
	offset  uint32
	length  uint32 // of the blob; the top bit tells that it was used
}

const usedBit = 1 << 31

const (
	// queueLength and queueBytes bound what waits to be written: what comes
	// faster than the disk takes it is not kept.
	queueLength = 1 << 10
	queueBytes  = 32 << 20

	smallestSegment, largestSegment = 256 << 10, 16 << 20
	segments                        = 32 // that a small cache is divided into

	blobSuffix = ".bodies"
	blobHead   = 4 + 8 + len(Key{})
)

// Blobs keeps blobs in the directory, at most limit bytes. It is called once. If
// limit is 0, there are none, and those of before are removed; the result is nil.
func (d *Dir) Blobs(limit int64) *Blobs {
	if limit == 0 {
		names, _ := d.names(blobSuffix)
		for _, name := range names {
			d.root.Remove(name)
		}
		return nil
	}
	b := &Blobs{
		dir: d, limit: limit,
		whole: min(max(limit/segments, smallestSegment), largestSegment),
		ready: make(chan struct{}), stop: make(chan struct{}),
		queue: make(chan blob, queueLength),
		at:    make(map[uint64]place),
	}
	d.mu.Lock()
	d.blobs = b
	d.mu.Unlock()
	b.tasks.Go(func() {
		b.load()
		close(b.ready)
		b.evict(0) // the limit may be another than before
		b.write()
	})
	return b
}

// Get returns a blob, which must not be changed. One that is damaged is not
// there.
func (b *Blobs) Get(k Key) ([]byte, bool) {
	if b == nil {
		return nil, false
	}
	<-b.ready
	b.mu.Lock()
	p, ok := b.at[k.short()]
	s := b.segment(p.segment)
	if !ok || s == nil {
		b.mu.Unlock()
		return nil, false
	}
	if p.length&usedBit == 0 {
		p.length |= usedBit
		b.at[k.short()] = p
	}
	b.mu.Unlock()
	data, key, err := s.read(int64(p.offset), p.length&^usedBit)
	if err == nil && key == k {
		return data, true
	}
	if errors.Is(err, ErrDamaged) {
		b.dir.log.Warn("the cache is damaged; what is missing will be fetched again", "file", s.name(), "at", p.offset)
		b.mu.Lock()
		if now := b.at[k.short()]; now.segment == p.segment && now.offset == p.offset {
			delete(b.at, k.short())
		}
		b.mu.Unlock()
	}
	return nil, false
}

// Has reports whether there is such a blob, unless it turns out to be damaged.
func (b *Blobs) Has(k Key) bool {
	if b == nil {
		return false
	}
	<-b.ready
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.at[k.short()]
	return ok
}

// Put keeps a blob, unless there is no time or room for it, and reports whether
// it is going to, as far as is known. It does not wait. data must not be changed
// afterwards.
func (b *Blobs) Put(k Key, data []byte) bool {
	if b == nil || int64(len(data)) > b.limit/4 || len(data) >= usedBit || b.queued.Load() > queueBytes {
		return false
	}
	b.queued.Add(int64(len(data)))
	select {
	case b.queue <- blob{key: k, data: data}:
		return !b.failing.Load()
	default:
		b.queued.Add(-int64(len(data)))
		return false
	}
}

// Settle waits until what has been put before has been written, or dropped.
func (b *Blobs) Settle() {
	if b == nil {
		return
	}
	written := make(chan struct{})
	select {
	case b.queue <- blob{written: written}:
	case <-b.stop:
		return
	}
	select {
	case <-written:
	case <-b.stop:
	}
}

// usage is what the blobs take of the disk, and what they may.
func (b *Blobs) usage() (used, limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.limit
}

func (k *Key) short() uint64 { return binary.LittleEndian.Uint64(k[:]) }

// segment returns the segment of this number, or nil. mu is held.
func (b *Blobs) segment(number uint32) *segment {
	i, ok := slices.BinarySearchFunc(b.segments, number, func(s *segment, n uint32) int { return int(int64(s.number) - int64(n)) })
	if !ok {
		return nil
	}
	return b.segments[i]
}

// load reads what is in each segment.
func (b *Blobs) load() {
	names, _ := b.dir.names(blobSuffix)
	slices.Sort(names) // by number, as all have eight digits
	for _, name := range names {
		number, ok := segmentNumber(name)
		s := &segment{dir: b.dir, number: number}
		if !ok || s.open() != nil {
			b.dir.root.Remove(name)
			continue
		}
		entries := s.contents()
		b.mu.Lock()
		for _, e := range entries {
			b.at[e.short] = place{s.number, e.offset, e.length}
		}
		b.segments = append(b.segments, s)
		b.used += s.size
		b.mu.Unlock()
		if name == names[len(names)-1] && s.size < b.whole {
			was := s.size
			s.reopen(entries)
			b.mu.Lock()
			b.used += s.size - was
			b.mu.Unlock()
		}
	}
}

// write writes what is put, until stop.
func (b *Blobs) write() {
	var pause time.Time
	put := func(one blob) {
		if one.written != nil {
			close(one.written)
			return
		}
		defer b.queued.Add(-int64(len(one.data)))
		failed := b.failing.Load()
		if failed && time.Now().Before(pause) {
			return
		}
		err := b.add(one)
		if err != nil {
			pause = time.Now().Add(retryWrite)
		}
		if failed != (err != nil) {
			b.failing.Store(err != nil)
			b.dir.note("mail", err)
		}
	}
	for {
		select {
		case one := <-b.queue:
			put(one)
		case <-b.stop:
			for len(b.queue) > 0 {
				put(<-b.queue)
			}
			return
		}
	}
}

// add writes one blob. Only the goroutine that writes calls it.
func (b *Blobs) add(one blob) error {
	if b.holds(one) {
		return nil
	}
	s, err := b.room(int64(blobHead + len(one.data)))
	if err != nil {
		return err
	}
	e, err := s.append(one)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	b.mu.Lock()
	b.at[e.short] = place{s.number, e.offset, e.length}
	b.used += int64(blobHead + len(one.data))
	b.mu.Unlock()
	return nil
}

// holds reports whether the blob is there already.
func (b *Blobs) holds(one blob) bool {
	b.mu.Lock()
	p, ok := b.at[one.key.short()]
	s := b.segment(p.segment)
	b.mu.Unlock()
	if !ok || s == nil || p.length&^usedBit != uint32(len(one.data)) {
		return false
	}
	data, key, err := s.read(int64(p.offset), p.length&^usedBit)
	return err == nil && key == one.key && string(data) == string(one.data)
}

// room returns the segment that n bytes are to be written to, and makes room
// for them.
func (b *Blobs) room(n int64) (*segment, error) {
	b.mu.Lock()
	var last *segment
	next := uint32(1)
	if len(b.segments) > 0 {
		last = b.segments[len(b.segments)-1]
		next = last.number + 1
	}
	b.mu.Unlock()
	if last != nil && last.writable && last.size < b.whole {
		b.evict(n)
		return last, nil
	}
	if last != nil {
		b.seal(last)
	}
	s := &segment{dir: b.dir, number: next}
	if err := s.create(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.segments = append(b.segments, s)
	b.used += s.size
	b.mu.Unlock()
	b.evict(n)
	return s, nil
}

// seal ends a segment.
func (b *Blobs) seal(s *segment) {
	was := s.size
	s.seal()
	b.mu.Lock()
	b.used += s.size - was
	b.mu.Unlock()
}

// evict removes the oldest segments until there is room for n bytes. What was
// used in them is written again, as long as that is less than half of one.
func (b *Blobs) evict(n int64) {
	for {
		b.mu.Lock()
		if b.used+n <= b.limit || len(b.segments) < 2 {
			b.mu.Unlock()
			return
		}
		oldest, last := b.segments[0], b.segments[len(b.segments)-1]
		b.mu.Unlock()
		entries := oldest.contents()
		size := int64(0)
		for _, e := range entries {
			b.mu.Lock()
			p := b.at[e.short]
			b.mu.Unlock()
			if p.segment != oldest.number || p.offset != e.offset || p.length&usedBit == 0 {
				continue
			}
			if size += int64(e.length); size > b.whole/2 {
				break
			}
			b.move(oldest, last, e)
		}
		b.mu.Lock()
		for _, e := range entries {
			if b.at[e.short].segment == oldest.number {
				delete(b.at, e.short)
			}
		}
		b.segments = slices.Delete(slices.Clone(b.segments), 0, 1)
		b.used -= oldest.size
		b.mu.Unlock()
		oldest.remove()
	}
}

// move writes a blob once more, in another segment.
func (b *Blobs) move(from, to *segment, e entry) {
	data, key, err := from.read(int64(e.offset), e.length)
	if err != nil {
		return
	}
	if e, err = to.append(blob{key: key, data: data}); err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at[e.short] = place{to.number, e.offset, e.length}
	b.used += int64(blobHead) + int64(e.length)
}

// close writes what has been put, and ends.
func (b *Blobs) close() {
	close(b.stop)
	b.tasks.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range b.segments {
		if i == len(b.segments)-1 {
			s.seal()
		}
		s.file.Close()
	}
	b.segments, b.at = nil, make(map[uint64]place)
}
