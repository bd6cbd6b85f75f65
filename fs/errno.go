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
// error is counts.
var errnos = []struct {
	kind  error
	errno syscall.Errno
}{
	{context.Canceled, syscall.EINTR},
	{context.DeadlineExceeded, syscall.ETIMEDOUT},
	{cache.ErrNotExist, syscall.ENOENT},
	{cache.ErrStale, syscall.ESTALE},
	{cache.ErrPermission, syscall.EACCES},
	{cache.ErrOffline, syscall.ENETUNREACH},
	{cache.ErrTooLarge, syscall.EFBIG},
	{cache.ErrContent, syscall.EIO},
	{cache.ErrProtocol, syscall.EIO},
}

func errno(err error) syscall.Errno {
	for _, e := range errnos {
		if errors.Is(err, e.kind) {
			return e.errno
		}
	}
	return syscall.EIO
}

// quiet are errnos of what is no failure here, or has been logged once where it
// happened: a walk would log it for every file.
var quiet = map[syscall.Errno]bool{
	syscall.EINTR: true, syscall.ENOENT: true, syscall.ESTALE: true,
	syscall.ENETUNREACH: true, syscall.ETIMEDOUT: true,
}

// status turns a failure into the kernel's answer, and logs what a person
// could not tell from the errno alone.
func (f *FS) status(op string, err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	e := errno(err)
	level := slog.LevelWarn
	if quiet[e] {
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
