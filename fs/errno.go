package fs

import (
	"context"
	"errors"
	"log/slog"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// errnos is the one place where failures become errnos; the first that an
// error is counts. quiet are those that are no failure here, or have been logged
// once where they happened: a walk would log them for every file.
var errnos = []struct {
	kind  error
	errno syscall.Errno
	quiet bool
}{
	{context.Canceled, syscall.EINTR, true},
	{cache.ErrNotExist, syscall.ENOENT, true},
	{errOtherLayout, syscall.EXDEV, true},
	{cache.ErrStale, syscall.ESTALE, true},
	{cache.ErrLogin, syscall.EACCES, true},
	{cache.ErrPermission, syscall.EACCES, false},
	{cache.ErrOffline, syscall.ENETUNREACH, true}, // before the time that it took to notice
	{context.DeadlineExceeded, syscall.ETIMEDOUT, true},
	{cache.ErrTooLarge, syscall.EFBIG, false},
	{cache.ErrBudget, syscall.EDQUOT, true},
	{cache.ErrQuota, syscall.EDQUOT, false},
	{cache.ErrTooBig, syscall.EFBIG, false},
	{cache.ErrExist, syscall.EEXIST, true},
	{cache.ErrNotEmpty, syscall.ENOTEMPTY, true},
	{cache.ErrInvalid, syscall.EINVAL, false},
	{cache.ErrForbidden, syscall.EPERM, false},
	{cache.ErrReadOnly, syscall.EROFS, true},
	{cache.ErrUncertain, syscall.EIO, false},
	{cache.ErrContent, syscall.EIO, false},
	{cache.ErrProtocol, syscall.EIO, false},
}

func errno(err error) (e syscall.Errno, quiet bool) {
	for _, e := range errnos {
		if errors.Is(err, e.kind) {
			return e.errno, e.quiet
		}
	}
	return syscall.EIO, false
}

// status turns a failure into the kernel's answer, and logs what a person
// could not tell from the errno alone.
func (f *FS) status(op string, err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	e, quiet := errno(err)
	level := slog.LevelWarn
	if quiet {
		level = slog.LevelDebug
	}
	f.opts.Log.Log(context.Background(), level, op+" failed", "errno", e.Error(), "error", err)
	return fuse.Status(e)
}

// openStatus is status for what is open: there, ENOENT would be a lie about
// the name (fuse has found it), and ESTALE is the truth about the message.
func (f *FS) openStatus(op string, err error) fuse.Status {
	if errors.Is(err, cache.ErrNotExist) {
		return fuse.Status(syscall.ESTALE)
	}
	return f.status(op, err)
}
