package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what an Account needs to know.
type Options struct {
	// Memory bounds the decoded bytes held in memory, in bytes.
	Memory int64
	// Poll is how old the list of mailboxes and a listing of messages may be
	// before they are compared with the server's.
	Poll time.Duration
	// Resized is told that a file's size turned out different from what Size
	// said, or that every size of Kind Whole in the account did (box nil). It
	// must not block.
	Resized func(box *Box, f File)
}

// Account is all that is known of an account. It is safe for concurrent use.
// Its goroutines run only while somebody waits for them, and end with Close.
type Account struct {
	src    Source
	opts   Options
	mem    *memory
	trust  trust
	serial atomic.Uint64

	// life is the parent of all that is fetched on behalf of several callers.
	life context.Context
	end  context.CancelFunc

	lists  flight[struct{}, []Mailbox]
	syncs  flight[*Box, struct{}]
	groups flight[groupKey, group]
	blocks flight[blockKey, []byte]

	mu     sync.Mutex
	list   []Mailbox   // guarded by mu
	listed time.Time   // guarded by mu
	boxes  map[ID]*Box // guarded by mu
}

// New makes an Account of src, which it closes neither now nor later.
func New(src Source, opts Options) (*Account, error) {
	mem, err := newMemory(opts.Memory)
	if err != nil {
		return nil, err
	}
	if opts.Resized == nil {
		opts.Resized = func(*Box, File) {}
	}
	a := &Account{src: src, opts: opts, mem: mem, boxes: make(map[ID]*Box)}
	a.life, a.end = context.WithCancel(context.Background())
	return a, nil
}

// Close cancels what is under way. The Account must not be used afterwards.
func (a *Account) Close() {
	a.end()
	a.mem.close()
}

// Poll is how long an answer about mailboxes and listings may be repeated.
func (a *Account) Poll() time.Duration { return a.opts.Poll }

// Mailboxes lists the account's mailboxes, at most Options.Poll late. The
// result is shared and must not be changed.
func (a *Account) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	a.mu.Lock()
	list, fresh := a.list, time.Since(a.listed) < a.opts.Poll
	a.mu.Unlock()
	if fresh {
		return list, nil
	}
	return a.lists.do(ctx, a.life, struct{}{}, func(ctx context.Context) ([]Mailbox, error) {
		list, err := a.src.Mailboxes(ctx)
		if err != nil {
			return nil, fmt.Errorf("list mailboxes: %w", err)
		}
		a.mu.Lock()
		a.list, a.listed = list, time.Now()
		a.mu.Unlock()
		return list, nil
	})
}

// Box returns the mailbox's messages as they are under its present
// UIDVALIDITY. It asks nothing of the server.
func (a *Account) Box(id ID) *Box {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.boxes[id]
	if b == nil {
		b = &Box{account: a, id: id, serial: a.serial.Add(1)}
		a.boxes[id] = b
	}
	return b
}

// retire forgets b, whose UIDVALIDITY is history or which is gone. The next
// Box for its mailbox is a new one.
func (a *Account) retire(b *Box) {
	a.mu.Lock()
	if a.boxes[b.id] == b {
		delete(a.boxes, b.id)
	}
	a.mu.Unlock()
	b.stale.Store(true)
}

// stale retires b if err says that its mailbox is no more what it was.
func (a *Account) noteStale(b *Box, err error) {
	if errors.Is(err, ErrStale) {
		a.retire(b)
	}
}
