package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

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

// dangling is what an error means for who wrote, of a name that was found.
func dangling(err error) error {
	if errors.Is(err, ErrNotExist) {
		return fmt.Errorf("%w: %v", ErrStale, err)
	}
	return err
}
