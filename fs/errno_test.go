package fs

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"imapfs/cache"
)

// TestErrno tells the cause of failures that are of two kinds.
func TestErrno(t *testing.T) {
	for want, err := range map[syscall.Errno]error{
		syscall.ENETUNREACH: fmt.Errorf("%w: %w", context.DeadlineExceeded, cache.ErrOffline),
		syscall.ETIMEDOUT:   fmt.Errorf("fetch: %w", context.DeadlineExceeded),
		syscall.EINTR:       fmt.Errorf("%w: %w", cache.ErrOffline, context.Canceled),
		syscall.EACCES:      fmt.Errorf("list: %w", cache.ErrLogin),
		syscall.EIO:         fmt.Errorf("something else"),
	} {
		if got, _ := errno(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
