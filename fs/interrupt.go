package fs

import (
	"context"
	"errors"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// interruptible is the context of a request that is not counted: it ends when the
// kernel says that whoever asked has been interrupted.
func interruptible(cancel <-chan struct{}) context.Context {
	return &fuse.Context{Cancel: cancel}
}

// signalCheck is how often a request that went on after a harmless signal looks
// whether there is another: the kernel tells of the first only.
const signalCheck = 50 * time.Millisecond

// attend does the work of a request of the thread caller. Ctrl-C ends it; a
// signal that the program handles by the way (a window that changes its size, a
// timer, Go's own between goroutines) does not, since hardly any program
// expects EINTR from stat or open.
func attend(r context.Context, caller uint32, work func(context.Context) error) error {
	err := work(r)
	if !errors.Is(err, context.Canceled) || !harmless(caller) {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(r))
	defer stop()
	go func() {
		ticker := time.NewTicker(signalCheck)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if !harmless(caller) {
					stop()
				}
			}
		}
	}()
	return work(ctx)
}
