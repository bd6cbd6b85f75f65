package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// endings are the signals that end a mount; a terminal that is closed sends
// SIGHUP.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// untilSignal is a context that ends with one of endings, except those that
// whoever started us has set to be ignored (nohup).
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, slices.DeleteFunc(slices.Clone(endings), signal.Ignored)...)
}

// retryUnmount is the pause before a busy mount is tried again.
const retryUnmount = time.Second

// serve returns once the mount has been taken away, by others or since ctx has
// ended. While programs use it, it then waits for them, or for a second signal,
// after which they lose it.
func (m *mounted) serve(ctx context.Context, log *slog.Logger) error {
	defer m.end()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		m.Wait()
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, endings...)
	defer signal.Stop(again)
	for told := false; ; told = true {
		err := m.Unmount()
		if err == nil {
			return nil
		}
		if !told {
			log.Warn("still mounted until they end, or until a second signal", "error", err)
		}
		select {
		case <-gone:
			return nil
		case <-again:
			return m.Abandon()
		case <-time.After(retryUnmount):
		}
	}
}
