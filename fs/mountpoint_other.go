//go:build !linux

package fs

import (
	"strings"

	"golang.org/x/sys/unix"
)

// isMounted reports whether an imapfs is mounted at dir.
func isMounted(dir string) (bool, error) {
	dir, err := absolute(dir)
	if err != nil {
		return false, err
	}
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return false, err
	}
	mounts := make([]unix.Statfs_t, n)
	if n, err = unix.Getfsstat(mounts, unix.MNT_NOWAIT); err != nil {
		return false, err
	}
	for _, m := range mounts[:n] {
		if unix.ByteSliceToString(m.Mntonname[:]) == dir && strings.Contains(unix.ByteSliceToString(m.Fstypename[:]), "fuse") {
			return true, nil
		}
	}
	return false, nil
}

func detach(dir string) error { return run("umount", dir) }
