package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// endings are the signals that end a mount. A terminal that is closed sends
// SIGHUP, unless nohup(1) says that it is not meant for us.
func endings() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// untilSignal is a context that ends with one of endings.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, endings()...)
}

// retryUnmount is the pause before a busy mount is tried again.
const retryUnmount = 3 * time.Second

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
	signal.Notify(again, endings()...)
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
