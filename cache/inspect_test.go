package cache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imapfs/cache/disk"
)

func inspect(t *testing.T, path string) Inspection {
	t.Helper()
	v, err := disk.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	last := int64(-1)
	in, err := Inspect(v, InspectOptions{Verify: true, Progress: func(done, total int64) {
		if done < last || done > total {
			t.Errorf("progress: %d after %d, of %d", done, last, total)
		}
		last = done
	}})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// told is what is wrong.
func told(in Inspection) (text string) {
	for _, p := range in.Problems {
		text += fmt.Sprintf("%+v ", *p)
	}
	return text
}

// TestInspect counts what a mount has kept, beside it and after it.
func TestInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(1000)
	b, end := mount(t, src, path, nil)
	if _, err := b.account.Mailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	for uid := uint32(1); uid <= 5; uid++ {
		if _, _, err := read(t, b, File{uid, Outer, Whole}); err != nil {
			t.Fatal(err)
		}
	}
	for _, mounted := range []bool{true, false} {
		if mounted {
			b.saveSizes()
			b.account.opts.Disk.Settle()
		} else {
			end()
		}
		in := inspect(t, path)
		if in.Mailboxes != 1 || in.Listed != 1 || in.Messages != 1000 || in.Pieces < 5 || in.Files != 3 ||
			in.Mail == 0 || in.Index == 0 || in.Newest.Before(in.Oldest) || in.Oldest.IsZero() || len(in.Problems) > 0 {
			t.Errorf("mounted %v: %+v", mounted, in)
		}
	}
}

// TestInspectBusy finds nothing wrong with what is being written.
func TestInspectBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(3000)
	b, end := mount(t, src, path, nil)
	defer end()
	stop := make(chan struct{})
	ended := make(chan error)
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			src.mu.Lock()
			validity := src.state.Validity
			src.mu.Unlock()
			box := b.account.Box(ID{Name: "INBOX"})
			if err := errors.Join(box.Sync(t.Context()), box.rewrite()); err != nil && !errors.Is(err, disk.ErrDamaged) {
				ended <- fmt.Errorf("under UIDVALIDITY %d: %w", validity, err)
				return
			}
			for uid := range uint32(20) {
				f := File{uint32(n)%100*20 + uid + 1, Outer, Whole}
				if r, err := box.Open(t.Context(), f); err == nil {
					r.ReadAt(t.Context(), make([]byte, 4096), 0)
				}
			}
			src.fill(1)
		}
	}()
	for begun := time.Now(); time.Since(begun) < 2*time.Second; {
		if in := inspect(t, path); len(in.Problems) > 0 {
			t.Error(told(in))
			break
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestInspectDamage finds what the next mount will find.
func TestInspectDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(1000)
	b, end := mount(t, src, path, nil)
	if _, err := b.account.Mailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, b, File{3, Outer, Whole}); err != nil {
		t.Fatal(err)
	}
	end()
	index := logName(ID{Name: "INBOX"}) + ".log"
	blobs, err := filepath.Glob(path + "/*.bodies")
	if err != nil || len(blobs) != 1 {
		t.Fatalf("%q, %v", blobs, err)
	}
	bodies := filepath.Base(blobs[0])
	for what, c := range map[string]struct {
		file    string
		change  func([]byte) []byte
		problem func(*Problem) bool
		left    int
	}{
		"a flipped bit": {index, func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
			func(p *Problem) bool {
				return errors.Is(p.Err, disk.ErrDamaged) && p.Mailbox == "INBOX" && p.Lost > 0 && p.Offset > 0
			}, 0},
		"cut off": {index, func(b []byte) []byte { return b[:len(b)-5] },
			func(p *Problem) bool { return errors.Is(p.Err, io.ErrUnexpectedEOF) && p.Lost > 0 }, 1000},
		"no log": {index, func([]byte) []byte { return []byte("something else") },
			func(p *Problem) bool { return p.Err != nil && p.Offset == 0 && p.Lost == 14 }, 0},
		"empty": {index, func([]byte) []byte { return nil },
			func(p *Problem) bool { return p.Err != nil && p.Offset == 0 }, 0},
		"of another mailbox": {logName(ID{Name: "other"}) + ".log", func([]byte) []byte { return must(os.ReadFile(filepath.Join(path, index))) },
			func(p *Problem) bool { return errors.Is(p.Err, errOtherLog) }, 1000},
		"the account": {accountLog + ".log", func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			func(p *Problem) bool { return errors.Is(p.Err, disk.ErrDamaged) && p.Mailbox == "" }, 1000},
		"mail": {bodies, func(b []byte) []byte { b[40] ^= 1; return b },
			func(p *Problem) bool { return p.Err == nil && p.Damaged == 1 && p.Offset == 0 }, 1000},
	} {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(path, c.file)
			whole, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			missing := err != nil
			if err := os.WriteFile(name, c.change(slices.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			in := inspect(t, path)
			if len(in.Problems) != 1 || in.Problems[0].File != c.file || !c.problem(in.Problems[0]) || in.Messages < c.left {
				t.Errorf("%d messages, %s", in.Messages, told(in))
			}
			// The same as a mount says, which mends it.
			copied := filepath.Join(t.TempDir(), "c")
			if err := errors.Join(os.Mkdir(copied, 0o700), os.CopyFS(copied, os.DirFS(path)), os.Chmod(copied, 0o700)); err != nil {
				t.Fatal(err)
			}
			b, end := mount(t, src, copied, nil)
			if n := len(b.index.uids); !strings.Contains(what, "other") && n != in.Messages && in.Listed > 0 {
				t.Errorf("the mount has %d messages, not %d", n, in.Messages)
			}
			if _, err := b.account.Mailboxes(t.Context()); err != nil {
				t.Error(err)
			}
			if err := b.account.relist(t.Context()); err != nil {
				t.Error(err)
			}
			if err := b.Sync(t.Context()); err != nil {
				t.Error(err)
			}
			if _, _, err := read(t, b, File{3, Outer, Whole}); err != nil {
				t.Error(err)
			}
			end()
			if in := inspect(t, copied); len(in.Problems) > 0 || in.Messages != 1000 {
				t.Errorf("after a mount: %d messages, %+v", in.Messages, told(in))
			}
			if missing {
				err = os.Remove(name)
			} else {
				err = os.WriteFile(name, whole, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}
