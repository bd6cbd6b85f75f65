package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"imapfs/cache/content"
)

// errand is what is asked for in one question.
type errand struct {
	walk   *walk
	wishes []wish
	octets int64 // announced
	sent   sent
	came   atomic.Int64  // octets of files that are not complete
	nudge  chan struct{} // octets have come; room for one
}

// requests are what the octets of a wish are asked for with.
func (one *wish) requests() []Request {
	r := Request{UID: one.file.UID, Section: one.file.section(one.message)}
	switch {
	case one.piece != wholeFile:
		r.Offset, r.Length = one.piece*pieceBlocks*blockSize, one.octets
		if r.Offset+r.Length == one.file.octets(one.message) {
			r.Length++ // one more than there should be tells whether this is the end
		}
		return []Request{r}
	case !one.probe:
		return []Request{r}
	}
	head, tail := r, r
	head.Length = content.ProbeHead
	tail.Offset, tail.Length = one.file.octets(one.message)-content.ProbeTail/2, content.ProbeTail
	return []Request{head, tail}
}

// ask fetches a batch. The walks' mu is held.
func (w *walk) ask(b *errand) {
	w.coming.Add(b.octets)
	b.sent = w.pace.sends(time.Now())
	a := w.box.account
	for i := range b.wishes {
		a.ahead.expect(w, &b.wishes[i])
	}
	a.tasks.Go(func() {
		err := w.box.fetchBatch(w.ctx, b)
		k := &w.box.walks
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			w.failures = 0
		} else if w.failures++; w.failures >= maxFailures {
			w.rests = time.Now().Add(failureRest)
		}
		w.foresee()
	})
}

// answer is what came of a wish.
type answer struct {
	wish *wish
	got  [2][]byte // both ends of a probe; else all, and nothing
	left int       // requests without an answer
	bad  bool
}

// fetchBatch fetches files and keeps them. What is odd about one is left to who
// asks for it.
func (b *Box) fetchBatch(ctx context.Context, batch *errand) error {
	type place struct{ wish, end int }
	var requests []Request
	var places []place
	answers := make([]answer, len(batch.wishes))
	for i := range batch.wishes {
		one := &batch.wishes[i]
		for end, r := range one.requests() {
			requests, places = append(requests, r), append(places, place{i, end})
		}
		answers[i] = answer{wish: one, left: len(one.requests())}
	}
	arrived := make(chan *answer, len(answers))
	var decoding sync.WaitGroup
	decoding.Go(func() { // not where the octets come from the server
		for {
			select {
			case one, ok := <-arrived:
				if !ok {
					return
				}
				b.foreseen(batch, one)
			case <-batch.nudge:
				b.progressed(batch)
			}
		}
	})
	err := b.account.src.Fetch(ctx, b.id, b.validityNow(), requests, Taker{
		Answer: func(i int, octets []byte, err error) {
			one := &answers[places[i].wish]
			one.got[places[i].end], one.bad = octets, one.bad || err != nil || octets == nil
			if one.left--; one.left == 0 {
				arrived <- one
			}
		},
		Progress: func(octets int) {
			batch.came.Add(int64(octets))
			select {
			case batch.nudge <- struct{}{}:
			default:
			}
		},
	})
	b.progressed(batch)
	b.walks.mu.Lock()
	batch.walk.pace.ended(&batch.sent, time.Now())
	batch.walk.coming.Add(-batch.octets) // what was announced and did not come
	batch.octets = 0
	b.walks.mu.Unlock()
	close(arrived)
	decoding.Wait()
	for i := range answers {
		if one := &answers[i]; one.left > 0 {
			one.bad = true
			b.foreseen(batch, one)
		}
	}
	b.account.bodies.Settle() // what comes faster than the disk takes it would be dropped
	return err
}

// progressed takes into account that octets have come, and that there is room
// for more.
func (b *Box) progressed(batch *errand) {
	w := batch.walk
	b.walks.mu.Lock()
	defer b.walks.mu.Unlock()
	n := batch.came.Swap(0)
	if n == 0 {
		return
	}
	w.pace.arrived(&batch.sent, n, time.Now())
	n = min(n, batch.octets) // it may be more than was announced
	batch.octets -= n
	w.coming.Add(-n)
	w.foresee()
}

// foreseen keeps what came of a wish.
func (b *Box) foreseen(batch *errand, one *answer) {
	b.progressed(batch)
	var blocks map[int64][]byte
	if !one.bad {
		blocks = b.unpack(one)
	}
	b.account.ahead.arrive(b, one.wish, int64(len(one.got[0])+len(one.got[1])), blocks)
}

// unpack makes a file's bytes, and its size, of what came; nil if it is odd.
func (b *Box) unpack(one *answer) map[int64][]byte {
	m, f := one.wish.message, one.wish.file
	if one.wish.probe {
		grid, ok := content.NewGrid(f.octets(m), one.got[0], one.got[1])
		b.probed(f, grid, ok)
		return nil
	}
	octets := one.got[0]
	if f.Kind == Header {
		b.account.ahead.sawHeader(len(octets))
	}
	if one.wish.piece != wholeFile {
		if int64(len(octets)) != one.wish.octets {
			return nil
		}
		blocks := make(map[int64][]byte)
		for n := range int64(pieceBlocks) {
			if part := octets[min(n*blockSize, one.wish.octets):min((n+1)*blockSize, one.wish.octets)]; len(part) > 0 {
				blocks[one.wish.piece*pieceBlocks+n] = part[:len(part):len(part)]
			}
		}
		b.putBlocks(f, blocks)
		return blocks
	}
	if len(octets) == 0 && f.octets(m) > 0 || f.doubtful(m, octets) {
		return nil
	}
	data, err := guarded(b.account.life, func(context.Context) ([]byte, error) { return f.decode(m, octets), nil })
	if err != nil {
		return nil
	}
	b.whollyRead(m, f, data)
	blocks := map[int64][]byte{wholeFile: data}
	b.putBlocks(f, blocks)
	return blocks
}

// putBlocks puts blocks of a file on disk.
func (b *Box) putBlocks(f File, blocks map[int64][]byte) {
	for n, block := range blocks {
		b.account.bodies.Put(b.bodyKey(f, n), block)
	}
}
