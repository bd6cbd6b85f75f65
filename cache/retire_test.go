package cache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

// TestRetiredAfterRemount tells which messages a mailbox had that was replaced
// while nothing was mounted.
func TestRetiredAfterRemount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(500)
	b, end := mount(t, src, path, nil)
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	src.state.Validity = 2
	var told []Event
	b, end = mount(t, src, path, func(e Event) { told = append(told, e) })
	defer end()
	if b.Sync(t.Context()) == nil {
		t.Fatal("a mailbox that was replaced is synced")
	}
	if len(told) != 1 || told[0].Kind != Retired || len(told[0].Gone) != 500 {
		t.Errorf("told: %d events, %d messages gone", len(told), len(told[0].Gone))
	}
}

// unopened is a Source that refuses to open any mailbox, and lists those that are
// set.
type unopened struct {
	*fake
	list []Mailbox
}

func (u *unopened) Mailboxes(context.Context) ([]Mailbox, error) { return u.list, nil }

// TestRetiredOnlyIfUnlisted does not forget a mailbox because the server once
// says that it does not exist, but if the list says so, too.
func TestRetiredOnlyIfUnlisted(t *testing.T) {
	src := &unopened{newFake(), []Mailbox{{Name: "INBOX"}}}
	src.add(Message{}, nil)
	b := open(t, src, nil)
	src.fail(fmt.Errorf("open: %w: server busy", ErrNotExist))
	if err := b.Sync(t.Context()); err == nil || errors.Is(err, ErrNotExist) || b.stale.Load() {
		t.Errorf("while it is listed: %v; stale: %v", err, b.stale.Load())
	}
	if b.account.Box(b.id) != b || len(b.All()) != 1 {
		t.Error("what was known is forgotten")
	}
	src.list = nil
	if err := b.Sync(t.Context()); !errors.Is(err, ErrNotExist) || !b.stale.Load() {
		t.Errorf("when it is not: %v; stale: %v", err, b.stale.Load())
	}
}
