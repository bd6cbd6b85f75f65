package disk

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func look(t *testing.T, path string) *View {
	t.Helper()
	v, err := Look(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// TestView reads the same beside whoever has the directory, and after.
func TestView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	d.Claim("a longer claim")
	d.Claim("/mnt")
	l := d.NewLog("log")
	blobs := d.Blobs(64 << 20)
	for i := range 300 {
		l.Append(body(i, 100))
		blobs.Put(key(i), body(i, 2000))
	}
	d.Settle()
	for _, open := range []bool{true, false} {
		if !open {
			closeDir(t, d)
		}
		v := look(t, path)
		if claim, ok := v.InUse(); ok != open || open && claim != "/mnt" {
			t.Errorf("in use: %v by %q", ok, claim)
		}
		files, err := v.Files()
		if err != nil || len(files) != 2 {
			t.Fatalf("files %+v, %v", files, err)
		}
		frames, pieces := 0, 0
		end, err := v.ReadLog("log", func(Pos, []byte) error { frames++; return nil })
		if err != nil || frames != 300 || end != l.Size() {
			t.Errorf("%d frames, up to %d of %d: %v", frames, end, l.Size(), err)
		}
		for _, all := range []bool{true, false} {
			pieces = 0
			err := v.ReadBlobs(files[0].Name, all, func(b Blob) {
				if pieces++; b.Damaged {
					t.Errorf("%+v", b)
				}
			})
			if err != nil || pieces != 300 {
				t.Errorf("%d blobs: %v", pieces, err)
			}
		}
	}
}

// TestViewDamage says how much is damaged, and where.
func TestViewDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	blobs := d.Blobs(64 << 20)
	for i := range 100 {
		blobs.Put(key(i), body(i, 1000))
	}
	closeDir(t, d)
	v := look(t, path)
	files, err := v.Files()
	if err != nil || len(files) != 1 {
		t.Fatalf("files %+v, %v", files, err)
	}
	name := filepath.Join(path, files[0].Name)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const record int64 = 1000 + int64(blobHead)
	for what, c := range map[string]struct {
		change    func([]byte) []byte
		bad, left int
		first     int64
	}{
		"a byte of a blob":    {func(b []byte) []byte { b[3*record+500]++; return b }, 1, 99, 3 * record},
		"two blobs":           {func(b []byte) []byte { b[3*record+500]++; b[7*record+500]++; return b }, 2, 98, 3 * record},
		"the list":            {func(b []byte) []byte { b[len(b)-endSize]++; return b }, 1, 100, 100 * record},
		"a length, no list":   {func(b []byte) []byte { b[5*record+3] = 0x7f; return b[:100*record] }, 1, 5, 5 * record},
		"the end of the file": {func(b []byte) []byte { return b[:90*record+17] }, 1, 90, 90 * record},
		"nothing, no list":    {func(b []byte) []byte { return b[:100*record] }, 0, 100, 0},
	} {
		if err := os.WriteFile(name, c.change(slices.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		left, bad, first := 0, 0, int64(0)
		err := v.ReadBlobs(files[0].Name, true, func(b Blob) {
			switch {
			case !b.Damaged:
				left++
			case bad == 0:
				first = b.Offset
				fallthrough
			default:
				bad++
			}
		})
		if bad != c.bad || left != c.left || first != c.first || err != nil {
			t.Errorf("%s: %d damaged, the first at %d, %d left: %v", what, bad, first, left, err)
		}
	}
}

// TestClear removes what is a Dir's and nothing else, and only while nobody has it.
func TestClear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	fill := func() *Dir {
		d := openDir(t, path)
		d.NewLog("log").Append([]byte("x"))
		d.Blobs(64<<20).Put(key(1), body(1, 100))
		d.Settle()
		return d
	}
	d := fill()
	if _, err := Clear(path); !errors.Is(err, ErrLocked) {
		t.Errorf("cleared while it is in use: %v", err)
	}
	closeDir(t, d)
	if left, err := Clear(path); err != nil || len(left) > 0 {
		t.Errorf("left %q: %v", left, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}

	closeDir(t, fill())
	if err := errors.Join(os.Symlink(victim, filepath.Join(path, "link.log")), os.Symlink(filepath.Dir(victim), filepath.Join(path, "up")),
		os.WriteFile(filepath.Join(path, "notes"), nil, 0o600), os.Mkdir(filepath.Join(path, "x.log"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if left, err := Clear(path); err != nil || !slices.Equal(left, []string{"notes", "up", "x.log"}) {
		t.Errorf("left %q: %v", left, err)
	}
	if data, err := os.ReadFile(victim); err != nil || string(data) != "precious" {
		t.Errorf("the victim has %q: %v", data, err)
	}
}

// TestClearOthers refuses what no Dir has made.
func TestClearOthers(t *testing.T) {
	ours := filepath.Join(t.TempDir(), "ours")
	closeDir(t, openDir(t, ours))
	base := t.TempDir()
	link := filepath.Join(base, "link")
	if err := os.Symlink(ours, link); err != nil {
		t.Fatal(err)
	}
	make := func(name string, files ...string) string {
		path := filepath.Join(base, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(path, f), []byte("not a log, but long enough"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	locked := make("directory")
	if err := os.Mkdir(filepath.Join(locked, "lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{base, link, locked, make("empty"), make("logs", "lock", "a.log"), make("file", "lock", "notes")} {
		if _, err := Clear(path); !errors.Is(err, ErrNotCache) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if files, _ := filepath.Glob(base + "/*/*"); len(files) != 6 { // with those behind the link
		t.Errorf("left are %q", files)
	}
}

// TestLockRemoved does not take a lock that Clear has removed for its own.
func TestLockRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	if err := os.Remove(filepath.Join(path, lockName)); err != nil {
		t.Fatal(err)
	}
	if d.still(d.lock) {
		t.Error("a lock that is not there is believed")
	}
	closeDir(t, openDir(t, path))
	if d.still(d.lock) {
		t.Error("another lock is believed")
	}
	closeDir(t, d)
}
