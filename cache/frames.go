package cache

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"

	"imapfs/cache/disk"
)

// frame is a frame of messages as it was read: cheap to hold, and quick to make
// one message of.
type frame struct {
	uids    []uint32
	records string
	ends    []int // of each record, in records
}

// frameKey names a frame of a log, or of one that was in its place before.
type frameKey struct {
	log *disk.Log
	at  int64
}

// keptFrames bounds the frames of records that are held, in bytes: half a mailbox
// of 100,000. keptSpans bounds those of sizes.
const (
	keptFrames = 16 << 20
	keptSpans  = 4 << 20
)

// readFrame returns a frame of messages.
func (a *Account) readFrame(log *disk.Log, at disk.Pos) (*frame, error) {
	key := frameKey{log, at.Offset}
	if f, ok := a.frames.get(key); ok {
		return f, nil
	}
	data, err := log.Read(at)
	if err != nil {
		return nil, err
	}
	f, err := parseFrame(data)
	if err == nil {
		a.frames.set(key, f, int64(len(f.records)+16*len(f.ends)))
	}
	return f, err
}

// errFrame: the checksum is right, and the contents are not.
var errFrame = fmt.Errorf("frame of messages: %w", disk.ErrDamaged)

func parseFrame(data []byte) (*frame, error) {
	n, at := binary.Uvarint(data[1:])
	if at <= 0 || n > uint64(len(data)-1-at) {
		return nil, errFrame
	}
	at += 1 + int(n)
	r := recordReader{rest: string(data[at-int(n) : at])}
	front := r.front()
	if r.err != nil {
		return nil, r.err
	}
	compressed := data[at:]
	if size, err := s2.DecodedLen(compressed); err != nil || size > disk.MaxFrame {
		return nil, errFrame
	}
	records, err := s2.Decode(nil, compressed)
	if err != nil {
		return nil, errFrame
	}
	f := &frame{uids: front.uids, records: string(records), ends: make([]int, 0, len(front.uids))}
	rest := recordReader{rest: f.records}
	for range f.uids {
		rest.string()
		f.ends = append(f.ends, len(f.records)-len(rest.rest))
	}
	return f, rest.err
}

// record is the bytes of a message's record, with their length.
func (f *frame) record(slot int) string {
	start := 0
	if slot > 0 {
		start = f.ends[slot-1]
	}
	return f.records[start:f.ends[slot]]
}

// message returns the message in a slot, which should be that of uid.
func (f *frame) message(slot int, uid uint32, flags []string) (*Message, error) {
	if slot >= len(f.uids) || f.uids[slot] != uid {
		return nil, errFrame
	}
	r := recordReader{rest: f.record(slot)}
	r.rest = r.string()
	m := &Message{UID: uid}
	if r.head(m) {
		r.parts(m)
	}
	m.setMarks(flags)
	return m, r.err
}

// named returns of a message what makes its name, and nil if it cannot be read.
func (f *frame) named(slot int, uid uint32) *Message {
	if slot >= len(f.uids) || f.uids[slot] != uid {
		return nil
	}
	r := recordReader{rest: f.record(slot)}
	r.rest = r.string()
	m := &Message{UID: uid}
	if r.head(m); r.err != nil {
		return nil
	}
	return m
}

// stored is where a message of the listing is.
type stored struct {
	log   *disk.Log
	at    disk.Pos
	slot  int
	flags []string
	set   uint32 // number of flags
	frame int
}

// locate finds a message that may be shown.
func (b *Box) locate(uid uint32) (s stored, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	x := &b.index
	one, ok := x.find(uid)
	if !ok {
		return s, false
	}
	r := one.ref
	return stored{x.log, x.frames[r.frame()], r.slot(), x.sets.sets[one.flags], one.flags, r.frame()}, true
}

// message returns a message that may be shown, nil if it is not there, and an error
// if what is kept of it is damaged.
func (b *Box) message(uid uint32) (*Message, error) {
	for {
		s, ok := b.locate(uid)
		if !ok {
			return nil, nil
		}
		key := decodedKey{s.log, s.at.Offset, s.slot, s.set}
		if m := b.account.decoded.get(key); m != nil {
			return m, nil
		}
		f, err := b.account.readFrame(s.log, s.at)
		var m *Message
		if err == nil {
			m, err = f.message(s.slot, uid, s.flags)
		}
		if err == nil {
			b.account.decoded.set(key, m)
			return m, nil
		}
		// The log may just have been replaced.
		if now, ok := b.locate(uid); ok && now.log == s.log && now.at == s.at {
			return nil, err
		}
	}
}

// known returns a message that may be shown, nil if it is not there or damaged.
func (b *Box) known(uid uint32) *Message {
	m, err := b.message(uid)
	if err != nil {
		return nil
	}
	return m
}

// mended returns a message that may be shown, fetching again what is damaged.
func (b *Box) mended(ctx context.Context, uid uint32) (*Message, error) {
	m, err := b.message(uid)
	if err == nil {
		return m, nil
	}
	b.account.opts.Log.Warn("the cache is damaged; fetching again what is missing", "mailbox", b.id.Name, "uid", uid, "error", err)
	if err := b.describeAgain(ctx, uid); err != nil {
		return nil, err
	}
	// The server has answered: what it did not describe has gone there.
	return b.known(uid), nil
}

// describeAgain fetches anew the messages that are in one frame with uid.
func (b *Box) describeAgain(ctx context.Context, uid uint32) error {
	s, ok := b.locate(uid)
	if !ok {
		return nil
	}
	_, err := b.account.repairs.do(ctx, b.account, frameKey{s.log, s.at.Offset}, func(ctx context.Context) (struct{}, error) {
		b.mu.RLock()
		var uids []uint32
		for i, r := range b.index.refs {
			if r.frame() == s.frame && b.index.log == s.log {
				uids = append(uids, b.index.uids[i])
			}
		}
		if len(uids) == 0 { // of a first sync that is under way
			uids = []uint32{uid}
		}
		b.mu.RUnlock()
		slices.Reverse(uids)
		var again []*Message
		err := b.account.src.Summaries(ctx, b.id, b.validityNow(), uids, func(m *Message) { again = append(again, m) })
		if err != nil {
			return struct{}{}, b.failed("look", uid, b.absent(ctx, err))
		}
		b.writing.Lock()
		defer b.writing.Unlock()
		b.take(again...)
		return struct{}{}, nil
	})
	return err
}

// take takes over what is known of messages. They are in the listing after the
// sync that is under way.
func (b *Box) take(messages ...*Message) {
	news := batch{box: b}
	for _, m := range messages {
		news.add(m)
	}
	news.flush()
}

// batch gathers messages until there are enough for a frame.
type batch struct {
	box     *Box
	front   front
	records []byte // with their lengths
	ends    []int  // of each, in records
	one     []byte // the record that is being made
}

func (s *batch) add(m *Message) {
	s.one = appendRecord(s.one[:0], m)
	if len(s.one) > maxRecord {
		short := *m
		short.Parts, short.Defects = nil, m.Defects|DefectStructure
		m, s.one = &short, appendRecord(nil, &short)
	}
	if len(s.front.uids) > 0 && len(s.records)+len(s.one) > frameBytes {
		s.flush()
	}
	s.records = append(binary.AppendUvarint(s.records, uint64(len(s.one))), s.one...)
	s.ends = append(s.ends, len(s.records))
	if s.front.add(m.UID, m.marks(), m.Defects); len(s.front.uids) == frameMessages {
		s.flush()
	}
}

func (s *batch) flush() {
	if len(s.front.uids) == 0 {
		return
	}
	s.enter(s.frame())
	s.front = front{uids: s.front.uids[:0], flags: s.front.flags[:0]}
	s.records, s.ends = s.records[:0], s.ends[:0]
	if cap(s.records) > 2*frameBytes {
		s.records, s.one = nil, nil
	}
}

// frame makes a frame of what there is.
func (s *batch) frame() []byte {
	if !slices.IsSorted(s.front.uids) {
		s.sort()
	}
	return s.front.frame(s.records)
}

func (s *batch) enter(data []byte) {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	x := &s.box.index
	if x.log == nil {
		return
	}
	x.enter(x.log.Append(data), &s.front)
	if x.growing != nil && x.growing.advance() {
		s.box.tellGrowth()
	}
}

// sort brings the messages into the order of a frame. Of one that is there twice
// the later stays behind the earlier.
func (s *batch) sort() {
	order := make([]int, len(s.front.uids))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(s.front.uids[i], s.front.uids[j]) })
	now := batch{box: s.box, front: front{defects: s.front.defects}}
	for _, i := range order {
		begin := 0
		if i > 0 {
			begin = s.ends[i-1]
		}
		now.front.add(s.front.uids[i], s.front.flags[i], 0)
		now.records = append(now.records, s.records[begin:s.ends[i]]...)
	}
	s.front, s.records = now.front, now.records
}

// read returns those of the messages that may be shown and can be read.
func (b *Box) read(uids []uint32) []*Message {
	messages := make([]*Message, 0, len(uids))
	for _, uid := range uids {
		if m := b.known(uid); m != nil {
			messages = append(messages, m)
		}
	}
	return messages
}

// rewrite writes the log of the box anew, without what is history. No sync is
// under way.
func (b *Box) rewrite() error {
	b.saveSizes()
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	b.index.settle()
	was := b.index
	last := synced{b.state, b.synced}
	b.mu.Unlock()
	var pending []uint32
	for _, one := range was.fresh {
		pending = append(pending, one.uid)
	}
	if was.log == nil || b.stale.Load() {
		return nil
	}
	// Sync is what changes the rest of an index, and flags are copied below.
	now := index{log: was.log.Rewrite(), validity: was.validity, sets: was.sets}
	replaced := false
	defer func() {
		if !replaced { // else it would be held, and written, for as long as the mount
			now.log.Discard()
		}
	}()
	now.log.Append(headFrame(b.id, was.validity))
	for _, uids := range [][]uint32{was.uids, pending} {
		for chunk := range slices.Chunk(uids, frameMessages) {
			if err := b.copyFrame(&was, &now, chunk); err != nil {
				return err
			}
		}
		if last.at.IsZero() {
			continue
		}
		now.join(nil)
		now.log.Append(now.syncFrame(last, true, nil))
		last = synced{}
	}
	for span, at := range was.sizesAt {
		if data, err := was.log.Read(at); err == nil { // else they are found out again
			now.replaySizes(now.log.Append(data), span)
		}
	}
	if err := now.log.Sync(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.index.log != was.log {
		return nil // the box is stale
	}
	if err := was.log.Replace(now.log); err != nil {
		return err
	}
	if slices.Equal(now.uids, b.index.uids) {
		now.uids = b.index.uids // readers can see that it is the same
	}
	b.index, replaced = now, true
	return nil
}

// unreadable is a message whose frame cannot be read.
type unreadable struct {
	uid uint32
	why error
}

func (u *unreadable) Error() string { return fmt.Sprintf("message %d: %v", u.uid, u.why) }

func (u *unreadable) Unwrap() error { return u.why }

// copyFrame appends a frame of these messages to now, or several if they are large.
func (b *Box) copyFrame(was, now *index, uids []uint32) error {
	var records []byte
	f := &front{}
	flush := func() {
		now.enter(now.log.Append(f.frame(records)), f)
		records, f = nil, &front{}
	}
	for _, uid := range uids {
		var one fresh
		if i, listed := was.listed(uid); listed {
			one = fresh{uid, was.refs[i], was.flags[i]}
		} else if i, ok := was.arrived(uid); ok {
			one = was.fresh[i]
		}
		from, err := b.account.readFrame(was.log, was.frames[one.ref.frame()])
		slot := one.ref.slot()
		if err == nil && (slot >= len(from.uids) || from.uids[slot] != uid) {
			err = errFrame
		}
		if err != nil {
			return &unreadable{uid, err}
		}
		record := from.record(slot)
		if len(records) > 0 && len(records)+len(record) > frameBytes {
			flush()
		}
		f.add(uid, was.sets.sets[one.flags], was.defects[uid])
		records = append(records, record...)
	}
	flush()
	return nil
}
