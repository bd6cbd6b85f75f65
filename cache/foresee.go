package cache

import (
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

// pieces is what to fetch of a file that is read by ranges: only the beginning, if
// that is all that anybody wants (head, file).
func (w *walk) pieces(file wish) (wishes []wish) {
	b := w.box
	most := int64(pieceBlocks * blockSize)
	if w.deep {
		most = wholeAhead
	}
	for at := int64(0); at < min(file.octets, most); at += pieceBlocks * blockSize {
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

// narrow returns f, and those of files that the walk wants beside it which has
// come to its message; nil if it is no walk's.
func (b *Box) narrow(m *Message, f File, files []File) []File {
	k := &b.walks
	k.mu.Lock()
	defer k.mu.Unlock()
	w, _ := k.of(m.UID)
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
