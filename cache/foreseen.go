package cache

import (
	"context"
	"sync"
	"sync/atomic"
)

// foreseen is what has been fetched for walks before it was asked for, until it
// is used or the walk has passed it; and what is about to come. It is safe for
// concurrent use.
type foreseen struct {
	most int64 // octets that may wait for one walk
	last atomic.Pointer[walk]

	fetched, used, wasted atomic.Int64 // octets
	headers               atomic.Int64 // octets of a header, on the average; 0: not known

	count atomic.Int64 // of files
	mu    sync.Mutex
	files map[fileKey]*foreseenFile // guarded by mu
}

// aheadPart is what part of the memory for decoded mail a walk may have in
// addition, for what waits to be used.
const aheadPart = 8

// pieceOf is the piece that a block comes with.
func pieceOf(block int64) int64 {
	if block == wholeFile {
		return wholeFile
	}
	return block / pieceBlocks
}

type fileKey struct {
	box   uint64
	file  File
	piece int64
}

// foreseenFile is one file. It is guarded by foreseen.mu, but for done.
type foreseenFile struct {
	walk    *walk
	done    chan struct{} // closed when it has come, or does not
	arrived bool
	used    bool
	passed  bool // nobody waits for it any more
	octets  int64
	blocks  map[int64][]byte
}

// header is how many octets a header is likely to have: no server tells.
func (s *foreseen) header() int64 {
	if n := s.headers.Load(); n > 0 {
		return n
	}
	return headerOctets
}

func (s *foreseen) sawHeader(octets int) {
	was := s.header()
	s.headers.Store(max(was+(int64(octets)-was)/8, 1))
}

// expect notes that a file has been asked for.
func (s *foreseen) expect(w *walk, one *wish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[fileKey]*foreseenFile)
	}
	s.count.Add(1)
	s.files[fileKey{w.box.serial, one.file, one.piece}] = &foreseenFile{walk: w, done: make(chan struct{})}
}

// has reports whether a file has been fetched, or is about to come.
func (s *foreseen) has(b *Box, f File, piece int64) bool {
	if s.count.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[fileKey{b.serial, f, piece}] != nil
}

func (s *foreseen) remove(key fileKey) {
	delete(s.files, key)
	s.count.Add(-1)
}

// arrive takes a file that has come, in so many octets; without blocks, there is
// nothing to wait for any more.
func (s *foreseen) arrive(b *Box, wish *wish, octets int64, blocks map[int64][]byte) {
	s.fetched.Add(octets)
	key := fileKey{b.serial, wish.file, wish.piece}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.files[key]
	if one == nil || one.arrived {
		return
	}
	one.arrived, one.octets, one.blocks = true, octets, blocks
	close(one.done)
	one.walk.waiting.Add(octets)
	switch {
	case blocks == nil: // a probe, of which the index has the result, or nothing
		s.use(one)
		s.remove(key)
	case one.passed:
		s.drop(b, key, one)
	}
}

// await waits for a block that is about to come.
func (s *foreseen) await(ctx context.Context, b *Box, f File, block int64) error {
	s.mu.Lock()
	one := s.files[fileKey{b.serial, f, pieceOf(block)}]
	s.mu.Unlock()
	if one == nil {
		return nil
	}
	select {
	case <-one.done:
		return nil
	default:
	}
	noteAsked(ctx)
	select {
	case <-one.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mark notes that a file is used, if only for its size.
func (s *foreseen) mark(b *Box, f File) {
	if s.count.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.files[fileKey{b.serial, f, wholeFile}]; one != nil && one.arrived {
		s.use(one)
	}
}

// use counts a file as used. mu is held.
func (s *foreseen) use(one *foreseenFile) {
	if one.used {
		return
	}
	one.used = true
	s.used.Add(one.octets)
	one.walk.used.Add(one.octets)
	one.walk.waiting.Add(-one.octets)
}

// take gives away a block of a file.
func (s *foreseen) take(b *Box, f File, block int64) ([]byte, bool) {
	if s.count.Load() == 0 {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fileKey{b.serial, f, pieceOf(block)}
	one := s.files[key]
	if one == nil {
		return nil, false
	}
	data, ok := one.blocks[block]
	if !ok {
		return nil, false
	}
	s.use(one)
	if delete(one.blocks, block); len(one.blocks) == 0 {
		s.remove(key)
	}
	return data, true
}

// forget drops files that the walk has passed.
func (s *foreseen) forget(b *Box, wishes []wish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range wishes {
		key := fileKey{b.serial, one.file, one.piece}
		if file := s.files[key]; file != nil {
			if file.passed = true; file.arrived {
				s.drop(b, key, file)
			}
		}
	}
}

// drop moves a file to the memory that all share. mu is held.
func (s *foreseen) drop(b *Box, key fileKey, one *foreseenFile) {
	if !one.used {
		one.used = true
		s.wasted.Add(one.octets)
		one.walk.waiting.Add(-one.octets)
	}
	for n, data := range one.blocks {
		b.account.mem.set(blockKey{b.serial, key.file, n}, data)
	}
	s.remove(key)
}
