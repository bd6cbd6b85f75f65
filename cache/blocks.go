package cache

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"sync"

	"imapfs/cache/content"
)

// readBlocks is ReadAt of a file that is read by ranges; p ends before the file
// does.
func (r *Reader) readBlocks(ctx context.Context, p []byte, off int64) (int, error) {
	first, end := off/blockSize, (off+int64(len(p))-1)/blockSize+1
	if end > pieceBlocks && !r.deep.Swap(true) {
		r.box.readOn(r.file.UID)
	}
	o, from, to := r.note(first, end-1)
	var run *run // the last that was waited for
	for n, block := 0, first; ; block++ {
		data, ok := run.block(block)
		if !ok {
			var err error
			data, run = r.find(ctx, o, block, end)
			if block == first { // what is read now comes first
				r.fetchAhead(ctx, o, from, to)
			}
			if run != nil {
				if data, err = r.await(ctx, run, block); err != nil {
					return 0, err
				}
			}
		}
		if data = data[min(max(off-block*blockSize, 0), int64(len(data))):]; len(data) == 0 {
			// It is not as promised, or was fetched by who was promised another size.
			return 0, r.box.contradicted(ctx, r.message, r.file)
		}
		if n += copy(p[n:], data); block == end-1 {
			if n < len(p) {
				return 0, r.box.contradicted(ctx, r.message, r.file)
			}
			return n, nil
		}
	}
}

func (r *Reader) key(block int64) blockKey { return blockKey{r.box.serial, r.file, block} }

// find returns a block, or the run that fetches it; the caller is its user. A new
// run is for as much up to the block to as is missing.
func (r *Reader) find(ctx context.Context, o *turns, block, to int64) ([]byte, *run) {
	a := r.box.account
	if data, ok := r.near(block); ok {
		return data, nil
	}
	if run := a.runs.join(r.key(block)); run != nil {
		return nil, run
	}
	if !r.has(block) {
		r.box.missed(r.file.UID)
	}
	a.ahead.await(ctx, r.box, r.file, block) // if ctx ends, so does what waits for the run
	// What a run that has just ended has fetched is there by now.
	if data, ok := r.near(block); ok {
		return data, nil
	}
	if data, ok := r.box.kept(r.file, block); ok && int64(len(data)) == r.length(block) {
		r.keep(block, data)
		r.box.saw(r.file, r.size, block)
		return data, nil
	}
	return nil, r.fetch(ctx, o, block, to)
}

// fetch begins to fetch a block and as much up to the block to as is missing, up
// to longestRun. The caller is a user of what it returns.
func (r *Reader) fetch(ctx context.Context, o *turns, block, to int64) *run {
	a := r.box.account
	a.lookups.nowhere.Add(1)
	missing := block + 1
	for missing < min(to, block+longestRun) && !r.has(missing) {
		missing++
	}
	return a.runs.claim(r.key(block), missing, func(n *run) {
		var own context.Context
		own, n.cancel = context.WithCancel(urgency(a.life, ctx))
		turn, sent := o.queue()
		a.tasks.Go(func() {
			defer sent()
			n.blocks, n.err = guarded(own, func(ctx context.Context) ([][]byte, error) {
				select {
				case <-turn:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				return r.fetchBlocks(stream(ctx, o.id, sent), n.from, n.to)
			})
			for i, data := range n.blocks {
				if data != nil {
					r.box.keep(r.file, n.from+int64(i), data)
				}
			}
			r.arrived(n)
			a.runs.end(n)
		})
	})
}

// has reports whether a block need not be fetched.
func (r *Reader) has(block int64) bool {
	if _, ok := r.near(block); ok {
		return true
	}
	return r.box.account.ahead.has(r.box, r.file, pieceOf(block)) || r.box.has(r.file, block)
}

// await waits for the block of a run of which the caller is a user. A block that
// is not as promised is empty.
func (r *Reader) await(ctx context.Context, n *run, block int64) ([]byte, error) {
	if !n.ended() {
		noteAsked(ctx)
	}
	select {
	case <-n.done:
	case <-ctx.Done():
		r.box.account.runs.leave(n)
		return nil, ctx.Err()
	}
	if n.err != nil {
		return nil, r.box.failed("read", r.file.UID, fmt.Errorf("section %q: %w", r.file.section(r.message), n.err))
	}
	r.arrived(n) // it may be another Reader's run
	data, _ := n.block(block)
	return data, nil
}

// length is how many bytes a block has.
func (r *Reader) length(block int64) int64 { return min(blockSize, r.size-block*blockSize) }

// scratch has memory for the octets of a block when they are decoded.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// fetchBlocks fetches the blocks [from, to). One that is not as the size promised
// is nil.
func (r *Reader) fetchBlocks(ctx context.Context, from, to int64) ([][]byte, error) {
	off := from * blockSize
	want := min(to*blockSize, r.size) - off
	request := Request{UID: r.file.UID, Section: r.file.section(r.message)}
	if r.gridded {
		request.Offset, request.Length = r.grid.Encoded(off, want)
	} else {
		// One octet more than there should be tells whether this is the end.
		request.Offset, request.Length = off, want+1
	}
	var octets []byte
	var wrong error
	err := r.box.account.src.Fetch(ctx, r.box.id, r.box.validityNow(), []Request{request}, Taker{Answer: func(_ int, got []byte, err error) {
		octets, wrong = got, err
	}})
	if err = cmp.Or(err, wrong); err != nil {
		return nil, err
	}
	blocks := make([][]byte, to-from)
	for i := range blocks {
		// Each has memory of its own, since they are dropped one by one.
		blocks[i] = r.cut(octets, request.Offset, from+int64(i))
	}
	if over := int64(len(octets)) > want; over && !r.gridded && off+want == r.size {
		blocks[len(blocks)-1] = nil
	}
	return blocks, nil
}

// cut returns the bytes of a block from octets of the section, which begin at
// start; nil if they are not as the size promised.
func (r *Reader) cut(octets []byte, start, block int64) []byte {
	off, want := block*blockSize, r.length(block)
	if !r.gridded {
		if int64(len(octets)) < off-start+want {
			return nil
		}
		return bytes.Clone(octets[off-start:][:want])
	}
	at, length := r.grid.Encoded(off, want)
	if int64(len(octets)) < at-start+length {
		return nil
	}
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	if room := content.DecodedRoom(int(length)); len(*buffer) < room {
		*buffer = make([]byte, room)
	}
	data, first, ok := r.grid.Decode(*buffer, octets[at-start:][:length], at)
	if !ok || first > off || first+int64(len(data)) < off+want {
		return nil
	}
	return bytes.Clone(data[off-first:][:want])
}
