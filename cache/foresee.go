package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"imapfs/cache/content"
)

const (
	// batchMessages bounds what goes into one question, and batchPart is what
	// part of all that may be under way it is: a few are under way at once.
	batchMessages, batchPart = 128, 4
	leastBatch               = 16 << 10
	// mostWaiting bounds, for a walk, what has come and has not been used, and
	// what is under way.
	mostWaiting = 16 << 20
	// usedPart is what part of what it has used a walk may be ahead.
	usedPart = 16
	// wholeAhead is how much of a file is fetched ahead, in pieces if it is read
	// by ranges. The rest comes as its reader goes on.
	wholeAhead  = 4 << 20
	pieceBlocks = 2
	// lookAhead bounds the messages that are looked at at a time, and farthest
	// how far they are.
	lookAhead, farthest = 256, 4096
	// maxFailures is after how many batches that failed a walk goes without for
	// a while.
	maxFailures = 3
	failureRest = 30 * time.Second
)

// wish is a file to be fetched ahead.
type wish struct {
	message *Message
	file    File
	piece   int64 // of which blocks, wholeFile: all
	probe   bool  // both ends only
	octets  int64 // as announced
}

// errand is what is asked for in one question.
type errand struct {
	walk   *walk
	wishes []wish
	octets int64 // announced
	sent   sent
	came   atomic.Int64  // octets of files that are not complete
	nudge  chan struct{} // octets have come; room for one
}

// foresee asks for what the walk is going to use, as far as there is room. The
// walks' mu is held.
func (w *walk) foresee() {
	if w.failures >= maxFailures {
		if time.Now().Before(w.rests) {
			return
		}
		w.failures = 0
	}
	a := w.box.account
	if !w.taste.anything() {
		w.idle++
		return
	}
	if w.ctx.Err() != nil || a.opts.Thrifty() {
		return
	}
	for {
		flight := a.atOnce(w.pace.flight())
		room := min(flight-w.coming.Load(), w.window()-w.coming.Load()-w.waiting.Load())
		if part := max(flight/batchPart, leastBatch); w.coming.Load()+w.waiting.Load() > 0 && room < part {
			return // small questions cost more than they bring
		}
		b := w.collect(max(min(room, flight/batchPart), 1))
		if len(b.wishes) == 0 {
			return
		}
		w.ask(b)
	}
}

// window is how many octets the walk may be ahead: no more than it has used, and
// not much more than what is under way, so that little is wasted if it ends.
func (w *walk) window() int64 {
	used := w.used.Load()
	return min(max(used, leastFlight), max(2*w.pace.flight(), used/usedPart), mostWaiting, w.box.account.ahead.most)
}

// collect looks for what is to be fetched next, of at least one message if there
// is any.
func (w *walk) collect(octets int64) *errand {
	b := &errand{walk: w, nudge: make(chan struct{}, 1)}
	messages := 0
	for range lookAhead {
		uid := w.order.uid(w.next)
		if uid == 0 || (w.next-w.at)*w.step > farthest {
			break
		}
		var wishes []wish
		if m := w.box.known(uid); m != nil {
			wishes = w.wishes(m)
		}
		if w.idle++; len(wishes) > 0 {
			w.idle = 0
		}
		taken := 0
		for _, one := range wishes {
			if len(b.wishes) > 0 && b.octets+one.octets > octets {
				break
			}
			b.octets += one.octets
			taken++
		}
		if taken > 0 {
			messages++
			b.wishes = append(b.wishes, wishes[:taken]...)
			w.trail = append(w.trail, trace{uid, wishes[:taken]})
		}
		if taken < len(wishes) || messages == batchMessages {
			break
		}
		w.next += w.step
	}
	return b
}

// wishes returns what of a message is wanted and not there.
func (w *walk) wishes(m *Message) (wishes []wish) {
	whole := File{m.UID, Outer, Whole}
	files := filesOf(m)
	dissected := m.Defects&DefectStructure != 0
	if w.taste.wants(whole.role(m)) == useContent || dissected && m.Parts == nil && w.taste.wants(files[0].role(m)) != 0 {
		return w.wish(m, whole, useContent) // what else there is is cut from it
	}
	if dissected {
		return nil
	}
	for _, f := range files {
		if how := w.taste.wants(f.role(m)); how != 0 {
			wishes = append(wishes, w.wish(m, f, how)...)
		}
		if len(wishes) >= groupFiles {
			break
		}
	}
	return wishes
}

// wish is what to fetch of a file: nothing, if it is there.
func (w *walk) wish(m *Message, f File, how use) []wish {
	b := w.box
	one := wish{message: m, file: f, piece: wholeFile, octets: f.octets(m)}
	access := f.access(m)
	if how == useSize {
		if _, ok := b.KnownSize(f); ok || access == accessVerbatim {
			return nil
		}
	}
	if one.octets < 0 && f.Kind == Header {
		one.octets = b.account.ahead.header()
	}
	switch {
	case one.octets < 0:
		return nil
	case access == accessVerbatim && one.octets > verifiedSize:
		return w.pieces(one)
	case access == accessGrid && (how == useSize || one.octets > wholeAhead):
		if _, ok := b.size(f); ok {
			return nil
		}
		one.probe, one.octets = true, content.ProbeHead+content.ProbeTail
	}
	if one.octets > wholeAhead || b.account.ahead.has(b, f, wholeFile) || !one.probe && (b.has(f, wholeFile) || b.has(f, 0)) {
		return nil
	}
	return []wish{one}
}

// pieces is what to fetch of a file that is read by ranges.
func (w *walk) pieces(file wish) (wishes []wish) {
	b := w.box
	for at := int64(0); at < min(file.octets, wholeAhead); at += pieceBlocks * blockSize {
		one := file
		one.piece, one.octets = at/(pieceBlocks*blockSize), min(pieceBlocks*blockSize, file.octets-at)
		if !b.account.ahead.has(b, one.file, one.piece) && !b.has(one.file, at/blockSize) {
			wishes = append(wishes, one)
		}
	}
	return wishes
}

// has reports whether a block of a file is in memory or on disk.
func (b *Box) has(f File, block int64) bool {
	_, ok := b.account.mem.get(blockKey{b.serial, f, block})
	return ok || b.account.bodies.Has(b.bodyKey(f, block))
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

// narrow returns f, and those of files that the walk wants beside it which has
// come to its message; nil if it is no walk's.
func (b *Box) narrow(m *Message, f File, files []File) []File {
	k := &b.walks
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.of(m.UID)
	if w == nil {
		return nil
	}
	var few []File
	for _, one := range files {
		there := func() bool { return b.account.ahead.has(b, one, wholeFile) || b.has(one, wholeFile) }
		if one == f || w.taste.wants(one.role(m)) != 0 && !there() {
			few = append(few, one)
		}
	}
	return few
}
