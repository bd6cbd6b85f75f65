package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"imapfs/cache/content"
	"imapfs/cache/disk"
)

// accountLog is the name of the log of what is no mailbox's. Its frames are of
// the kinds below; of each, the last counts.
const accountLog = "account"

const (
	frameOfVersion = iota + 1
	frameOfList
	frameOfTrust
	frameOfTime // one for each mailbox of which it was set
	frameOfName // one for each name; of those for one message, the last counts
)

const (
	mailboxRaw = 1 << iota
	mailboxNoSelect
)

// listFrame holds the list of mailboxes.
func listFrame(list []Mailbox, listed time.Time) []byte {
	b := binary.AppendVarint([]byte{frameOfList}, listed.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, m := range list {
		var bits byte
		if m.Raw {
			bits |= mailboxRaw
		}
		if m.NoSelect {
			bits |= mailboxNoSelect
		}
		b = binary.AppendVarint(append(b, bits), int64(m.Delimiter))
		b = appendString(appendString(b, m.Name), m.SpecialUse)
	}
	return b
}

func (r *recordReader) list() (list []Mailbox, listed time.Time) {
	listed = time.Unix(0, r.int())
	list = make([]Mailbox, r.count())
	for i := range list {
		bits := r.byte()
		list[i] = Mailbox{Raw: bits&mailboxRaw != 0, NoSelect: bits&mailboxNoSelect != 0, Delimiter: rune(r.int())}
		list[i].Name, list[i].SpecialUse = r.string(), r.string()
	}
	return list, listed
}

func (t *trust) frame() []byte {
	broken := byte(0)
	if t.broken.Load() {
		broken = 1
	}
	return binary.AppendUvarint([]byte{frameOfTrust, broken}, uint64(t.matched.Load()))
}

// accountReplay is what the frames of the account's log tell.
type accountReplay struct {
	begun   bool
	list    []Mailbox
	listed  time.Time
	broken  bool // the account's trust
	matched uint64
	names   names
}

func (a *accountReplay) frame(_ disk.Pos, data []byte) error {
	r := recordReader{rest: string(data)}
	kind := r.byte()
	if !a.begun && kind != frameOfVersion {
		return errOtherLog
	}
	switch kind {
	case frameOfVersion:
		if r.uint() != indexVersion || r.uint() != content.Version {
			return errOtherLog
		}
		a.begun = true
	case frameOfList:
		if list, listed := r.list(); r.err == nil {
			a.list, a.listed = list, listed
		}
	case frameOfTrust:
		a.broken, a.matched = r.byte() != 0, r.uint()
	case frameOfTime:
		a.names.replayTime(&r)
	case frameOfName:
		a.names.replayName(&r)
	}
	return r.err
}

// restore reads what is known of the account but for its mailboxes.
func (a *Account) restore() {
	var was accountReplay
	log, _ := a.opts.Disk.OpenLog(accountLog, was.frame)
	a.list, a.listed = was.list, was.listed
	a.names.boxes, a.names.times = was.names.boxes, was.names.times
	a.trust.broken.Store(was.broken)
	a.trust.matched.Store(int32(min(was.matched, enough)))
	if a.opts.Disk == nil {
		return
	}
	version := binary.AppendUvarint(binary.AppendUvarint([]byte{frameOfVersion}, indexVersion), content.Version)
	next := log.Rewrite() // what counts is little
	next.Append(version)
	if !a.listed.IsZero() {
		next.Append(listFrame(a.list, a.listed))
	}
	next.Append(a.trust.frame())
	a.names.frames(func(frame []byte) { next.Append(frame) })
	a.log = next
	if err := log.Replace(next); err != nil {
		a.opts.Log.Debug("rewrite of the account's index", "error", err)
		if a.log = log; !was.begun {
			log.Append(version)
		}
	}
}

// saveList saves the list of mailboxes. mu is held.
func (a *Account) saveList() {
	if a.log != nil {
		a.log.Append(listFrame(a.list, time.Now()))
	}
}

// saveTrust saves what RFC822.SIZE is worth here.
func (a *Account) saveTrust() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.log != nil {
		a.log.Append(a.trust.frame())
	}
}

// forgetOthers removes the logs of mailboxes that are not in the list.
func (a *Account) forgetOthers(list []Mailbox) {
	if a.opts.Disk == nil {
		return
	}
	names := []string{accountLog}
	for _, m := range list {
		names = append(names, logName(m.ID()))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.boxes {
		names = append(names, logName(id))
	}
	slices.Sort(names)
	for _, name := range a.opts.Disk.Names() {
		if _, ok := slices.BinarySearch(names, name); !ok {
			a.opts.Disk.Remove(name)
		}
	}
}

// restore reads what is known of the mailbox.
func (b *Box) restore() {
	if b.account.opts.Disk == nil {
		return
	}
	var x index
	last := x.restore(b.account.opts.Disk, b.id)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index = x
	if !last.at.IsZero() {
		b.state, b.synced, b.saved = last.state, last.at, last.at
	}
}

// discard removes what is on disk of the mailbox.
func (b *Box) discard() {
	b.mu.RLock()
	log := b.index.log
	b.mu.RUnlock()
	if log != nil {
		log.Discard()
	}
}

const (
	// saveEvery is how often what has been found out is saved, and
	// saveSyncedEvery how often that the server was asked, and nothing was new.
	saveEvery       = 3 * time.Second
	saveSyncedEvery = 5 * time.Minute
)

// saveOften saves what there is, until the account ends.
func (a *Account) saveOften() {
	for sleep(a.life, saveEvery) {
		for _, b := range a.opened() {
			b.saveSizes()
			b.saveSynced(saveSyncedEvery)
		}
	}
}

// saveAll saves all, so that it outlasts a loss of power. What fails is told by
// disk.Dir.
func (a *Account) saveAll() {
	for _, b := range a.opened() {
		b.saveSizes()
		b.saveSynced(0)
		b.mu.RLock()
		log := b.index.log
		b.mu.RUnlock()
		if log != nil {
			log.Sync()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.log == nil {
		return
	}
	a.log.Append(a.trust.frame())
	if !a.listed.IsZero() {
		a.log.Append(listFrame(a.list, a.listed))
	}
	a.log.Sync()
}

func (a *Account) opened() []*Box {
	a.mu.Lock()
	defer a.mu.Unlock()
	boxes := make([]*Box, 0, len(a.boxes))
	for _, b := range a.boxes {
		boxes = append(boxes, b)
	}
	return boxes
}

// saveSynced saves when the mailbox was last the same as the server's, if what
// is saved is older by more than a while. No sync is under way, or it will tell
// more.
func (b *Box) saveSynced(late time.Duration) {
	select {
	case b.syncing <- struct{}{}:
		defer func() { <-b.syncing }()
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := &b.index; x.log != nil && !b.synced.IsZero() && b.synced.Sub(b.saved) > late {
		frame := x.syncFrame(synced{b.state, b.synced}, false, nil)
		x.log.Append(frame)
		x.dead += int64(len(frame))
		x.changed, b.saved = nil, b.synced
	}
}

// bodyKey is the name of decoded bytes on disk: the same at every mount.
func (b *Box) bodyKey(f File, block int64) (k disk.Key) {
	data := appendString([]byte{content.Version, rawByte(b.id.Raw), byte(f.Kind)}, b.id.Name)
	for _, n := range []uint64{uint64(b.validityNow()), uint64(f.UID), uint64(f.Part - Outer), uint64(block - wholeFile)} {
		data = binary.AppendUvarint(data, n)
	}
	sum := sha256.Sum256(data)
	copy(k[:], sum[:])
	return k
}

// kept returns bytes of a file that are in memory or on disk.
func (b *Box) kept(f File, block int64) ([]byte, bool) {
	key, lookups := blockKey{b.serial, f, block}, &b.account.lookups
	if data, ok := b.account.mem.get(key); ok {
		lookups.memory.Add(1)
		return data, true
	}
	data, ok := b.account.ahead.take(b, f, block)
	if ok {
		b.account.mem.set(key, data)
		lookups.memory.Add(1)
		return data, true
	}
	if b.account.bodies != nil {
		data, ok = b.account.bodies.Get(b.bodyKey(f, block))
	}
	if ok {
		lookups.disk.Add(1)
	}
	if ok && block == wholeFile {
		b.account.mem.set(key, data)
	}
	return data, ok
}

// keep puts bytes of a file into memory and on disk. The blocks of a large file
// are in memory only where there is no disk that takes them: the kernel has the
// pages, and what is seldom read twice must not drive out what often is.
func (b *Box) keep(f File, block int64, data []byte) {
	taken := b.account.bodies != nil && b.account.bodies.Put(b.bodyKey(f, block), data)
	if block == wholeFile || !taken {
		b.account.mem.set(blockKey{b.serial, f, block}, data)
	}
}
