package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Box is the messages of one mailbox under one UIDVALIDITY. When that changes,
// or the mailbox is deleted, the Box is stale: all its methods that fetch fail
// with ErrStale, and Account.Box gives a new one. It is safe for concurrent use.
type Box struct {
	account *Account
	id      ID
	serial  uint64 // distinguishes this Box from all others, in memory keys
	stale   atomic.Bool
	retired sync.Once // what makes it stale

	wanted, covered atomic.Int64 // calls of Sync; those that a sync has been made for
	changes         atomic.Int64 // told since the resync under way began, 0: there is none
	used            atomic.Int64 // when somebody last read it, Unix time in ns
	silent          silence
	awake           chan struct{} // what failed is to be tried again now; room for one

	gathers  [2]gather     // of who waits, and of work in the background
	walks    walks         // through it
	edits    atomic.Int64  // changes that we have made
	settled  atomic.Int64  // those that the listing shows
	tidying  atomic.Bool   // a sync is due after what we have changed
	restored sync.Once     // reads what is on disk
	syncing  chan struct{} // full while a sync is under way
	tidied   time.Time     // when the log was last rewritten; the sync under way uses it

	twinning sync.Mutex
	twins    twins // guarded by twinning

	// writing is held while the index's log is rewritten, and by who appends to
	// it without being a sync.
	writing sync.Mutex

	mu       sync.RWMutex
	index    index          // guarded by mu; of no UIDVALIDITY until the first sync
	state    State          // guarded by mu; as of the last sync
	synced   time.Time      // guarded by mu; when the last sync began
	saved    time.Time      // guarded by mu; synced as the log has it
	current  bool           // guarded by mu; it has been synced in this mount
	flagged  time.Time      // guarded by mu; when flags that then came were last asked for
	sizes    map[File]*size // guarded by mu; that have changed of late
	newest   *time.Time     // guarded by mu; of a mailbox that has not been synced
	seen     uint32         // guarded by mu; UIDVALIDITY when newest was asked for
	failure  error          // guarded by mu; of the last sync that failed
	failedAt time.Time      // guarded by mu
	grown    chan struct{}  // guarded by mu; closed when there is more of a first listing; nil: nobody waits
}

// ID returns what identifies the mailbox.
func (b *Box) ID() ID { return b.id }

// Listing is a mailbox as of its last sync.
type Listing struct {
	// Validity is UIDVALIDITY.
	Validity uint32
	// UIDs are those of all messages, ascending. Shared, not to be changed.
	UIDs []uint32
	// Synced is when the listing was the same as the server's.
	Synced time.Time
}

// Listing returns the mailbox's messages: complete as of Synced, or an error,
// never a part that looks whole. It is at most Options.Poll late, and more only
// while the server cannot be reached, or has not been since the mount: what is
// on disk is there at once, and compared with the server behind.
func (b *Box) Listing(ctx context.Context) (Listing, error) {
	if b.stale.Load() {
		return Listing{}, b.failed("list", 0, ErrStale)
	}
	b.account.use(b)
	l, ok := b.Known()
	if ok && (b.account.watch.covers(b, l.Synced) || time.Since(l.Synced) < b.account.opts.Poll) {
		return l, nil
	}
	if ok && !b.isCurrent() {
		b.account.behind(&b.silent, b.joinSync)
		return l, nil
	}
	err := b.account.refresh(ctx, ok, &b.silent, b.joinSync)
	if err != nil {
		return Listing{}, err
	}
	l, _ = b.Known()
	return l, nil
}

// isCurrent reports whether the listing is of this mount.
func (b *Box) isCurrent() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.current
}

// Known returns the listing as of the last sync, however old; false if there
// was none. It never blocks.
func (b *Box) Known() (Listing, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return Listing{b.index.validity, b.index.uids, b.synced}, !b.synced.IsZero()
}

// Newest returns when the newest message came, the zero time if there is none.
// It does not take a sync to know.
func (b *Box) Newest(ctx context.Context) (time.Time, error) {
	if when, ok := b.KnownNewest(); ok {
		return when, nil
	}
	return b.account.newest.do(ctx, b.account, b, func(ctx context.Context) (time.Time, error) {
		validity, when, err := b.account.src.Newest(ctx, b.id)
		if err != nil {
			return when, b.failed("look", 0, err)
		}
		b.mu.Lock()
		b.newest, b.seen = &when, validity
		b.mu.Unlock()
		return when, nil
	})
}

// Validity is UIDVALIDITY, 0 while nobody has asked for anything in the mailbox.
func (b *Box) Validity() uint32 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.index.validity != 0 {
		return b.index.validity
	}
	return b.seen
}

// KnownNewest is Newest where that takes no question to the server; false where
// it would.
func (b *Box) KnownNewest() (time.Time, bool) {
	b.mu.RLock()
	synced, newest, uids := !b.synced.IsZero(), b.newest, b.index.uids
	b.mu.RUnlock()
	switch {
	case !synced && newest == nil:
		return time.Time{}, false
	case !synced:
		return *newest, true
	case len(uids) == 0:
		return time.Time{}, true
	}
	m := b.known(uids[len(uids)-1])
	if m == nil {
		return time.Time{}, false
	}
	return m.Date, true
}

// All returns the messages of the last sync, or those that a first one has found
// so far, in no order.
func (b *Box) All() []*Message {
	b.mu.RLock()
	uids := b.index.uids
	if g := b.index.growing; g != nil {
		uids = g.described()
	}
	b.mu.RUnlock()
	return b.read(uids)
}

// Message returns a message of the last listing. ErrNotExist: the mailbox does
// not have it.
func (b *Box) Message(ctx context.Context, uid uint32) (*Message, error) {
	b.account.use(b)
	m, err := b.mended(ctx, uid)
	if m == nil && err == nil {
		if _, ok := b.Known(); !ok {
			if _, err := b.Listing(ctx); err != nil {
				return nil, err
			}
			m, err = b.mended(ctx, uid)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case m == nil && b.stale.Load():
		// Its messages have been forgotten: a listing under way must not end
		// as if there were none.
		return nil, b.failed("look", uid, ErrStale)
	case m == nil:
		return nil, fmt.Errorf("message %d of mailbox %q: %w", uid, b.id.Name, ErrNotExist)
	}
	return m, nil
}

// Named is Message without flags and parts, for those who need no more than a
// name: of many messages, in much less time.
func (b *Box) Named(ctx context.Context, uid uint32) (*Message, error) {
	if s, ok := b.locate(uid); ok {
		if f, err := b.account.readFrame(s.log, s.at); err == nil {
			if m := f.named(s.slot, uid); m != nil {
				return m, nil
			}
		}
	}
	return b.Message(ctx, uid)
}

// Structured is Message for those who need the part table: where the server
// could not give it, it is read from the message itself.
func (b *Box) Structured(ctx context.Context, uid uint32) (*Message, error) {
	m, err := b.Message(ctx, uid)
	if err != nil || m.Defects&DefectStructure == 0 || m.Parts != nil {
		return m, err
	}
	if _, err := b.group(ctx, m, File{uid, Outer, Whole}); err != nil && !errors.Is(err, errNoBody) {
		return nil, err
	}
	return b.Message(ctx, uid)
}

// validityNow is UIDVALIDITY, known since the first sync.
func (b *Box) validityNow() uint32 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.index.validity
}

// failed adds to err what it failed on, and retires the box if it is stale.
func (b *Box) failed(op string, uid uint32, err error) error {
	if errors.Is(err, ErrStale) {
		b.account.retire(b)
	}
	if uid != 0 {
		return fmt.Errorf("%s of message %d in mailbox %q: %w", op, uid, b.id.Name, err)
	}
	return fmt.Errorf("%s of mailbox %q: %w", op, b.id.Name, err)
}

// absent is what an error means that is about the whole mailbox. One that is known
// is not gone because the server says so once, of one that it still lists: all
// its messages would be.
func (b *Box) absent(ctx context.Context, err error) error {
	if _, known := b.Known(); !known || !errors.Is(err, ErrNotExist) {
		return err
	}
	if b.account.relistNow(ctx) == nil && !b.account.holds(b.id) {
		b.account.retire(b)
		return err
	}
	return fmt.Errorf("%w: of a mailbox that is listed: %v", ErrProtocol, err)
}
