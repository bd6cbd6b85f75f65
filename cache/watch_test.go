package cache

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
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

// TestWokenAfterOutage compares mailboxes at once when the server is back, however
// long it was away, and makes nobody wait for what is known to be there.
func TestWokenAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newFake()
		a, err := New(src, Options{Memory: 1 << 20, Poll: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b := a.Box(ID{Name: "INBOX"})
		if _, err := b.Listing(t.Context()); err != nil {
			t.Fatal(err)
		}
		src.fail(ErrOffline)
		uid := src.add(Message{}, nil)
		a.resync(b)
		time.Sleep(70 * time.Second) // the next attempt is 57 s later
		silent := time.Now()
		a.silent.Store(&silent)
		b.silent.Store(&silent)
		src.fail(nil)
		if err := a.relist(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !b.holds(uid) {
			t.Error("the mailbox is not resynced")
		}
		if a.silent.Load() != nil || b.silent.Load() != nil {
			t.Error("the server is still believed to be silent")
		}
	})
}
