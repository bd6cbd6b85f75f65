package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"imapfs/cache/disk"
)

// Options are what an Account needs to know.
type Options struct {
	// Memory bounds the decoded bytes held in memory, in bytes.
	Memory int64
	// Poll is how old the list of mailboxes and a listing of messages may be
	// before they are compared with the server's.
	Poll time.Duration
	// Notify is told of every change. It must not block.
	Notify func(Event)
	// Disk is where all that is known is kept; nil: it is in memory only.
	Disk *disk.Dir
	// Bodies bounds the decoded bytes that are kept on Disk, in bytes; 0: none.
	Bodies int64
	// Name, if set, is under which name a message is shown: the order in which
	// programs that sort names go through a mailbox.
	Name func(*Message) string
	// Rate is how many octets a second come from the Source at most, 0 if nothing
	// bounds them: of what is asked for before anybody wants it, no more is under
	// way than comes in about a second, so that who reads does not wait behind it.
	Rate int64
	// Thrifty, if set, reports whether nothing should be fetched now that nobody
	// waits for. It must not block.
	Thrifty func() bool
	// Log gets what is wrong with the cache, if set. No secrets.
	Log *slog.Logger
	// Writing lets the account be changed; nil: it is read-only.
	Writing *Writing
}

// Account is all that is known of an account. It is safe for concurrent use.
// Its goroutines are those of Watch, and those that fetch for callers that wait
// for them; all end with Close.
type Account struct {
	src    Source
	opts   Options
	mem    *memory
	trust  trust
	ahead  foreseen
	serial atomic.Uint64
	silent silence // about the list of mailboxes

	// life is the parent of all that is fetched on behalf of several callers.
	life  context.Context
	end   context.CancelFunc
	tasks sync.WaitGroup
	watch watch
	// warming is held by the one Warming that fetches messages.
	warming chan struct{}

	lists  flight[struct{}, struct{}]
	syncs  flight[*Box, struct{}]
	newest flight[*Box, time.Time]
	groups flight[groupKey, group]
	runs   runs

	readaheads readaheads

	names     names
	edits     edits
	details   details
	quotas    quotas
	backstage chan struct{} // full while there are enough syncs that nobody waits for

	repairs flight[frameKey, struct{}]
	frames  lru[frameKey, *frame]
	spans   lru[frameKey, []sizeEntry]
	decoded decoded
	bodies  *disk.Blobs // nil: there are none
	lookups lookups     // of decoded mail

	mu      sync.Mutex
	log     *disk.Log   // guarded by mu; of what is not a mailbox's
	list    []Mailbox   // guarded by mu
	listed  time.Time   // guarded by mu
	current bool        // guarded by mu; list is of this mount
	boxes   map[ID]*Box // guarded by mu

	listWanted, listCovered atomic.Int64 // calls of relistNow; those that a list has been asked for after
}

// New makes an Account of src, which it closes neither now nor later.
func New(src Source, opts Options) (*Account, error) {
	mem, err := newMemory(opts.Memory)
	if err != nil {
		return nil, err
	}
	if opts.Notify == nil {
		opts.Notify = func(Event) {}
	}
	if opts.Thrifty == nil {
		opts.Thrifty = func() bool { return false }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	a := &Account{src: questions{src}, opts: opts, mem: mem, boxes: make(map[ID]*Box), warming: make(chan struct{}, 1)}
	a.watch.touched, a.watch.overdue = make(chan struct{}, 1), make(chan struct{}, 1)
	a.readaheads.most = aheadBlocks(opts.Memory)
	a.frames.limit, a.spans.limit = keptFrames, keptSpans
	a.backstage = make(chan struct{}, syncedAtOnce)
	a.life, a.end = context.WithCancel(context.Background())
	if opts.Disk != nil {
		a.bodies = opts.Disk.Blobs(opts.Bodies)
	}
	a.ahead.most = max(opts.Memory/aheadPart, leastFlight)
	a.restore()
	a.tasks.Go(a.saveOften)
	return a, nil
}

// Close cancels what is under way, and saves what is known. The Account must
// not be used afterwards; Options.Disk is left open.
func (a *Account) Close() {
	a.finishEdits()
	a.end()
	a.tasks.Wait()
	a.saveAll()
	a.mem.close()
}

// Poll is how long an answer about mailboxes and listings may be repeated.
func (a *Account) Poll() time.Duration { return a.opts.Poll }

// Mailboxes lists the account's mailboxes. It is at most Options.Poll late, and
// more only while the server cannot be reached, or has not been since the mount
// (as with Box.Listing). The result is shared and must not be changed.
func (a *Account) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	a.mu.Lock()
	list, listed, current := a.list, a.listed, a.current
	a.mu.Unlock()
	if time.Since(listed) < a.opts.Poll {
		return list, nil
	}
	if !listed.IsZero() && !current {
		a.behind(&a.silent, a.relist)
		return list, nil
	}
	err := a.refresh(ctx, !listed.IsZero(), &a.silent, a.relist)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list, nil
}

// KnownMailboxes is Mailboxes as of the last time that the server was asked,
// however long ago.
func (a *Account) KnownMailboxes() []Mailbox {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list
}

// relistNow is relist by a question that is asked after the call: one that is under
// way may miss a mailbox that is there by now.
func (a *Account) relistNow(ctx context.Context) error {
	for want := a.listWanted.Add(1); ; {
		if err := a.relist(ctx); err != nil || a.listCovered.Load() >= want {
			return err
		}
	}
}

// relist asks the server for the list of mailboxes.
func (a *Account) relist(ctx context.Context) error {
	_, err := a.lists.do(ctx, a, struct{}{}, func(ctx context.Context) (struct{}, error) {
		wanted := a.listWanted.Load()
		list, err := a.src.Mailboxes(ctx)
		if err != nil {
			return struct{}{}, fmt.Errorf("list mailboxes: %w", err)
		}
		list = slices.SortedFunc(slices.Values(list), compareMailboxes)
		a.mu.Lock()
		first, changed := a.listed.IsZero(), !slices.Equal(list, a.list)
		if changed { // else readers can see that it is the same
			a.list = list
			a.saveList()
		}
		forgotten := !a.current
		a.listed, a.current = time.Now(), true
		a.silent.Store(nil)
		for _, b := range a.boxes { // the server is there
			b.silent.Store(nil)
			b.wake()
		}
		a.mu.Unlock()
		if forgotten {
			a.forgetOthers(list)
		}
		if changed && !first {
			a.opts.Notify(Event{Kind: MailboxesChanged})
		}
		a.listCovered.Store(wanted)
		return struct{}{}, nil
	})
	return err
}

// compareMailboxes is an order of what a Source lists in none.
func compareMailboxes(a, b Mailbox) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(rawByte(a.Raw), rawByte(b.Raw)))
}

// courtesy is how long what is known, but may be out of date, waits for a
// server that does not answer.
const courtesy = 5 * time.Second

// silence is when the server last gave no answer about something; nil: it did.
type silence = atomic.Pointer[time.Time]

// silenceLasts is how long nobody waits for it again.
const silenceLasts = 30 * time.Second

// refresh calls sync. Where something is known, it is better than nothing: a
// server that cannot be reached, or does not answer in a moment, is no failure.
func (a *Account) refresh(ctx context.Context, known bool, silent *silence, sync func(context.Context) error) error {
	if !known {
		return sync(ctx)
	}
	if since := silent.Load(); since != nil && time.Since(*since) < max(a.opts.Poll, silenceLasts) {
		return nil // not every caller has to wait for it
	}
	short, cancel := context.WithTimeout(ctx, courtesy)
	defer cancel()
	err := sync(short)
	if ctx.Err() == nil && (errors.Is(err, ErrOffline) || errors.Is(err, context.DeadlineExceeded)) {
		now := time.Now()
		silent.Store(&now)
		return nil
	}
	if err == nil {
		silent.Store(nil)
	}
	return err
}

// behind calls sync for those who do not wait for it.
func (a *Account) behind(silent *silence, sync func(context.Context) error) {
	was, now := silent.Load(), time.Now()
	if was != nil && now.Sub(*was) < silenceLasts || !silent.CompareAndSwap(was, &now) {
		return // it has been called a moment ago
	}
	a.tasks.Go(func() {
		select { // a walk through all mailboxes must not keep others from the server
		case a.backstage <- struct{}{}:
			defer func() { <-a.backstage }()
		case <-a.life.Done():
			return
		}
		if sync(a.life) == nil {
			silent.CompareAndSwap(&now, nil)
		}
	})
}

// Box returns the mailbox's messages as they are under its present
// UIDVALIDITY. It asks nothing of the server.
func (a *Account) Box(id ID) *Box {
	a.mu.Lock()
	b := a.boxes[id]
	if b == nil {
		b = &Box{account: a, id: id, serial: a.serial.Add(1), syncing: make(chan struct{}, 1), awake: make(chan struct{}, 1)}
		a.boxes[id] = b
	}
	a.mu.Unlock()
	b.restored.Do(b.restore)
	return b
}

// retire forgets b, whose UIDVALIDITY is history or which is gone. Once it
// returns, the next Box for its mailbox is a new one.
func (a *Account) retire(b *Box) {
	b.retired.Do(func() {
		b.stale.Store(true)
		gone := b.All() // while they can still be read
		a.mu.Lock()
		if a.boxes[b.id] == b {
			delete(a.boxes, b.id)
			b.discard() // before another takes its place
		}
		a.mu.Unlock()
		a.touch() // IDLE may be in it
		a.opts.Notify(Event{Kind: Retired, Box: b, Gone: gone})
		b.empty()
	})
}
