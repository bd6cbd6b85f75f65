package cache

import (
	"context"
	"fmt"
	"sync/atomic"

	"imapfs/cache/content"
)

// Size is a file's size in bytes.
type Size struct {
	N int64
	// Proven tells that N is known to be what reading gives. Until then it
	// rests on what the server announced, or on both ends of the content.
	Proven bool
}

// size is what is known of a file's size. Those that have changed of late are in
// Box.sizes and guarded by Box.mu; the others are in the index (sizelog.go) and
// never changed.
type size struct {
	n      int64
	proven bool
	// grid maps the bytes of a base64 part to octets, if gridded.
	grid    content.Grid
	gridded bool
	// irregular: both ends of a base64 part are known, and do not lie on a
	// grid, or its inside was found not to. Its size is known once all of it is.
	irregular bool
	// seen has a bit for each block that was found to be as n promises.
	seen    []uint64
	nunseen int64
	// changed: it is not in the index as it is.
	changed bool
}

// Size returns a file's size, fetching what it takes to know it. An estimate
// is never given.
func (b *Box) Size(ctx context.Context, f File) (Size, error) {
	b.touch(ctx, f, useSize, false)
	return b.sizeOf(ctx, f)
}

func (b *Box) sizeOf(ctx context.Context, f File) (Size, error) {
	if s, ok := b.KnownSize(f); ok {
		b.account.ahead.mark(b, f)
		return s, nil
	}
	b.missed(f.UID)
	if err := b.account.ahead.await(ctx, b, f, wholeFile); err != nil {
		return Size{}, err
	}
	if s, ok := b.KnownSize(f); ok {
		b.account.ahead.mark(b, f)
		return s, nil
	}
	m, err := b.Structured(ctx, f.UID)
	if err != nil {
		return Size{}, err
	}
	if data, ok := b.kept(f, wholeFile); ok {
		b.provenSize(f, int64(len(data)))
		return Size{int64(len(data)), true}, nil
	}
	if s, ok := b.size(f); f.access(m) == accessGrid && !(ok && s.irregular) {
		if _, err := b.group(ctx, m, f); err != nil {
			return Size{}, err
		}
	}
	if s, ok := b.KnownSize(f); ok {
		return s, nil
	}
	data, err := b.whole(ctx, m, f)
	if err != nil {
		return Size{}, err
	}
	return Size{int64(len(data)), true}, nil
}

// Glance is KnownSize for a listing.
func (b *Box) Glance(ctx context.Context, f File) (Size, bool) {
	s, ok := b.KnownSize(f)
	if ok {
		b.touch(ctx, f, useSize, true)
		b.account.ahead.mark(b, f)
	}
	return s, ok
}

// KnownSize is Size where that takes no question to the server; false where it
// would.
func (b *Box) KnownSize(f File) (Size, bool) {
	if s, ok := b.size(f); ok && (s.proven || s.gridded && !s.irregular) {
		return Size{s.n, s.proven}, true
	}
	m := b.known(f.UID)
	if m == nil || f.Part != Outer && int(f.Part) >= len(m.Parts) || f.access(m) != accessVerbatim {
		return Size{}, false
	}
	if f.Kind == Whole && f.Part == Outer {
		trust := &b.account.trust
		return Size{m.Size, trust.proven()}, !trust.broken.Load()
	}
	return Size{f.octets(m), false}, true
}

func (b *Box) isIrregular(f File) bool {
	s, ok := b.size(f)
	return ok && s.irregular
}

// provenSize records what was found by decoding all of a file.
func (b *Box) provenSize(f File, n int64) {
	if s, ok := b.size(f); ok && s.proven && s.n == n {
		return
	}
	b.amend(f, func(s *size, _ bool) { s.n, s.proven, s.seen, s.changed = n, true, nil, true })
}

// probed records what both ends of a base64 part told.
func (b *Box) probed(f File, grid content.Grid, regular bool) {
	b.amend(f, func(s *size, known bool) {
		switch {
		case known:
		case regular:
			*s = size{n: grid.Size(), grid: grid, gridded: true, changed: true}
		default:
			*s = size{irregular: true, changed: true}
		}
	})
}

// grid returns the grid of a base64 part, if it has been found to have one.
func (b *Box) grid(f File) (content.Grid, bool) {
	s, ok := b.size(f)
	if !ok || !s.gridded || s.irregular {
		return content.Grid{}, false
	}
	return s.grid, true
}

// saw records that a block is as a file's size n promises. Once all of them
// are, the size is proven.
func (b *Box) saw(f File, n, block int64) {
	if s, ok := b.size(f); ok && s.proven {
		return
	}
	b.amend(f, func(s *size, _ bool) {
		switch {
		case s.proven:
			return
		case s.n == 0 && !s.irregular: // nothing was known
			s.n = n
		case s.n != n:
			return
		}
		if s.seen == nil {
			s.nunseen = (n + blockSize - 1) / blockSize
			s.seen = make([]uint64, (s.nunseen+63)/64)
		}
		if word, bit := &s.seen[block/64], uint64(1)<<(block%64); *word&bit == 0 {
			*word |= bit
			s.nunseen--
		}
		if s.nunseen == 0 {
			s.proven, s.seen, s.changed = true, nil, true
		}
	})
}

// contradicted is called when a block of f is not as its size promised. It
// finds out the right size for the next reader; this one must fail.
func (b *Box) contradicted(ctx context.Context, m *Message, f File) error {
	b.amend(f, func(s *size, known bool) {
		if known {
			s.irregular, s.proven, s.changed = s.gridded, false, true
		}
	})
	if _, err := b.whole(ctx, m, f); err != nil {
		return err
	}
	b.account.opts.Notify(Event{Kind: Resized, Box: b, File: f})
	return b.failed("read", f.UID, fmt.Errorf("section %q: %w; it is known now, read it again", f.section(m), ErrContent))
}

// trust is whether the server's RFC822.SIZE is what it serves. Exchange and
// hMailServer are known to announce other sizes than they serve.
type trust struct {
	matched atomic.Int32
	broken  atomic.Bool
}

// enough is how many messages must have been as large as announced before the
// server is believed.
const enough = 32

func (t *trust) proven() bool { return t.matched.Load() >= enough && !t.broken.Load() }

// compare takes the size of one message into account, and reports whether the
// server lost by it just now what credit it had.
func (t *trust) compare(announced, served int64) (lost bool) {
	if announced < 0 {
		return false
	}
	if announced == served {
		if t.matched.Load() < enough { // it may be a few more
			t.matched.Add(1)
		}
		return false
	}
	return !t.broken.Swap(true) && t.matched.Load() >= enough
}
