package cache

import (
	"context"
	"slices"
	"testing"
)

// unordered is a Source that lists mailboxes in another order each time.
type unordered struct {
	*fake
	list []Mailbox
}

func (u *unordered) Mailboxes(context.Context) ([]Mailbox, error) {
	u.list = append(u.list[1:], u.list[0])
	return slices.Clone(u.list), nil
}

// TestListUnordered takes a list in another order for the same.
func TestListUnordered(t *testing.T) {
	events := 0
	b := open(t, &unordered{newFake(), []Mailbox{{Name: "INBOX"}, {Name: "A"}, {Name: "A", Raw: true}, {Name: "B"}}}, func(Event) { events++ })
	for range 5 {
		if err := b.account.relist(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if events > 0 {
		t.Errorf("%d changes of a list that did not change", events)
	}
}
