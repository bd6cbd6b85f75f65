package cache

import (
	"context"
	"slices"
	"sync/atomic"
)

// maxReadings is how many readings of one open file are told apart: threads that
// each read a part of it, for example.
const maxReadings = 4

// readings are how a Reader is read from front to back, and what has been fetched
// for it. They are guarded by Reader.mu.
type readings struct {
	list   []*ahead         // the last read at the front
	blocks map[int64][]byte // fetched ahead, or out of order, and the block read last
	runs   []*run           // under way, of which the Reader is a user
	closed bool
}

// readaheads bound what all Readers fetch ahead.
type readaheads struct {
	last   atomic.Uint64 // of their ids
	active atomic.Int64  // how many there are
	most   int64         // how many blocks they may be ahead together
}

// limit is how far one may be ahead, in blocks.
func (r *readaheads) limit() int64 {
	return min(max(r.most/max(r.active.Load(), 1), 1), lastWindow)
}

// aheadBlocks is how many blocks may be held ahead of all Readers, where so much
// decoded mail may be held in memory.
func aheadBlocks(memory int64) int64 { return min(max(memory/4/blockSize, firstWindow), 4*lastWindow) }

// note takes note of a read of the blocks [first, last]. It returns the reading
// that it is of, and the blocks [from, to) to be fetched ahead.
func (r *Reader) note(first, last int64) (o *turns, from, to int64) {
	all := &r.box.account.readaheads
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.readings
	if s.closed {
		return new(turns), 0, 0
	}
	i := slices.IndexFunc(s.list, func(a *ahead) bool { return a.follows(first, last) })
	if i < 0 {
		// Another one, in place of what was not read for longest.
		if i = len(s.list); i < maxReadings {
			s.list = append(s.list, new(ahead))
		} else {
			i--
			r.idle(s.list[i])
		}
		s.list[i].order = &turns{id: all.last.Add(1)}
		s.list[i].begin(last)
	}
	a := s.list[i]
	copy(s.list[1:], s.list[:i])
	s.list[0] = a
	was := a.window
	a.most = max(r.box.account.atOnce(all.limit()*blockSize)/blockSize, 1)
	from, to = a.read(first, last)
	if was == 0 && a.window > 0 {
		all.active.Add(1)
	}
	r.trim()
	return a.order, from, min(to, (r.size+blockSize-1)/blockSize)
}

// idle ends what is fetched ahead for a. r.mu is held.
func (r *Reader) idle(a *ahead) {
	if a.window > 0 {
		r.box.account.readaheads.active.Add(-1)
	}
	a.begin(a.last)
}

// covers reports whether a block is kept for who reads. r.mu is held.
func (s *readings) covers(block int64) bool {
	return !s.closed && (len(s.list) > 0 && s.list[0].last == block ||
		slices.ContainsFunc(s.list, func(a *ahead) bool { return a.covers(block) }))
}

// trim drops what was fetched and will not be read. r.mu is held.
func (r *Reader) trim() {
	s := &r.readings
	for block := range s.blocks {
		if !s.covers(block) {
			delete(s.blocks, block)
		}
	}
	s.runs = slices.DeleteFunc(s.runs, func(n *run) bool {
		if n.ended() {
			return true
		}
		for block := n.from; block < n.to; block++ {
			if s.covers(block) {
				return false
			}
		}
		r.box.account.runs.leave(n)
		return true
	})
}

// fetchAhead begins to fetch the blocks [from, to), or those of them that are
// missing. What goes wrong is for the one who reads them.
func (r *Reader) fetchAhead(ctx context.Context, o *turns, from, to int64) {
	if r.box.account.opts.Thrifty() {
		return
	}
	for from < to {
		if r.has(from) {
			from++
			continue
		}
		n := r.fetch(ctx, o, from, to)
		from = n.to
		r.mu.Lock()
		r.readings.runs = append(r.readings.runs, n)
		r.trim() // it may have ended, or this Reader been closed
		r.mu.Unlock()
	}
}

// near returns a block that was fetched for this Reader.
func (r *Reader) near(block int64) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, ok := r.readings.blocks[block]
	return data, ok
}

// keep holds a block until it has been read: what was fetched ahead must not
// depend on a memory cache that may drop it before.
func (r *Reader) keep(block int64, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.readings
	if !s.covers(block) {
		return
	}
	if s.blocks == nil {
		s.blocks = make(map[int64][]byte)
	}
	s.blocks[block] = data
}

// arrived takes over what a run has fetched.
func (r *Reader) arrived(n *run) {
	for i, data := range n.blocks {
		if data != nil {
			r.keep(n.from+int64(i), data)
			r.box.saw(r.file, r.size, n.from+int64(i))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.readings
	s.runs = slices.DeleteFunc(s.runs, func(other *run) bool { return other == n })
}

// Close ends what is fetched ahead, and drops what was. Who still reads gets what
// is asked for, and no more.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.readings
	s.closed = true
	for _, a := range s.list {
		r.idle(a)
	}
	r.trim()
}
