package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// kept is what imapfs cache tells of the caches in a directory.
func kept(t *testing.T, dir string, args ...string) (reports []keptReport) {
	t.Helper()
	stdout, stderr, code := run(t, command(t, append(append([]string{"cache"}, args...), "--json", "--cache-dir", dir)...))
	if err := json.Unmarshal([]byte(stdout), &reports); err != nil || (code == 0) != (stderr == "") {
		t.Fatalf("cache %q: exit status %d, %q, %s: %v", args, code, stdout, stderr, err)
	}
	return reports
}

// TestCache tells of a cache, checks and clears it, while it is mounted and after.
func TestCache(t *testing.T) {
	s := imaptest.Memory(t, imaptest.WithMailboxes("Archive"))
	eml, _ := deliverSamples(s)
	dir := filepath.Join(t.TempDir(), "caches")
	account := "alice@" + s.Addr
	if out := works(t, "cache", "stats", "--cache-dir", dir); out != "nothing is kept\n" {
		t.Errorf("without a cache: %q", out)
	}
	at, unmount := mountOnce(t, s, s.Addr, func(c *mountConfig) { c.cacheDir = dir })
	if n := len(walk(t, filepath.Join(at, ".imapfs", "eml"))); n < len(eml) {
		t.Fatalf("%d files", n)
	}
	eventually(t, func() error {
		if r := kept(t, dir, "stats")[0]; r.Messages != len(eml) || r.Pieces < len(eml) || !r.Mounted || r.Mountpoint != at || r.Account != account || r.Mailboxes != 2 {
			return errors.New(r.Mountpoint + " is told of with too little")
		}
		return nil
	})
	if r := kept(t, dir, "verify", account)[0]; len(r.Problems) > 0 || r.Frames == 0 || r.Blobs < len(eml) {
		t.Errorf("mounted: %+v", r)
	}
	for _, name := range []string{account, sourceOf(s)} {
		fails(t, command(t, "cache", "clear", "--cache-dir", dir, name), account+" is mounted at "+at)
	}
	fails(t, command(t, "cache", "clear", "--cache-dir", dir), account+" is mounted at "+at)
	unmount()

	if out := works(t, "cache", "stats", "--cache-dir", dir); !strings.Contains(out, "bytes a message") || strings.Contains(out, "mounted") || !strings.Contains(out, account) {
		t.Errorf("stats says %q", out)
	}
	if out := works(t, "cache", "verify", "--cache-dir", dir); !strings.HasSuffix(out, ": all as it was written\n") {
		t.Errorf("verify says %q", out)
	}
	cmd := command(t, "cache", "clear", "imaps"+strings.TrimPrefix(sourceOf(s), "imap")+"/Archive")
	cmd.Env = append(cmd.Env, "IMAPFS_CACHE_DIR="+dir)
	if out, stderr, code := run(t, cmd); code != 0 || out != account+" is cleared\n" {
		t.Errorf("clear says %q, %s", out, stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left is %v: %v", left, err)
	}
	at, unmount = mountOnce(t, s, s.Addr, func(c *mountConfig) { c.cacheDir = dir })
	walk(t, at)
	unmount()
	if r := kept(t, dir, "verify"); len(r) != 1 || len(r[0].Problems) > 0 || r[0].Messages != len(eml) {
		t.Errorf("after another mount: %+v", r)
	}
}

// TestCacheDamage names the files that are damaged.
func TestCacheDamage(t *testing.T) {
	s := imaptest.Memory(t)
	deliverSamples(s)
	dir := t.TempDir()
	at, unmount := mountOnce(t, s, s.Addr, func(c *mountConfig) { c.cacheDir = dir })
	walk(t, at)
	unmount()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/3] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr, code := run(t, command(t, "cache", "verify", "--cache-dir", dir))
	if code != 1 || !strings.Contains(stderr, "files damaged; a mount leaves out what is, and fetches it again") || !strings.Contains(stdout, "(INBOX): is damaged at ") {
		t.Errorf("exit status %d, %q, %q", code, stdout, stderr)
	}
	for _, name := range files {
		if !strings.Contains(stdout, ": "+filepath.Base(name)) {
			t.Errorf("no %s in\n%s", name, stdout)
		}
	}
	if r := kept(t, dir, "verify"); len(r) != 1 || len(r[0].Problems) != len(files) {
		t.Errorf("for programs: %+v", r)
	}
	at, unmount = mountOnce(t, s, s.Addr, func(c *mountConfig) { c.cacheDir = dir })
	works(t, "sync", at)
	walk(t, at)
	unmount()
	if out := works(t, "cache", "verify", "--cache-dir", dir); !strings.Contains(out, "all as it was written") {
		t.Errorf("after another mount: %s", out)
	}
}

// TestCacheRefusals leaves alone what is no cache, and says what it does not
// understand.
func TestCacheRefusals(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "bob@example.org%3A993")
	for _, name := range []string{other, filepath.Join(dir, "src")} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"lock", "precious"} {
			if err := os.WriteFile(filepath.Join(name, file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink(other, filepath.Join(dir, "carol@example.org%3A993")); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct {
		args []string
		want string
	}{
		{[]string{"clear", "bob@example.org:993"}, "is not a cache of imapfs"},
		{[]string{"stats", "bob@example.org:993"}, "is not a cache of imapfs"},
		{[]string{"clear", "carol@example.org:993"}, "nothing of carol@example.org:993 is kept"},
		{[]string{"clear", "src"}, "nothing of src is kept"},
		{[]string{"clear", "../x"}, "nothing of ../x is kept"},
		{[]string{"clear", "imaps://bob:secret@example.org"}, "a password in SOURCE"},
		{[]string{"clear", "a", "b"}, "one argument too many"},
		{[]string{"drop"}, `there is no "drop"`},
	} {
		cmd := command(t, append([]string{"cache"}, wrong.args...)...)
		cmd.Env = append(cmd.Env, "IMAPFS_CACHE_DIR="+dir)
		fails(t, cmd, wrong.want)
	}
	fails(t, command(t, "cache", "stats", "--cache-dir", "none"), "nothing is on disk")
	works(t, "cache", "clear", "--cache-dir", dir+"/missing")
	if files, _ := filepath.Glob(dir + "/*/*"); len(files) != 6 { // with those behind the link
		t.Errorf("left are %q", files)
	}
}

// TestAccountOf knows the accounts that directories are of, and no others.
func TestAccountOf(t *testing.T) {
	long := strings.Repeat("very-", 60)
	for _, account := range []string{"alice@mail.example.org:993", "a@b@[::1]:143", ".x/../ü@h:1", "a%2F@h:1", long + "@h:1"} {
		id := cacheID(account)
		got, ok := accountOf(id)
		if want := account; !ok || got != want && got != id || len(account) < maxID && got != want {
			t.Errorf("%s is of %q, %v", id, got, ok)
		}
	}
	for _, id := range []string{"", "src", "a@b", "a@%", "a:993", "a@h:993", "@h%3A1", "a@h%3a993", long, strings.Repeat("x", maxID) + "~0011"} {
		if got, ok := accountOf(id); ok {
			t.Errorf("%s is of %q", id, got)
		}
	}
}
