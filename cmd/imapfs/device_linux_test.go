package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// TestDeviceIsPrivate: no program that is started from a mount holds its device.
func TestDeviceIsPrivate(t *testing.T) {
	s := imaptest.Dovecot(t)
	mountAt(t, s, s.Addr)
	held := func(dir string) string {
		out, err := exec.Command("sh", "-c", "ls -l "+dir).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if os.Geteuid() == 0 && !strings.Contains(held("/proc/$PPID/fd"), "/dev/fuse") {
		t.Fatal("this process has no mount")
	}
	if fds := held("/proc/self/fd"); strings.Contains(fds, "/dev/fuse") {
		t.Errorf("a child has %s", fds)
	}
}
