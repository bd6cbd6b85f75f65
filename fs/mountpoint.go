package fs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// subtype is what the kernel's list of mounts calls an imapfs.
const subtype = "fuse.imapfs"

// CheckMountpoint reports why nothing can be mounted at dir. What a killed
// imapfs left there is cleaned up.
func CheckMountpoint(dir string) error {
	if err := checkFUSE(); err != nil {
		return err
	}
	path, err := absolute(dir)
	if err != nil {
		return pathError("mountpoint", dir, err)
	}
	kind, err := mountedAt(path)
	if err != nil {
		return err
	}
	switch kind {
	case "autofs": // waits to be mounted over, and for us if we looked into it
		return nil
	case "", subtype:
	default:
		return fmt.Errorf("mountpoint %s is in use: %s is mounted there", dir, kind)
	}
	info, err := stat(path)
	dead := errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED) // just died
	if dead && kind == subtype {
		// Whatever holds it holds something dead.
		if err := detach(path, true); err != nil {
			return fmt.Errorf("mountpoint %s holds the rest of a killed imapfs: %w", dir, err)
		}
		return CheckMountpoint(dir)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("mountpoint %s does not exist; create the directory first", dir)
	case err != nil:
		return pathError("mountpoint", dir, err)
	case !info.IsDir():
		return fmt.Errorf("mountpoint %s is not a directory", dir)
	case kind == subtype:
		return fmt.Errorf("mountpoint %s is in use: an imapfs is mounted there", dir)
	}
	return checkEmpty(dir, path)
}

// stat is os.Stat that fails where a FUSE file system has died: its attributes
// may live on in the kernel.
func stat(path string) (fs.FileInfo, error) {
	if err := unix.Statfs(path, new(unix.Statfs_t)); err != nil {
		return nil, err
	}
	return os.Stat(path)
}

func checkEmpty(dir, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return pathError("mountpoint", dir, err)
	}
	defer f.Close()
	switch _, err := f.Readdirnames(1); {
	case err == nil:
		return fmt.Errorf("mountpoint %s is not empty; the mount would hide what is in it", dir)
	case !errors.Is(err, io.EOF):
		return pathError("mountpoint", dir, err)
	}
	return nil
}

// CheckMounted reports that there is no imapfs at dir.
func CheckMounted(dir string) error {
	path, err := absolute(dir)
	if err != nil {
		return pathError("mountpoint", dir, err)
	}
	kind, err := mountedAt(path)
	if err == nil && kind != subtype {
		err = fmt.Errorf("no imapfs is mounted at %s", dir)
	}
	return err
}

// Unmount takes an imapfs away from dir, whether its process still runs or
// not. While programs use it, that fails with a Busy error; lazy takes it out
// of their sight instead, and it ends with the last of them.
func Unmount(dir string, lazy bool) error {
	if err := CheckMounted(dir); err != nil {
		return err
	}
	path, err := absolute(dir)
	if err != nil {
		return pathError("mountpoint", dir, err)
	}
	return unmount(path, lazy)
}

// unmount detaches path, as absolute gives it.
func unmount(path string, lazy bool) error {
	// The kernel may still be closing files of programs that have ended.
	const tries, pause = 5, 30 * time.Millisecond
	for try := 1; ; try++ {
		err := detach(path, lazy)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EBUSY):
			return fmt.Errorf("unmount %s: %w", path, err)
		case try == tries:
			return &Busy{Mountpoint: path, Holders: holders(path)}
		}
		time.Sleep(pause)
	}
}

// Busy is the failure to unmount what programs use.
type Busy struct {
	Mountpoint string
	// Holders are those programs, as far as they can be found out.
	Holders []Process
}

// Process is a running program.
type Process struct {
	ID   int
	Name string
}

func (b *Busy) Error() string {
	const shown = 5
	who := "a program of another user"
	if len(b.Holders) > 0 {
		var names []string
		for _, p := range b.Holders[:min(len(b.Holders), shown)] {
			names = append(names, fmt.Sprintf("%s (process %d)", p.Name, p.ID))
		}
		if more := len(b.Holders) - shown; more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		who = strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s is in use by %s", b.Mountpoint, who)
}

// absolute is dir as the kernel lists it. A mountpoint whose process is gone
// cannot be looked at, but its parent can.
func absolute(dir string) (string, error) {
	const links = 40 // as the kernel follows
	for range links {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", err
		}
		parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return "", err
		}
		abs = filepath.Join(parent, filepath.Base(abs))
		target, err := os.Readlink(abs)
		if err != nil {
			return abs, nil // no link
		}
		if dir = target; !filepath.IsAbs(target) {
			dir = filepath.Join(parent, target)
		}
	}
	return "", syscall.ELOOP
}

// pathError says once, and not as a system call, what is wrong with a path.
func pathError(what, path string, err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Errorf("%s %s: %w", what, path, err)
}
