package fs

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// directFlags are the mount flags of a mount without fusermount3, readOnlyFlag the
// one among them that a writable one does not have.
const (
	directFlags  = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	readOnlyFlag = syscall.MS_RDONLY
)

// private makes a mount without a helper, and keeps its device from the programs
// that this one starts: with one of them holding it, the mount would outlive us.
// go-fuse opens it without O_CLOEXEC.
func private(mount func() error) error {
	if os.Geteuid() != 0 {
		return mount() // that starts fusermount3, which needs it
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	err := mount()
	const fds = "/proc/self/fd"
	entries, _ := os.ReadDir(fds)
	for _, e := range entries {
		if target, _ := os.Readlink(filepath.Join(fds, e.Name())); target == "/dev/fuse" {
			if fd, err := strconv.Atoi(e.Name()); err == nil {
				syscall.CloseOnExec(fd)
			}
		}
	}
	return err
}
