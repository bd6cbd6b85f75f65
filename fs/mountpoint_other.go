//go:build !linux

package fs

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkFUSE leaves it to the mount to find out.
func checkFUSE() error { return nil }

// mountedAt returns the type of what is mounted at path; "": nothing is. Here
// every FUSE file system counts as an imapfs, since the kernel does not tell
// which it is.
func mountedAt(path string) (kind string, err error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return "", err
	}
	mounts := make([]unix.Statfs_t, n)
	if n, err = unix.Getfsstat(mounts, unix.MNT_NOWAIT); err != nil {
		return "", err
	}
	for _, m := range mounts[:n] {
		if unix.ByteSliceToString(m.Mntonname[:]) == path {
			if kind = unix.ByteSliceToString(m.Fstypename[:]); strings.Contains(kind, "fuse") {
				kind = subtype
			}
		}
	}
	return kind, nil
}

// detach unmounts path; EBUSY: it is in use. There is no lazy way here, but a
// forced one.
func detach(path string, lazy bool) error {
	args := []string{path}
	if lazy {
		args = []string{"-f", path}
	}
	out, err := exec.Command("umount", args...).CombinedOutput()
	switch text := strings.TrimSpace(string(out)); {
	case err == nil:
		return nil
	case strings.Contains(text, "busy"):
		return syscall.EBUSY
	case text != "":
		return errors.New(text)
	}
	return err
}

// holders: only Linux has a /proc that tells.
func holders(string) []Process { return nil }
