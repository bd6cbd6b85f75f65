package cache

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestForgotten keeps nothing of a message that has gone, lets who has it open
// read what is kept of it, and says that it has gone where nothing is.
func TestForgotten(t *testing.T) {
	src := newFake()
	big := random(3 << 20)
	uid := src.add(Message{Size: int64(len(big))}, map[string][]byte{"": big, "HEADER": nil})
	b := open(t, src, nil)
	if _, _, err := read(t, b, File{uid, Outer, Header}); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), File{uid, Outer, Whole})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(t.Context(), make([]byte, 9), 0); err != nil {
		t.Fatal(err)
	}
	src.mu.Lock()
	delete(src.messages, uid)
	delete(src.sections, uid)
	src.mu.Unlock()
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(t.Context(), make([]byte, 9), 0); n != 9 || err != nil {
		t.Errorf("what was read before is %d bytes, %v", n, err)
	}
	if _, err := r.ReadAt(t.Context(), make([]byte, 9), 2<<20); !errors.Is(err, ErrNotExist) {
		t.Errorf("what was not: %v", err)
	}
	b.saveSizes()
	if _, ok := b.KnownSize(File{uid, Outer, Header}); b.index.known()+len(b.sizes) > 0 || ok {
		t.Errorf("kept: %d, %v, %v", b.index.known(), b.sizes, ok)
	}
}

// TestResumed asks for the flags of what a first sync got before it failed.
func TestResumed(t *testing.T) {
	src := newFake()
	uid := src.add(Message{Size: 4, Flags: []string{"old"}}, nil)
	a, err := New(src, Options{Memory: 8 << 20, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := a.Box(ID{Name: "INBOX"})
	b.index.begin(nil, b.id, 1)
	b.take(&Message{UID: uid, Flags: []string{"old"}})
	src.messages[uid].Flags = []string{"new"}
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err := b.Message(t.Context(), uid); err != nil || !slices.Equal(m.Flags, []string{"new"}) {
		t.Errorf("%+v, %v", m, err)
	}
}
