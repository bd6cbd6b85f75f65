package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

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
// concurrent use. Who reads a large file from front to back is read ahead of,
// until Close.
type Reader struct {
	box     *Box
	message *Message
	file    File
	size    int64
	ranged  bool
	grid    content.Grid // of a ranged base64 part, if gridded
	gridded bool

	deep atomic.Bool // more of it has been read than the beginning

	mu       sync.Mutex
	data     []byte // guarded by mu; all of the file, unless ranged
	readings readings
}

// Open opens a file for reading. After it, Size is what reading will give,
// with the one exception that ErrContent stands for.
func (b *Box) Open(ctx context.Context, f File) (*Reader, error) {
	b.touch(ctx, f, useContent, false)
	s, err := b.sizeOf(ctx, f)
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
	if len(p) == 0 {
		return 0, nil
	}
	return r.readBlocks(ctx, p, off)
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
