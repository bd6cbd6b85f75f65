package fs

import "syscall"

// directFlags are the mount flags of a mount without fusermount3.
const directFlags = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
