package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"imapfs/cache/disk"
)

// Status is what an Account can tell about itself.
type Status struct {
	// Mailboxes are those that are known, sorted by name.
	Mailboxes []MailboxStatus
	// Memory is how many bytes of decoded mail are held, and MemoryLimit how
	// many may be.
	Memory, MemoryLimit int64
	// Lookups tells how often decoded mail was found.
	Lookups Lookups
	// Disk is how what is on disk stands, nil if nothing is.
	Disk *disk.Status
	// Ahead is what was fetched before it was asked for.
	Ahead AheadStatus
}

// Lookups is how often decoded mail was looked for, by where it was found; what was
// nowhere had to be fetched. Each is a block of a file, or all of one, which comes
// with those that are fetched together with it.
type Lookups struct {
	Memory, Disk, Nowhere int64
}

// lookups is Lookups while it is counted.
type lookups struct {
	memory, disk, nowhere atomic.Int64
}

func (l *lookups) now() Lookups {
	return Lookups{l.memory.Load(), l.disk.Load(), l.nowhere.Load()}
}

// AheadStatus is what was fetched before anybody asked for it.
type AheadStatus struct {
	// Fetched, Used and Wasted are octets of files: those fetched before they were
	// asked for, of those the ones that were read since, and the ones that were
	// dropped unread.
	Fetched, Used, Wasted int64
	// Walks are those under way.
	Walks []WalkStatus
}

// WalkStatus is a program that reads the messages of a mailbox one after another.
type WalkStatus struct {
	Mailbox string
	// Files is what it reads of each message, for people: "message.eml",
	// "header.txt, body.txt", "*.pdf".
	Files string
	// Order is "newest first", "oldest first" or "by name".
	Order string
	// Messages is how many it has gone through.
	Messages int
	// InFlight is how many octets have been asked for and are not used yet.
	InFlight int64
	// Since is when it began.
	Since time.Time
}

// MailboxStatus is what is known of a mailbox.
type MailboxStatus struct {
	Mailbox
	// Synced is when its listing was last the same as the server's; zero:
	// nobody has listed it yet.
	Synced time.Time
	// Watched tells that the server reports its changes as they happen.
	Watched bool
	// Messages is how many it holds, and Defects how many of them the server
	// could not describe in full.
	Messages, Defects int
	// ByItem is how many messages have each single Defect; absent: none has.
	ByItem map[Defect]int
	// Err is why the last sync failed, nil if it did not.
	Err error
}

// Status tells what is known, without asking the server.
func (a *Account) Status() Status {
	s := Status{MemoryLimit: a.mem.blocks.MaxCost(), Lookups: a.lookups.now()}
	s.Memory = s.MemoryLimit - a.mem.blocks.RemainingCost()
	if a.opts.Disk != nil {
		disk := a.opts.Disk.Status()
		s.Disk = &disk
	}
	s.Ahead.Fetched, s.Ahead.Used, s.Ahead.Wasted = a.ahead.fetched.Load(), a.ahead.used.Load(), a.ahead.wasted.Load()
	a.mu.Lock()
	list := a.list
	boxes := make(map[ID]*Box, len(a.boxes))
	for id, b := range a.boxes {
		boxes[id] = b
	}
	a.mu.Unlock()
	for _, m := range list {
		one := MailboxStatus{Mailbox: m}
		if b := boxes[m.ID()]; b != nil {
			b.describe(&one)
			s.Ahead.Walks = append(s.Ahead.Walks, b.walks.status(m.Name)...)
		}
		s.Mailboxes = append(s.Mailboxes, one)
	}
	slices.SortFunc(s.Mailboxes, func(a, b MailboxStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

func (b *Box) describe(s *MailboxStatus) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s.Synced, s.Messages, s.Defects = b.synced, len(b.index.uids), len(b.index.defects)
	s.Watched = b.account.watch.covers(b, b.synced)
	if b.failedAt.After(b.synced) {
		s.Err = b.failure
	}
	for _, one := range b.index.defects {
		if s.ByItem == nil {
			s.ByItem = make(map[Defect]int)
		}
		for d := DefectEnvelope; d <= DefectSize; d <<= 1 {
			if one&d != 0 {
				s.ByItem[d]++
			}
		}
	}
}

// noteSync remembers how the last sync ended, for Status.
func (b *Box) noteSync(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failure, b.failedAt = err, time.Now()
}

// syncedAtOnce is how many mailboxes SyncAll compares with the server at once.
const syncedAtOnce = 4

// SyncAll brings every mailbox of which within says so up to date: once it
// returns nil, each listing is what the server's was at some moment after the
// call. The first failure ends it and names the mailbox.
func (a *Account) SyncAll(ctx context.Context, within func(Mailbox) bool) error {
	begun := time.Now()
	if err := a.relistNow(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncedAtOnce)
	for _, m := range a.KnownMailboxes() {
		if !m.NoSelect && within(m) {
			group.Go(func() error { return a.syncSince(ctx, m.ID(), begun) })
		}
	}
	return group.Wait()
}

// syncSince syncs a mailbox until its listing is from after begun: the first
// sync may have been under way already.
func (a *Account) syncSince(ctx context.Context, id ID, begun time.Time) error {
	const tries = 3 // UIDVALIDITY may change, too
	var err error
	for range tries {
		b := a.Box(id)
		err = b.Sync(ctx)
		if l, _ := b.Known(); err == nil && !l.Synced.Before(begun) {
			return nil
		}
		if errors.Is(err, ErrNotExist) && a.relistNow(ctx) == nil && !a.holds(id) {
			return nil // it was deleted meanwhile
		}
		if err != nil && !errors.Is(err, ErrStale) {
			return err
		}
	}
	return cmp.Or(err, fmt.Errorf("sync of mailbox %q: %w", id.Name, ErrStale))
}

// holds reports whether the mailbox was in the last list.
func (a *Account) holds(id ID) bool {
	return slices.ContainsFunc(a.KnownMailboxes(), func(m Mailbox) bool { return m.ID() == id && !m.NoSelect })
}
