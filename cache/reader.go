package cache

import (
	"context"
	"fmt"
	"sync"

	"imapfs/cache/content"
)

const (
	// blockSize is the unit, in bytes of the file, in which large files are
	// fetched and kept: large enough that a line of 50 ms is not all waiting,
	// small enough that a read in the middle costs little.
	blockSize = 128 << 10
	// verifiedSize is up to what size, in bytes, a file is always read whole,
	// so that a size that is not yet proven is proven at open.
	verifiedSize = 1 << 20
)

// Reader reads one file. It holds on to what it has read whole, so that
// reading goes on when the memory cache has dropped it. It is safe for
// concurrent use, and needs no closing.
type Reader struct {
	box     *Box
	message *Message
	file    File
	size    int64
	ranged  bool
	grid    content.Grid // of a ranged base64 part, if gridded
	gridded bool
	ahead   ahead

	mu   sync.Mutex
	data []byte           // guarded by mu; all of the file, unless ranged
	near map[int64][]byte // guarded by mu; the blocks fetched last, if ranged
}

// Open opens a file for reading. After it, Size is what reading will give,
// with the one exception that ErrContent stands for.
func (b *Box) Open(ctx context.Context, f File) (*Reader, error) {
	s, err := b.Size(ctx, f)
	if err != nil {
		return nil, err
	}
	m, err := b.Structured(ctx, f.UID)
	if err != nil {
		return nil, err
	}
	r := &Reader{box: b, message: m, file: f, size: s.N}
	r.ranged = s.N > verifiedSize && f.access(m) != accessWhole && !b.isIrregular(f)
	if r.ranged && f.access(m) == accessGrid {
		// If this Reader outlives the belief in the grid, it must still not
		// take the part for one that is not encoded.
		r.grid, r.gridded = b.grid(f)
		r.ranged = r.gridded
	}
	if !s.Proven && !r.ranged {
		if r.data, err = b.whole(ctx, m, f); err != nil {
			return nil, err
		}
		if n := int64(len(r.data)); n != s.N {
			r.size = n
			b.account.opts.Notify(Event{Kind: Resized, Box: b, File: f})
		}
	}
	return r, nil
}

// Size is the file's size in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt fills p from offset off, and returns less than len(p) bytes only at
// the end of the file. ErrContent: the content is not as large as Size said;
// Box.Size tells the right size from then on.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off >= r.size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), r.size-off)]
	if !r.ranged {
		data, err := r.all(ctx)
		if err != nil {
			return 0, err
		}
		return copy(p, data[off:]), nil
	}
	// What is kept of a message that has gone can still be read.
	if now, ok := r.box.KnownSize(r.file); (!ok || now.N != r.size) && r.box.holds(r.file.UID) {
		return 0, r.box.failed("read", r.file.UID, fmt.Errorf("section %q: %w; open it again", r.file.section(r.message), ErrContent))
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		r.fetchAhead(at / blockSize)
		data, err := r.block(ctx, at/blockSize)
		if err != nil {
			return 0, err
		}
		part := data[min(at%blockSize, int64(len(data))):]
		if len(part) == 0 { // fetched by who was promised another size
			return 0, r.box.contradicted(ctx, r.message, r.file)
		}
		n += copy(p[n:], part)
	}
	return n, nil
}

// fetchAhead starts to fetch what a reader of this block is going to read next.
// That ends with the account at the latest; who reads a block meanwhile waits
// for the same fetch.
func (r *Reader) fetchAhead(block int64) {
	a := r.box.account
	from, to := r.ahead.read(block)
	for n := from; n < min(to, (r.size+blockSize-1)/blockSize); n++ {
		a.tasks.Go(func() { r.block(a.life, n) }) // an error is for the one who reads it
	}
}

// all returns all bytes of a file that is read whole.
func (r *Reader) all(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	data := r.data
	r.mu.Unlock()
	if data != nil {
		return data, nil
	}
	data, err := r.box.whole(ctx, r.message, r.file)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != r.size {
		return nil, r.box.contradicted(ctx, r.message, r.file)
	}
	r.mu.Lock()
	r.data = data
	r.mu.Unlock()
	return data, nil
}

// block returns one block of a file that is read by ranges.
func (r *Reader) block(ctx context.Context, n int64) ([]byte, error) {
	a := r.box.account
	key := blockKey{r.box.serial, r.file, n}
	r.mu.Lock()
	data, ok := r.near[n]
	r.mu.Unlock()
	if !ok {
		data, ok = a.mem.get(key)
	}
	if ok {
		return data, nil
	}
	return a.blocks.do(ctx, a, key, func(ctx context.Context) ([]byte, error) {
		want := min(blockSize, r.size-n*blockSize)
		if data, ok := r.box.kept(r.file, n); ok && int64(len(data)) == want {
			r.keep(n, data)
			r.box.saw(r.file, r.size, n)
			return data, nil
		}
		data, ok, err := r.fetchBlock(ctx, n)
		if err != nil {
			return nil, r.box.failed("read", r.file.UID, fmt.Errorf("section %q: %w", r.file.section(r.message), err))
		}
		if !ok {
			return nil, r.box.contradicted(ctx, r.message, r.file)
		}
		r.box.keep(r.file, n, data)
		r.keep(n, data)
		r.box.saw(r.file, r.size, n)
		return data, nil
	})
}

// keep holds a block for a moment: what was fetched ahead must not depend on a
// memory cache that may drop it before it is read.
func (r *Reader) keep(n int64, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.near == nil {
		r.near = make(map[int64][]byte)
	}
	for other := range r.near {
		if other < n-lastWindow-disorder || other > n+lastWindow+disorder {
			delete(r.near, other)
		}
	}
	r.near[n] = data
}

// fetchBlock fetches one block, and reports whether it is as the size promised.
func (r *Reader) fetchBlock(ctx context.Context, n int64) (data []byte, ok bool, err error) {
	off := n * blockSize
	want := min(blockSize, r.size-off)
	request := Request{UID: r.file.UID, Section: r.file.section(r.message)}
	if r.gridded {
		request.Offset, request.Length = r.grid.Encoded(off, want)
	} else {
		// One octet more than there should be tells whether this is the end.
		request.Offset, request.Length = off, want+1
	}
	results, err := r.box.fetch(ctx, []Request{request})
	if err != nil {
		return nil, false, err
	}
	data = results[0]
	if !r.gridded {
		last := off+want == r.size
		if int64(len(data)) < want || last && int64(len(data)) > want {
			return nil, false, nil
		}
		return data[:want:want], true, nil
	}
	if int64(len(data)) != request.Length {
		return nil, false, nil
	}
	data, start, ok := r.grid.Decode(make([]byte, content.DecodedRoom(len(data))), data, request.Offset)
	if !ok || start > off || start+int64(len(data)) < off+want {
		return nil, false, nil
	}
	return data[off-start:][:want:want], true, nil
}
