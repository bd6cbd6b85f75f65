package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

// TestPOSIX is the part of pjdfstest (github.com/pjd/pjdfstest) that makes sense
// for such a tree, by the names of its directories; docs/testing.md says which
// does not, and why.
func TestPOSIX(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig(withTrash), imaptest.WithMailboxes("Work", "Work/Below"))
	s.Deliver("Work", note("one"), sampleDate)
	dir := mountAt(t, s, s.Addr, asFiles, writable)
	work := filepath.Join(dir, "Work")
	message := filepath.Join(work, "2026-03-04_0912_a-example-org_one_1.eml")
	long := filepath.Join(work, strings.Repeat("x", 256))
	fresh := func() string { return filepath.Join(work, ".fresh") }
	create := func(path string, flags int) error {
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_WRONLY|flags, 0o644)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	open := func(path string, flags int) error {
		fd, err := unix.Open(path, flags, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	size := func(path string) int64 {
		info, err := os.Lstat(path)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	if err := create(filepath.Join(work, ".file"), 0); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(work, ".file")
	for _, one := range []struct {
		name string
		do   func() error
		want error
	}{
		{"open: creates", func() error { return create(fresh(), unix.O_EXCL) }, nil},
		{"open: O_EXCL on what is there", func() error { return create(fresh(), unix.O_EXCL) }, syscall.EEXIST},
		{"open: O_CREAT on what is there", func() error { return create(fresh(), 0) }, nil},
		{"open: O_EXCL on a message", func() error { return create(message, unix.O_EXCL) }, syscall.EEXIST},
		{"open: O_CREAT on a mailbox", func() error { return create(work, 0) }, syscall.EISDIR},
		{"open: in what is no directory", func() error { return create(filepath.Join(file, "x"), 0) }, syscall.ENOTDIR},
		{"open: in what is not there", func() error { return create(filepath.Join(work, "no", "x"), 0) }, syscall.ENOENT},
		{"open: a long name", func() error { return create(long, 0) }, syscall.ENAMETOOLONG},
		{"open: a mailbox for writing", func() error { return open(work, unix.O_RDWR) }, syscall.EISDIR},
		{"open: O_DIRECTORY on a file", func() error { return open(file, unix.O_DIRECTORY) }, syscall.ENOTDIR},
		{"open: O_TRUNC", func() error {
			return errors.Join(os.WriteFile(file, []byte("text"), 0o600), open(file, unix.O_WRONLY|unix.O_TRUNC))
		}, nil},
		{"mkdir: in what is no directory", func() error { return unix.Mkdir(filepath.Join(file, "x"), 0o755) }, syscall.ENOTDIR},
		{"mkdir: in what is not there", func() error { return unix.Mkdir(filepath.Join(dir, "no", "x"), 0o755) }, syscall.ENOENT},
		{"mkdir: a long name", func() error { return unix.Mkdir(long, 0o755) }, syscall.ENAMETOOLONG},
		{"mkdir: what is there", func() error { return unix.Mkdir(work, 0o755) }, syscall.EEXIST},
		{"mkdir: where a file is", func() error { return unix.Mkdir(file, 0o755) }, syscall.EEXIST},
		{"mkdir", func() error { return unix.Mkdir(filepath.Join(dir, "Made"), 0o755) }, nil},
		{"rmdir: of a file", func() error { return unix.Rmdir(file) }, syscall.ENOTDIR},
		{"rmdir: what is not there", func() error { return unix.Rmdir(filepath.Join(dir, "no")) }, syscall.ENOENT},
		{"rmdir: what is not empty", func() error { return unix.Rmdir(work) }, syscall.ENOTEMPTY},
		{"rmdir: .", func() error { return unix.Rmdir(filepath.Join(dir, "Made") + "/.") }, syscall.EINVAL},
		{"rmdir", func() error { return unix.Rmdir(filepath.Join(dir, "Made")) }, nil},
		{"unlink: of a mailbox", func() error { return unix.Unlink(work) }, syscall.EISDIR},
		{"unlink: what is not there", func() error { return unix.Unlink(filepath.Join(work, "no")) }, syscall.ENOENT},
		{"unlink: in what is no directory", func() error { return unix.Unlink(filepath.Join(file, "x")) }, syscall.ENOTDIR},
		{"unlink: while it is open", func() error {
			f, err := os.OpenFile(filepath.Join(work, ".open"), os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("text")
			err = errors.Join(err, os.Remove(f.Name()))
			if _, gone := os.Lstat(f.Name()); !errors.Is(gone, syscall.ENOENT) {
				return errors.New("it is still there")
			}
			buf := make([]byte, 4)
			if n, _ := f.ReadAt(buf, 0); string(buf[:n]) != "text" {
				return errors.New("it cannot be read any more")
			}
			return err
		}, nil},
		{"truncate", func() error {
			err := errors.Join(os.WriteFile(file, []byte("text"), 0o600), os.Truncate(file, 2))
			if size(file) != 2 {
				return errors.New("it has another size")
			}
			return err
		}, nil},
		{"truncate: to more", func() error {
			err := os.Truncate(file, 1000)
			if size(file) != 1000 {
				return errors.New("it has another size")
			}
			return err
		}, nil},
		{"truncate: a mailbox", func() error { return unix.Truncate(work, 0) }, syscall.EISDIR},
		{"truncate: a message", func() error { return unix.Truncate(message, 0) }, syscall.EPERM},
		{"truncate: less than nothing", func() error { return unix.Truncate(file, -1) }, syscall.EINVAL},
		{"truncate: more than a message can be", func() error { return unix.Truncate(file, 1<<40) }, syscall.EFBIG},
		{"rename: what is not there", func() error { return unix.Rename(filepath.Join(work, "no"), fresh()) }, syscall.ENOENT},
		{"rename: to what is not there", func() error { return unix.Rename(file, filepath.Join(work, "no", "x")) }, syscall.ENOENT},
		{"rename: to a long name", func() error { return unix.Rename(file, long) }, syscall.ENAMETOOLONG},
		{"rename: a file to a mailbox", func() error { return unix.Rename(file, filepath.Join(work, "Below")) }, syscall.EISDIR},
		{"rename: a mailbox to a file", func() error { return unix.Rename(filepath.Join(work, "Below"), file) }, syscall.ENOTDIR},
		{"rename: a mailbox below itself", func() error { return unix.Rename(work, filepath.Join(work, "Below", "x")) }, syscall.EINVAL},
		{"rename: to itself", func() error { return unix.Rename(file, file) }, nil},
		{"rename: RENAME_NOREPLACE", func() error {
			return unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, fresh(), unix.RENAME_NOREPLACE)
		}, syscall.EEXIST},
		{"rename: RENAME_EXCHANGE", func() error {
			return unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, fresh(), unix.RENAME_EXCHANGE)
		}, syscall.EINVAL},
		{"rename: over another", func() error { return unix.Rename(file, fresh()) }, nil},
		{"rename: the old name is gone", func() error { return open(file, unix.O_RDONLY) }, syscall.ENOENT},
		{"rename: the new one has its size", func() error {
			if size(fresh()) != 1000 {
				return errors.New("it has another size")
			}
			return nil
		}, nil},
		{"rename: into .imapfs", func() error { return unix.Rename(fresh(), filepath.Join(dir, ".imapfs", "x")) }, syscall.EPERM},
		{"link", func() error { return unix.Link(fresh(), file) }, syscall.EPERM},
		{"symlink", func() error { return unix.Symlink("x", file) }, syscall.EPERM},
		{"mkfifo", func() error { return unix.Mkfifo(file, 0o600) }, syscall.EPERM},
		{"mknod: a file", func() error { return unix.Mknod(file, unix.S_IFREG|0o600, 0) }, nil},
		{"utimensat", func() error {
			want := unix.Timespec{Sec: 1_000_000_000}
			if err := unix.UtimesNanoAt(unix.AT_FDCWD, file, []unix.Timespec{want, want}, 0); err != nil {
				return err
			}
			info, err := os.Lstat(file)
			if err == nil && info.ModTime().Unix() != want.Sec {
				return errors.New("it has another time")
			}
			return err
		}, nil},
		{"posix_fallocate", func() error {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return unix.Fallocate(int(f.Fd()), 0, 0, 10)
		}, syscall.ENOTSUP},
		{"unlink", func() error { return errors.Join(unix.Unlink(file), unix.Unlink(fresh())) }, nil},
	} {
		if err := one.do(); one.want == nil && err != nil || one.want != nil && !errors.Is(err, one.want) {
			t.Errorf("%s: %v, not %v", one.name, err, one.want)
		}
	}
	shows(t, work, "one")
}
