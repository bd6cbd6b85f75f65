package disk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func openDir(t testing.TB, path string) *Dir {
	t.Helper()
	d, err := Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closeDir(t *testing.T, d *Dir) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// replayed is what a log says.
func replayed(d *Dir, name string) (l *Log, frames []string, ok bool) {
	l, ok = d.OpenLog(name, func(_ Pos, data []byte) error {
		frames = append(frames, string(data))
		return nil
	})
	return l, frames, ok
}

// TestPrivate makes a directory that only its owner can use, and refuses one
// that others could have put something into.
func TestPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := openDir(t, path)
	l := d.NewLog("x")
	l.Append([]byte("1"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrLocked) {
		t.Errorf("a second user: %v", err)
	}
	closeDir(t, d)
	for name, want := range map[string]os.FileMode{"": 0o700, "x.log": 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if err := os.Chmod(path, 0o770); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a directory that a group may write to is used")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a symbolic link is used")
	}
}

// TestNoLinks neither reads nor writes what a link in the directory points to.
func TestNoLinks(t *testing.T) {
	path := t.TempDir()
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	inside, outside := filepath.Join(path, "victim"), filepath.Join(t.TempDir(), "victim")
	for i, victim := range []string{inside, outside} {
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("l", i)
		if err := os.Symlink(victim, filepath.Join(path, name+logSuffix)); err != nil {
			t.Fatal(err)
		}
		d := openDir(t, path)
		l, _, ok := replayed(d, name)
		l.Append([]byte("new"))
		closeDir(t, d)
		data, err := os.ReadFile(victim)
		if ok || err != nil || string(data) != "precious" {
			t.Errorf("%s: %v, %q, %v", victim, ok, data, err)
		}
		d = openDir(t, path)
		if _, frames, _ := replayed(d, name); !slices.Equal(frames, []string{"new"}) {
			t.Errorf("the link was not replaced: %q", frames)
		}
		closeDir(t, d)
	}
}

// TestLog finds everything again, at once and after it was closed, and also
// where it never comes to a disk.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	var want []string
	for n := range 5 {
		d := openDir(t, path)
		l, frames, ok := replayed(d, "log")
		if !slices.Equal(frames, want) || ok != (n > 0) {
			t.Fatalf("opening %d: %d frames, want %d", n, len(frames), len(want))
		}
		for i := range 300 {
			frame := strings.Repeat(fmt.Sprint(n, i), i)
			pos := l.Append([]byte(frame))
			if data, err := l.Read(pos); err != nil || string(data) != frame {
				t.Fatalf("frame %d: %q, %v", i, data, err)
			}
			want = append(want, frame)
		}
		closeDir(t, d)
	}
	l := (*Dir)(nil).NewLog("memory")
	pos := l.Append([]byte("x"))
	if data, err := l.Read(pos); err != nil || string(data) != "x" || l.Close() != nil {
		t.Errorf("in memory: %q, %v", data, err)
	}
}

// TestRewrite puts a new log in the place of the old one, at once and for good.
func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	l := d.NewLog("log")
	for range 100 {
		l.Append([]byte("old"))
	}
	next := l.Rewrite()
	pos := next.Append([]byte("new"))
	if err := d.flush(); err != nil { // what is new must not come into the old file
		t.Fatal(err)
	}
	if err := l.Replace(next); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("late"))
	next.Append([]byte("newer"))
	if data, err := next.Read(pos); err != nil || string(data) != "new" {
		t.Errorf("%q, %v", data, err)
	}
	closeDir(t, d)
	d = openDir(t, path)
	if _, frames, _ := replayed(d, "log"); !slices.Equal(frames, []string{"new", "newer"}) {
		t.Errorf("%q", frames)
	}
	closeDir(t, d)
}

// TestDamagedLog is an earlier state of itself, whatever is done to its file.
func TestDamagedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	l := d.NewLog("log")
	var want []string
	for i := range 200 {
		want = append(want, strings.Repeat("x", i))
		l.Append([]byte(want[i]))
	}
	closeDir(t, d)
	file := filepath.Join(path, "log"+logSuffix)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		damaged := bytes.Clone(whole)
		switch n % 4 {
		case 0:
			damaged = damaged[:random.IntN(len(damaged))]
		case 1:
			damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
		case 2: // a page that was not written
			at := random.IntN(len(damaged))
			clear(damaged[at:min(at+4096, len(damaged))])
		case 3: // a page of elsewhere
			copy(damaged[random.IntN(len(damaged)):], damaged[random.IntN(len(damaged)):])
		}
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDir(t, path)
		l, frames, ok := replayed(d, "log")
		if len(frames) > len(want) || !slices.Equal(frames, want[:len(frames)]) {
			t.Fatalf("damage %d: %d frames, not the first that there were", n, len(frames))
		}
		l.Append([]byte("after"))
		closeDir(t, d)
		d = openDir(t, path)
		if _, again, _ := replayed(d, "log"); ok && !slices.Equal(again, append(slices.Clip(frames), "after")) {
			t.Fatalf("damage %d: what is appended afterwards is lost", n)
		}
		closeDir(t, d)
	}
}

// TestUnwritable goes on in memory while the disk takes nothing, and catches up.
func TestUnwritable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	l := d.NewLog("log")
	if err := os.Mkdir(filepath.Join(path, "log"+logSuffix), 0o700); err != nil {
		t.Fatal(err)
	}
	pos := l.Append([]byte("x"))
	await(t, "told of the failure", func() bool { return d.Status().Err != nil })
	if data, err := l.Read(pos); err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	if err := os.Remove(filepath.Join(path, "log"+logSuffix)); err != nil {
		t.Fatal(err)
	}
	if err := d.flush(); err != nil || d.Status().Err != nil {
		t.Error("it goes on failing")
	}
	closeDir(t, d)
	d = openDir(t, path)
	if _, frames, _ := replayed(d, "log"); !slices.Equal(frames, []string{"x"}) {
		t.Errorf("%q", frames)
	}
	closeDir(t, d)
}

func key(n int) (k Key) { copy(k[:], fmt.Sprintf("%08x%08x", n, n)); return k }

func body(n, size int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 8), 7}, size/3+1)[:size] }

// await waits for something to be so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never " + what)
		}
	}
}

// TestBlobs keeps what is put, also for the next one who opens the directory.
func TestBlobs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	for n := range 3 {
		d := openDir(t, path)
		b := d.Blobs(64 << 20)
		for i := range 1000 * n {
			if data, ok := b.Get(key(i)); !ok || !bytes.Equal(data, body(i, i)) {
				t.Fatalf("opening %d: blob %d: %d bytes, %v", n, i, len(data), ok)
			}
		}
		for i := 1000 * n; i < 1000*(n+1); i++ {
			b.Put(key(i), body(i, i))
			b.Settle()
		}
		if _, ok := b.Get(key(5000)); ok || b.Has(key(5000)) {
			t.Error("a blob that nobody put")
		}
		closeDir(t, d)
	}
	if names, err := filepath.Glob(filepath.Join(path, "*"+blobSuffix)); err != nil || len(names) != 3 {
		t.Errorf("segments: %q", names)
	}
}

// TestBound keeps within the limit, and what is used.
func TestBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	const limit = 4 << 20
	b := d.Blobs(limit)
	for i := range 2000 {
		b.Put(key(i), body(i, 8<<10))
		b.Settle()
		if _, ok := b.Get(key(7)); i >= 7 && !ok {
			t.Fatalf("what is used all the time is lost after %d", i)
		}
	}
	if _, ok := b.Get(key(8)); ok {
		t.Error("what nobody used is still there")
	}
	if _, ok := b.Get(key(1999)); !ok {
		t.Error("what is new is not there")
	}
	var total int64
	names, _ := d.names(blobSuffix)
	for _, name := range names {
		info, err := d.root.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if used, _ := b.usage(); total > limit || total < limit/2 || used != total {
		t.Errorf("%d bytes on disk, %d said, %d allowed", total, used, limit)
	}
	defer func() {
		closeDir(t, d)
		for _, limit := range []int64{1 << 20, 0} {
			d = openDir(t, path)
			b := d.Blobs(limit)
			if b != nil {
				b.Settle()
			}
			if s := d.Status(); s.Bodies > limit {
				t.Errorf("%d bytes, %d allowed now", s.Bodies, limit)
			}
			closeDir(t, d)
		}
		if names, err := filepath.Glob(filepath.Join(path, "*"+blobSuffix)); err != nil || len(names) > 0 {
			t.Errorf("left: %q", names)
		}
	}()
	b.Put(key(9999), make([]byte, limit))
	b.Settle()
	if _, ok := b.Get(key(9999)); ok {
		t.Error("one that is larger than all is kept")
	}
}

// TestDamagedBlobs are not there, and others are what they were.
func TestDamagedBlobs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	random := rand.New(rand.NewPCG(3, 4))
	d := openDir(t, path)
	b := d.Blobs(8 << 20)
	for i := range 300 {
		b.Put(key(i), body(i, 2000))
		b.Settle()
	}
	closeDir(t, d)
	files, err := filepath.Glob(filepath.Join(path, "*"+blobSuffix))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for n := range 60 {
		file := files[random.IntN(len(files))]
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole := bytes.Clone(data)
		if n%3 == 0 {
			data = data[:random.IntN(len(data))]
		} else {
			for range n {
				data[random.IntN(len(data))] ^= 1 << random.IntN(8)
			}
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDir(t, path)
		b := d.Blobs(8 << 20)
		found := 0
		for i := range 300 {
			if data, ok := b.Get(key(i)); ok {
				found++
				if !bytes.Equal(data, body(i, 2000)) {
					t.Fatalf("damage %d: blob %d is wrong", n, i)
				}
			}
		}
		if n%3 != 0 && n < 3 && found < 250 {
			t.Errorf("damage %d: %d blobs left", n, found)
		}
		b.Put(key(1000+n), body(n, 100))
		b.Settle()
		if data, ok := b.Get(key(1000 + n)); !ok || !bytes.Equal(data, body(n, 100)) {
			t.Errorf("damage %d: nothing can be put any more", n)
		}
		closeDir(t, d)
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
