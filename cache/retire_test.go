package cache

import (
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
