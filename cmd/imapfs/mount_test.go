package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

// servers are what most mount tests run against.
var servers = map[string]func(testing.TB, ...imaptest.Option) *imaptest.Server{
	"courier":   imaptest.Courier,
	"cyrus":     imaptest.Cyrus,
	"dovecot":   imaptest.Dovecot,
	"mailutils": imaptest.Mailutils,
	"memory":    imaptest.Memory,
}

// onServers runs a test on each kind of server, but for those named.
func onServers(t *testing.T, test func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server), except ...string) {
	for name, start := range servers {
		if slices.Contains(except, name) {
			continue
		}
		t.Run(name, func(t *testing.T) { test(t, start) })
	}
}

// mountAt mounts a server's account for the rest of the test, and returns
// where. change edits the options, as they are by default.
func mountAt(t testing.TB, s *imaptest.Server, address string, change ...func(*mountConfig)) string {
	t.Helper()
	dir, unmount := mountOnce(t, s, address, change...)
	t.Cleanup(unmount)
	return dir
}

// mountOnce mounts until unmount is called.
func mountOnce(t testing.TB, s *imaptest.Server, address string, change ...func(*mountConfig)) (dir string, unmount func()) {
	t.Helper()
	c := newConfig(t, s, address)
	for _, f := range change {
		f(c)
	}
	m, err := c.mount(context.Background(), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return c.mountpoint, func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
			return
		}
		m.wait()
	}
}

// newConfig is what the command line for this server would give.
func newConfig(t testing.TB, s *imaptest.Server, address string) *mountConfig {
	t.Helper()
	c := new(mountConfig)
	c.flags(pflag.NewFlagSet("mount", pflag.ContinueOnError))
	src, err := parseSource("imap://" + s.Username + "@" + address)
	if err != nil {
		t.Fatal(err)
	}
	c.source, c.mountpoint = src, t.TempDir()
	c.cacheDir, c.noPprof = filepath.Join(t.TempDir(), "cache"), true
	c.passwordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(c.passwordFile, []byte(s.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// file is what a walk finds out about one file or directory.
type file struct {
	Mode  fs.FileMode
	Ino   uint64
	Size  int64
	Mtime time.Time
	Sum   string // of the bytes, hex
}

// walk reads everything below dir, and fails where the size of a file is not
// what its first stat said, or an inode number is there twice.
func walk(t testing.TB, dir string) map[string]file {
	t.Helper()
	found := make(map[string]file)
	inos := make(map[uint64]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &fs.PathError{Op: "lstat", Path: path, Err: err}
		}
		if other, ok := inos[st.Ino]; ok {
			t.Errorf("inode %d is both %s and %s", st.Ino, other, path)
		}
		inos[st.Ino] = path
		f := file{Mode: d.Type(), Ino: st.Ino, Size: st.Size, Mtime: time.Unix(st.Mtim.Unix())}
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if int64(len(data)) != st.Size {
				t.Errorf("%s: st_size %d, read %d bytes", path, st.Size, len(data))
			}
			f.Sum = sum(data)
		}
		name, _ := filepath.Rel(dir, path)
		found[name] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// attribute returns an extended attribute, "" if it is absent.
func attribute(t testing.TB, path, name string) string {
	t.Helper()
	value := make([]byte, 1024)
	n, err := unix.Getxattr(path, name, value)
	if errors.Is(err, unix.ENODATA) {
		return ""
	}
	if err != nil {
		t.Fatalf("%s of %s: %v", name, path, err)
	}
	return string(value[:n])
}
