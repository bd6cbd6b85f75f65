package cache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"imapfs/cache/content"
)

// asks reports whether what is done under a context asks the server.
func asks(t *testing.T, what func(context.Context) error) bool {
	t.Helper()
	a := &Asking{Context: t.Context()}
	if err := what(a); err != nil {
		t.Error(err)
	}
	return a.Asked()
}

// TestAsking tells hits from misses, also where something is on disk only.
func TestAsking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	src := newFake()
	text := []byte("Hello\r\n")
	uid := src.add(Message{Size: -1, Parts: single("text/plain", content.Identity, len(text))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": text})
	encoded := lines(random(3 << 20))
	large := src.add(Message{Size: -1, Parts: single("a/b", content.Base64, len(encoded))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": encoded})
	for _, again := range []bool{false, true} {
		b, end := mount(t, src, path, nil)
		listing := func(ctx context.Context) error { _, err := b.Listing(ctx); return err }
		readAt := func(uid uint32, off int64) func(context.Context) error {
			return func(ctx context.Context) error {
				r, err := b.Open(ctx, File{uid, 0, Body})
				if err == nil {
					_, err = r.ReadAt(ctx, make([]byte, 4), off)
				}
				return err
			}
		}
		for _, step := range []struct {
			name string
			do   func(context.Context) error
			asks bool // in the first mount
		}{
			{"list", listing, true},
			{"list again", listing, false},
			{"read", readAt(uid, 0), true},
			{"read again", readAt(uid, 0), false},
			{"a block", readAt(large, 2<<20), true},
			{"it again", readAt(large, 2<<20), false},
			{"another", readAt(large, 1<<20), true},
		} {
			if got := asks(t, step.do); got != (step.asks && !again) {
				t.Errorf("%s, second mount %v: asks %v", step.name, again, got)
			}
			b.account.bodies.Settle()
		}
		looked := b.account.Status().Lookups
		if looked.Memory+looked.Disk == 0 || (looked.Nowhere > 0) == again || again && looked.Disk == 0 {
			t.Errorf("second mount %v: found %+v", again, looked)
		}
		end()
	}
}

// TestAskingTogether counts all who wait for one question, be it to the end or not.
func TestAskingTogether(t *testing.T) {
	src := newFake()
	src.hang = make(chan struct{})
	text := []byte("Hello\r\n")
	uid := src.add(Message{Size: -1, Parts: single("text/plain", content.Identity, len(text))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": text})
	b := open(t, src, nil)
	const callers = 4
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	outcome := make(chan error, callers)
	ask := func(ctx context.Context) {
		a := &Asking{Context: ctx}
		_, err := b.Size(a, File{uid, 0, Body})
		if !a.Asked() {
			err = fmt.Errorf("a caller did not ask, and got %v", err)
		}
		outcome <- err
	}
	go ask(ctx)
	for src.fetched() == 0 {
		runtime.Gosched()
	}
	for range callers - 1 {
		go ask(t.Context())
	}
	b.account.groups.await(t, callers)
	cancel() // Ctrl-C
	if err := <-outcome; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	close(src.hang)
	for range callers - 1 {
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	}
}
