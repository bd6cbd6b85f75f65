package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// flight lets concurrent callers that ask for the same key share one call. It
// differs from golang.org/x/sync/singleflight in what FUSE needs: a caller
// leaves as soon as its own context ends (Ctrl-C), while the others go on
// waiting, and the call itself is cancelled once nobody waits for it. The zero
// value is ready; it is safe for concurrent use.
type flight[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V]
}

type call[V any] struct {
	waiters int
	asking  Asking // what the call is made under
	cancel  context.CancelFunc
	done    chan struct{}
	value   V
	err     error
}

// do returns fn's result for key, calling it unless a call for key is under
// way. The context that fn gets has the account's life, not the caller's.
func (f *flight[K, V]) do(ctx context.Context, a *Account, key K, fn func(context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	c := f.calls[key]
	if c == nil {
		if f.calls == nil {
			f.calls = make(map[K]*call[V])
		}
		c = &call[V]{done: make(chan struct{})}
		var own context.Context
		c.asking.Context = urgency(a.life, ctx)
		own, c.cancel = context.WithCancel(&c.asking)
		f.calls[key] = c
		a.tasks.Go(func() {
			c.value, c.err = guarded(own, fn)
			f.mu.Lock()
			f.forget(key, c)
			f.mu.Unlock()
			c.cancel()
			close(c.done)
		})
	}
	c.waiters++
	f.mu.Unlock()
	defer func() {
		if c.asking.Asked() {
			noteAsked(ctx)
		}
	}()

	select {
	case <-c.done:
		if errors.Is(c.err, ErrBudget) && IsBackground(&c.asking) && !IsBackground(ctx) {
			return f.do(ctx, a, key, fn) // which may have more
		}
		return c.value, c.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	if c.waiters--; c.waiters == 0 {
		// A later caller must not join a call that is being cancelled.
		f.forget(key, c)
		c.cancel()
	}
	f.mu.Unlock()
	var zero V
	return zero, ctx.Err()
}

// guarded turns a panic into an error: one odd message must not be the end of
// the mount.
func guarded[V any](ctx context.Context, fn func(context.Context) (V, error)) (value V, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", ErrContent, p, debug.Stack())
		}
	}()
	return fn(ctx)
}

// running reports whether a call for key is under way.
func (f *flight[K, V]) running(key K) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[key] != nil
}

func (f *flight[K, V]) forget(key K, c *call[V]) {
	if f.calls[key] == c {
		delete(f.calls, key)
	}
}
