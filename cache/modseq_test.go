package cache

import (
	"context"
	"slices"
	"testing"
	"time"
)

// condstore is a Source with a mod-sequence for each message, that can fail in
// ways of its own.
type condstore struct {
	*fake
	modseq map[uint32]uint64
	broken bool            // no flags come
	hidden map[uint32]bool // of which Summaries says nothing
}

func newCondstore(n int) *condstore {
	c := &condstore{fake: newFake(), modseq: make(map[uint32]uint64), hidden: make(map[uint32]bool)}
	c.state.ModSeq = 10
	for range n {
		c.modseq[c.add(Message{}, nil)] = 1
	}
	return c
}

func (c *condstore) Flags(_ context.Context, _ ID, _ uint32, since uint64, yield func(*Message)) error {
	if c.broken {
		return ErrOffline
	}
	for uid, m := range c.messages {
		if c.modseq[uid] > since {
			yield(&Message{UID: uid, Flags: m.Flags})
		}
	}
	return nil
}

func (c *condstore) Summaries(ctx context.Context, id ID, validity uint32, uids []uint32, yield func(*Message)) error {
	shown := slices.DeleteFunc(slices.Clone(uids), func(uid uint32) bool { return c.hidden[uid] })
	return c.fake.Summaries(ctx, id, validity, shown, yield)
}

// TestFlagsAfterFailure misses no flags that changed between a first listing that
// broke and one that did not, although asking for them failed once.
func TestFlagsAfterFailure(t *testing.T) {
	src := newCondstore(manyFlags + 1000)
	src.breaks = manyFlags + 500
	a, err := New(src, Options{Memory: 8 << 20, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := a.Box(ID{Name: "INBOX"})
	if b.Sync(t.Context()) == nil {
		t.Fatal("the first listing did not break")
	}
	uid := src.state.Next - 1
	src.messages[uid].Flags = []string{`\Seen`}
	src.modseq[uid], src.state.ModSeq = 11, 11
	src.broken = true
	if b.Sync(t.Context()) == nil {
		t.Fatal("flags came")
	}
	src.broken, src.breaks = false, 0
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err := b.Message(t.Context(), uid); err != nil || len(m.Flags) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestDescribedLater shows a message that the server counted, and could not
// describe until later, although nothing has changed since.
func TestDescribedLater(t *testing.T) {
	src := newCondstore(3)
	b := open(t, src, nil)
	uid := src.add(Message{}, nil)
	src.state.Unseen = 3
	src.hidden[uid] = true
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	clear(src.hidden)
	b.account.pollBoxes(t.Context())
	waitFor(t, func() bool { return b.holds(uid) })
	src.state.Unseen = 4
	if !b.unchanged(src.state, time.Now()) {
		t.Error("what is complete is asked for again")
	}
}

// waitFor waits until ok.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it has not happened")
		}
	}
}
