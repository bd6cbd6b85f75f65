package cache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoil damages the first frame of messages of b, on disk.
func spoil(t *testing.T, b *Box, dir string) {
	t.Helper()
	b.account.opts.Disk.Settle()
	f, err := os.OpenFile(filepath.Join(dir, logName(b.id)+".log"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := b.index.frames[0]
	if _, err := f.WriteAt([]byte("damage"), at.Offset+int64(at.Length)/2); err != nil {
		t.Fatal(err)
	}
}

// TestRewriteDamaged leaves nothing of a rewrite that failed, and gets from the
// server again what stands in its way.
func TestRewriteDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(1000)
	b, end := mount(t, src, path, nil)
	src.equal(t, b)
	end()
	b, end = mount(t, src, path, nil)
	defer end()
	spoil(t, b, path)
	if b.rewrite() == nil {
		t.Error("a damaged log is rewritten")
	}
	b.account.opts.Disk.Settle()
	if left, _ := filepath.Glob(filepath.Join(path, "*.new")); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	was := b.index.log
	b.index.dead = 1 << 30
	b.tidy(t.Context())
	if b.index.log == was || b.index.dead > 1<<20 {
		t.Error("the log is not rewritten")
	}
	src.equal(t, b)
}

// TestRewriteLarge keeps to the size of a frame.
func TestRewriteLarge(t *testing.T) {
	src := newFake()
	for range 50 {
		src.add(Message{Subject: strings.Repeat("x", frameBytes/4)}, nil)
	}
	b, end := mount(t, src, filepath.Join(t.TempDir(), "c"), nil)
	defer end()
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.rewrite(); err != nil {
		t.Fatal(err)
	}
	for _, at := range b.index.frames {
		if f, err := b.account.readFrame(b.index.log, at); err != nil || len(f.records) > frameBytes {
			t.Errorf("a frame of %d bytes, %v", len(f.records), err)
		}
	}
	if n := len(b.All()); n != 50 {
		t.Errorf("%d messages", n)
	}
}

// TestAccountNotReplaced saves what is known of the account although its log
// could not be rewritten at the beginning.
func TestAccountNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	obstacle := filepath.Join(path, accountLog+".log")
	if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	src := newFake()
	b, end := mount(t, src, path, nil)
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	if _, err := b.account.Mailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	src.fail(ErrOffline)
	b, end = mount(t, src, path, nil)
	defer end()
	if list := b.account.KnownMailboxes(); len(list) != 1 {
		t.Errorf("after a remount: %v", list)
	}
}
