package main

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// overSocket is a client that connects to a socket, whatever the host.
func overSocket(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

// TestPprof takes a profile by a socket that is there for its owner, and for as
// long as the mount: also after one whose process was killed.
func TestPprof(t *testing.T) {
	s := imaptest.Memory(t)
	runtime, err := os.MkdirTemp("", "") // whose path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	dir := t.TempDir()
	mount := func() string {
		t.Helper()
		cmd := command(t, "mount", sourceOf(s), dir)
		cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+runtime)
		if _, complaint, code := run(t, cmd); code != 0 {
			t.Fatal(complaint)
		}
		path := statusOf(t, dir).Pprof
		for name, want := range map[string]fs.FileMode{path: fs.ModeSocket | 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode() != want {
				t.Fatalf("%q: %v, %v", name, info, err)
			}
		}
		if filepath.Dir(path) != filepath.Join(runtime, "imapfs") {
			t.Errorf("it is at %s", path)
		}
		code, body := get(t, overSocket(path), "http://imapfs/debug/pprof/goroutine?debug=1")
		if code != http.StatusOK || !strings.HasPrefix(string(body), "goroutine profile:") {
			t.Errorf("status %d, %.100s", code, body)
		}
		if code, body := get(t, overSocket(path), "http://imapfs/debug/pprof/heap"); code != http.StatusOK || len(body) == 0 {
			t.Errorf("status %d and %d bytes of the heap", code, len(body))
		}
		return path
	}
	first := mount()
	syscall.Kill(daemon(t, dir), syscall.SIGKILL)
	eventually(t, func() error {
		_, err := os.ReadDir(dir)
		if err == nil {
			return os.ErrExist
		}
		return nil
	})
	if _, err := os.Lstat(first); err != nil {
		t.Errorf("nothing is left of one that was killed: %v", err)
	}
	if second := mount(); second != first {
		t.Errorf("the second is at %s, not at %s", second, first)
	}
	works(t, "umount", dir)
	gone(t, dir)
	if left, err := os.ReadDir(filepath.Join(runtime, "imapfs")); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

// TestPprofUnavailable mounts all the same.
func TestPprofUnavailable(t *testing.T) {
	s := imaptest.Memory(t)
	for name, runtime := range map[string]string{
		"too long":    filepath.Join(t.TempDir(), strings.Repeat("x", 108)),
		"no such way": "/dev/null/x",
	} {
		dir := t.TempDir()
		cmd := command(t, "mount", sourceOf(s), dir)
		cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+runtime)
		if _, complaint, code := run(t, cmd); code != 0 {
			t.Fatalf("%s: %s", name, complaint)
		}
		if path := statusOf(t, dir).Pprof; path != "" {
			t.Errorf("%s: it is said to be at %s", name, path)
		}
		works(t, "umount", dir)
		gone(t, dir)
	}
}
