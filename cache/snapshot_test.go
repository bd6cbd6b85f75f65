package cache

import (
	"context"
	"testing"
)

// differing is a Source that, as it may, tells only what is new since a state
// that is known; it remembers which states those were.
type differing struct {
	*fake
	known []State
	wrong func(*Snapshot) // spoils what is told of differences
}

func (d *differing) Snapshot(ctx context.Context, id ID, known State) (Snapshot, error) {
	d.known = append(d.known, known)
	snap, err := d.fake.Snapshot(ctx, id, State{})
	if known.Validity == snap.State.Validity && d.wrong != nil {
		d.wrong(&snap)
	}
	return snap, err
}

// TestSnapshotContradicted does not believe differences that contradict the
// number of messages, wherever they are said to begin.
func TestSnapshotContradicted(t *testing.T) {
	for from := range uint32(3) {
		src := &differing{fake: newFake()}
		src.wrong = func(s *Snapshot) { s.From, s.UIDs = from, nil }
		for range 5 {
			src.add(Message{}, nil)
		}
		b := open(t, src, nil)
		for range 2 {
			if err := b.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if l, _ := b.Known(); len(l.UIDs) != 5 {
				t.Errorf("from %d: %d messages, want 5", from, len(l.UIDs))
			}
		}
	}
}

// TestSnapshotWithoutNext gives no state as known that does not say which UIDs
// are new after it.
func TestSnapshotWithoutNext(t *testing.T) {
	src := &differing{fake: newFake()}
	src.add(Message{}, nil)
	for _, next := range []uint32{0, 1} {
		src.state.Next = next
		b := open(t, src, nil)
		if err := b.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, known := range src.known {
		if known != (State{}) {
			t.Errorf("%+v is given as known", known)
		}
	}
}
