//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// TestFullDisk reads on when the disk is full, and says that it is.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test needs root, to mount a small file system")
		}
		t.Skip("needs root, to mount a small file system")
	}
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=128k,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	s := imaptest.Memory(t)
	deliverSamples(s)
	for n := range 8 {
		data := make([]byte, 90<<10)
		for i := range data {
			data[i] = byte(n * i >> 3)
		}
		s.Deliver("INBOX", imaptest.Message([]string{"Subject: large"}, imaptest.Base64("a/b; name=x", data)), time.Unix(1e9, 0))
	}
	want := walk(t, mountAt(t, s, s.Addr))
	dir, unmount := mountOnce(t, s, s.Addr, func(c *mountConfig) { c.cacheDir = small })
	got := walk(t, dir)
	for name, f := range want {
		if g := got[name]; g.Sum != f.Sum || g.Size != f.Size {
			t.Errorf("%s: %+v, want %+v", name, g, f)
		}
	}
	eventually(t, func() error {
		status, err := os.ReadFile(filepath.Join(dir, ".imapfs", statusFile))
		if err == nil && !strings.Contains(string(status), "no space left on device") {
			err = fmt.Errorf("nothing about the disk in\n%s", status)
		}
		return err
	})
	unmount()
}
