package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}

func memorySize() string {
	var i unix.Sysinfo_t
	if err := unix.Sysinfo(&i); err != nil {
		return "unknown"
	}
	return octets(int64(i.Totalram) * int64(i.Unit))
}

var filesystems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", 0x2fc12fc1: "zfs",
}

func filesystem(dir string) string {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "unknown"
	}
	if name := filesystems[int64(s.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("%#x", s.Type)
}

// detach takes away what is mounted on a directory, in use or not.
func detach(dir string) {
	for unix.Unmount(dir, unix.MNT_DETACH) == nil {
	}
}
