package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Writing is how an account may be changed.
type Writing struct {
	Editor Editor
	// Recovery is a directory, of which the parent exists: what has been written
	// and not been stored is there.
	Recovery string
	// Expunge makes Discard remove for good, in place of moving to the trash.
	Expunge bool
	// NoDuplicates lets no message be stored in a mailbox that has the same
	// already: of the same octets and date.
	NoDuplicates bool
}

// edits are the changes under way. They are not ended with those who wait for
// them: half a change that nobody knows the end of helps nobody.
type edits struct {
	running sync.WaitGroup
	drafts  atomic.Uint64 // their number, for names
	asking  atomic.Bool   // for rights

	mu    sync.Mutex
	nexts map[*Box]uint32 // guarded by mu; a UIDNEXT that was, of those not listed
}

// lastEdits is how long Close waits for the changes under way. What is not done
// by then is found out by the next mount.
const lastEdits = 30 * time.Second

func (a *Account) finishEdits() {
	done := make(chan struct{})
	go func() {
		a.edits.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(lastEdits):
		a.opts.Log.Warn("changes were still under way at the end; what was not stored is in the recovery folder")
	}
}

// Edit is a change under way.
type Edit struct {
	done chan struct{}
	err  error
}

// Start begins a change, which goes on whoever waits for it.
func (a *Account) Start(change func(ctx context.Context) error) *Edit {
	e := &Edit{done: make(chan struct{})}
	a.edits.running.Go(func() {
		defer close(e.done)
		_, e.err = guarded(a.life, func(ctx context.Context) (struct{}, error) { return struct{}{}, change(ctx) })
	})
	return e
}

// Wait returns how it ended, or earlier with ctx. It may be called again.
func (e *Edit) Wait(ctx context.Context) error {
	select {
	case <-e.done:
		return e.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when it has ended.
func (e *Edit) Done() <-chan struct{} { return e.done }

// Writable reports whether the account may be changed.
func (a *Account) Writable() bool { return a.opts.Writing != nil }

// edited notes that the mailbox was changed by us: its listing is out of date
// until it has been synced, which is done behind.
func (b *Box) edited() {
	b.edits.Add(1)
	if _, ok := b.Known(); !ok || !b.tidying.CompareAndSwap(false, true) {
		return
	}
	b.account.tasks.Go(func() {
		for end := time.Now().Add(duringEdits); time.Now().Before(end); {
			was := b.edits.Load()
			if !sleep(b.account.life, afterEdit) || b.edits.Load() == was {
				break
			}
		}
		b.tidying.Store(false)
		if b.account.life.Err() == nil {
			b.account.resync(b)
		}
	})
}

// afterEdit is how long after a change the mailbox is synced, as more are likely
// to follow, and duringEdits how long after the first if they do.
const (
	afterEdit   = 500 * time.Millisecond
	duringEdits = 10 * time.Second
)

// Settle makes the listing show what was changed by us, unless there is no way to
// the server.
func (b *Box) Settle(ctx context.Context) error {
	if _, ok := b.Known(); !ok || b.settled.Load() >= b.edits.Load() {
		return nil
	}
	err := b.Sync(ctx)
	if errors.Is(err, ErrOffline) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// uidNext returns UIDNEXT as it was at some time before.
func (b *Box) uidNext(ctx context.Context) (uint32, error) {
	b.mu.RLock()
	next, uids, synced := b.state.Next, b.index.uids, !b.synced.IsZero()
	b.mu.RUnlock()
	if synced && next == 0 && len(uids) > 0 {
		next = uids[len(uids)-1] + 1
	}
	if synced {
		return max(next, 1), nil
	}
	e := &b.account.edits
	e.mu.Lock()
	next = e.nexts[b]
	e.mu.Unlock()
	if next > 0 {
		return next, nil
	}
	states, err := b.account.src.States(ctx, []ID{b.id})
	if err != nil {
		return 0, err
	}
	state, ok := states[b.id]
	if !ok {
		return 0, fmt.Errorf("mailbox %q: %w", b.id.Name, ErrNotExist)
	}
	next = max(state.Next, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.nexts == nil {
		e.nexts = make(map[*Box]uint32)
	}
	e.nexts[b] = next
	return next, nil
}

// listedValidity is UIDVALIDITY, of a mailbox that nobody has listed, too.
func (b *Box) listedValidity(ctx context.Context) (uint32, error) {
	if b.stale.Load() {
		return 0, ErrStale
	}
	if validity := b.validityNow(); validity != 0 {
		return validity, nil
	}
	if _, err := b.Listing(ctx); err != nil {
		return 0, err
	}
	return b.validityNow(), nil
}

// sought tells how m, copied to b, is to be recognized.
func (b *Box) sought(ctx context.Context, m *Message) (Sought, error) {
	next, err := b.uidNext(ctx)
	return Sought{
		Next: next, Size: m.Size, Date: m.Date, MessageID: m.MessageID,
		Claim: func(validity, uid uint32) bool { return b.account.names.claim(b.id, validity, uid) },
	}, err
}

// Move moves a message to another mailbox, where it gets another UID.
func (b *Box) Move(ctx context.Context, uid uint32, to *Box) (Stored, error) {
	return b.transfer(ctx, uid, to, b.account.opts.Writing.Editor.Move)
}

// Copy copies a message to a mailbox.
func (b *Box) Copy(ctx context.Context, uid uint32, to *Box) (Stored, error) {
	return b.transfer(ctx, uid, to, b.account.opts.Writing.Editor.Copy)
}

func (b *Box) transfer(ctx context.Context, uid uint32, to *Box, by func(context.Context, ID, uint32, uint32, ID, Sought) (Stored, error)) (Stored, error) {
	if b.stale.Load() || to.stale.Load() {
		return Stored{}, ErrStale
	}
	m, err := b.Message(ctx, uid)
	if err != nil {
		return Stored{}, err
	}
	same, err := to.sought(ctx, m)
	if err != nil {
		return Stored{}, err
	}
	validity, err := b.listedValidity(ctx)
	if err != nil {
		return Stored{}, err
	}
	at, err := by(ctx, b.id, validity, uid, to.id, same)
	b.edited()
	to.edited()
	if err != nil {
		return at, b.failed("move", uid, err)
	}
	return at, nil
}

// Discard deletes a message as a user of this mount does: into the trash, or for
// good if Writing says so. ErrForbidden: there is no trash, or it is in it.
func (b *Box) Discard(ctx context.Context, uid uint32) error {
	if b.account.opts.Writing.Expunge {
		return b.Expunge(ctx, uid)
	}
	trash, ok := b.account.trash()
	why := ""
	switch {
	case !ok:
		why = "the account has no mailbox for deleted messages"
	case b.id == trash.ID() || trash.Delimiter != 0 && strings.HasPrefix(b.id.Name, trash.Name+string(trash.Delimiter)):
		why = "it is in the trash already"
	}
	if why != "" {
		b.account.opts.Log.Warn("a message was not deleted: "+why+"; mount with --delete=expunge to remove messages for good", "mailbox", b.id.Name, "uid", uid)
		return fmt.Errorf("delete: %s: %w", why, ErrForbidden)
	}
	_, err := b.Move(ctx, uid, b.account.Box(trash.ID()))
	return err
}

// Expunge removes a message for good.
func (b *Box) Expunge(ctx context.Context, uid uint32) error {
	validity, err := b.listedValidity(ctx)
	if err != nil {
		return err
	}
	err = b.account.opts.Writing.Editor.Expunge(ctx, b.id, validity, uid)
	b.edited()
	if err != nil {
		return b.failed("delete", uid, err)
	}
	return nil
}

// trash is the mailbox for deleted messages: the one that the server names
// (RFC 6154), else one that is called so.
func (a *Account) trash() (found Mailbox, ok bool) {
	for _, m := range a.KnownMailboxes() {
		if m.NoSelect {
			continue
		}
		if m.SpecialUse == `\Trash` {
			return m, true
		}
		name := m.Name
		if m.Delimiter != 0 {
			if inbox, rest, below := strings.Cut(name, string(m.Delimiter)); below && strings.EqualFold(inbox, "INBOX") {
				name = rest
			}
		}
		if strings.EqualFold(name, "Trash") {
			found, ok = m, true
		}
	}
	return found, ok
}

// SetFlags gives a message these flags and no others.
func (b *Box) SetFlags(ctx context.Context, uid uint32, flags []string) error {
	for _, f := range flags {
		if strings.EqualFold(f, `\Deleted`) && !b.account.opts.Writing.Expunge {
			return fmt.Errorf(`set \Deleted: %w`, ErrForbidden)
		}
	}
	validity, err := b.listedValidity(ctx)
	if err != nil {
		return err
	}
	now, err := b.account.opts.Writing.Editor.SetFlags(ctx, b.id, validity, uid, flags)
	if err != nil {
		return b.failed("set flags", uid, err)
	}
	b.setFlags(&Message{UID: uid, Flags: now})
	return nil
}

// MarkedDeleted reports whether a message of the listing has the flag \Deleted.
func (b *Box) MarkedDeleted(uid uint32) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	i, ok := b.index.listed(uid)
	return ok && slices.Contains(b.index.sets.sets[b.index.flags[i]], `\Deleted`)
}

// CreateMailbox makes a mailbox.
func (a *Account) CreateMailbox(ctx context.Context, id ID) error {
	if err := a.opts.Writing.Editor.Create(ctx, id); err != nil {
		return err
	}
	return a.relistNow(ctx)
}

// DeleteMailbox deletes an empty mailbox.
func (a *Account) DeleteMailbox(ctx context.Context, m *Mailbox) error {
	if err := a.opts.Writing.Editor.Delete(ctx, m.ID(), m.Delimiter); err != nil {
		return err
	}
	a.retireBelow(m)
	return a.relistNow(ctx)
}

// RenameMailbox renames a mailbox, and those below it.
func (a *Account) RenameMailbox(ctx context.Context, m *Mailbox, to ID) error {
	if m.Name == "INBOX" { // that would move its messages and leave it there
		return fmt.Errorf("rename INBOX: %w", ErrForbidden)
	}
	if err := a.opts.Writing.Editor.Rename(ctx, m.ID(), to); err != nil {
		return err
	}
	a.renameNames(m.ID(), to, m.Delimiter)
	a.retireBelow(m)
	return a.relistNow(ctx)
}

// retireBelow forgets a mailbox that has gone, and those below it.
func (a *Account) retireBelow(m *Mailbox) {
	for _, b := range a.opened() {
		if b.id == m.ID() || m.Delimiter != 0 && strings.HasPrefix(b.id.Name, m.Name+string(m.Delimiter)) {
			a.retire(b)
		}
	}
}

// SetACL makes what Detail tells of ACL the text, as far as the server agrees.
func (a *Account) SetACL(ctx context.Context, id ID, text string) error {
	want, err := parseACL(text)
	if err != nil {
		return err
	}
	a.details.forget(id)
	was, err := a.Detail(ctx, id, ACL)
	if err != nil {
		return err
	}
	defer a.details.forget(id)
	have, _ := parseACL(was)
	for who, rights := range want {
		if have[who] != rights {
			if err := a.opts.Writing.Editor.SetACL(ctx, id, who, rights); err != nil {
				return err
			}
		}
	}
	for who := range have {
		if _, stays := want[who]; !stays {
			if err := a.opts.Writing.Editor.SetACL(ctx, id, who, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseACL reads lines of an identifier, a space and rights.
func parseACL(text string) (map[string]string, error) {
	rights := make(map[string]string)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at <= 0 || rights[line[:at]] != "" {
			return nil, fmt.Errorf("rights: %w", ErrInvalid)
		}
		rights[line[:at]] = line[at+1:]
	}
	return rights, nil
}

func (d *details) forget(id ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, what := range []Detail{Rights, ACL, Octets} {
		delete(d.known, detailKey{id, what})
	}
}

// MayWrite reports whether messages may be put into a mailbox and taken out of
// it, by the rights that the server tells (RFC 4314: insert, and delete and
// expunge); true where it tells none.
func (a *Account) MayWrite(ctx context.Context, id ID) bool {
	if !a.Writable() {
		return false
	}
	if !a.opts.Writing.Editor.HasRights() {
		return true
	}
	if !a.RightsKnown(id) {
		a.askRights()
	}
	rights, err := a.Detail(ctx, id, Rights)
	if err != nil || rights == "" {
		return true // the server says what it refuses
	}
	insert := strings.Contains(rights, "i")
	remove := strings.Contains(rights, "d") || strings.Contains(rights, "t") && strings.Contains(rights, "e")
	return insert && remove
}

// askRights asks for the rights in all mailboxes at once: who wants to know those
// in one is likely to want those in the next.
func (a *Account) askRights() {
	if !a.edits.asking.CompareAndSwap(false, true) {
		return
	}
	a.tasks.Go(func() {
		defer a.edits.asking.Store(false)
		group, ctx := errgroup.WithContext(a.life)
		group.SetLimit(rightsAtOnce)
		for _, m := range a.KnownMailboxes() {
			if !m.NoSelect && !a.RightsKnown(m.ID()) {
				group.Go(func() error {
					_, err := a.Detail(ctx, m.ID(), Rights)
					return err
				})
			}
		}
		group.Wait() // who needs an answer asks by itself
	})
}

// rightsAtOnce is how many mailboxes are asked about at once.
const rightsAtOnce = 32

// RightsKnown reports whether MayWrite can tell without asking the server.
func (a *Account) RightsKnown(id ID) bool {
	if !a.Writable() || !a.opts.Writing.Editor.HasRights() {
		return true
	}
	d := &a.details
	d.mu.Lock()
	defer d.mu.Unlock()
	last, ok := d.known[detailKey{id, Rights}]
	return ok && time.Since(last.when) < a.opts.Poll
}

// dangling is what an error means for who wrote, of a name that was found.
func dangling(err error) error {
	if errors.Is(err, ErrNotExist) {
		return fmt.Errorf("%w: %v", ErrStale, err)
	}
	return err
}
