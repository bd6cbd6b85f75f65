package cache

import (
	"context"
	"fmt"
	"strings"
)

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
