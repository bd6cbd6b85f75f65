package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Quota is how much mail the account may hold (RFC 9208), in octets.
type Quota struct {
	Used, Limit int64
}

const (
	// quotaLasts is how late a quota may be.
	quotaLasts = time.Minute
	// quotaTimeout is how long the server has to tell it, and quotaPatience how
	// long anybody waits for that: statfs is asked for in passing.
	quotaTimeout  = 30 * time.Second
	quotaPatience = 1500 * time.Millisecond
)

// quotas is what is known of the account's quota. It is safe for concurrent use.
type quotas struct {
	mu    sync.Mutex
	known *Quota        // guarded by mu; nil: there is none, or nobody knows
	when  time.Time     // guarded by mu; of what is known
	asked time.Time     // guarded by mu; when the server was last asked
	busy  chan struct{} // guarded by mu; closed when it has answered; nil: it is not being asked
}

// Quota tells the account's quota, about a minute late, or as it was last where
// the server does not answer in a moment; false: there is none, or it is not
// known.
func (a *Account) Quota(ctx context.Context) (Quota, bool) {
	if busy, patience := a.askQuota(); busy != nil && patience > 0 {
		noteAsked(ctx)
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-busy:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	q, _, ok := a.KnownQuota()
	return q, ok
}

// KnownQuota is Quota as the server last told it, and when that was. It asks
// nothing.
func (a *Account) KnownQuota() (q Quota, when time.Time, ok bool) {
	a.quotas.mu.Lock()
	defer a.quotas.mu.Unlock()
	if a.quotas.known == nil {
		return Quota{}, time.Time{}, false
	}
	return *a.quotas.known, a.quotas.when, true
}

// askQuota asks the server, unless that was done lately. It returns at once:
// what is closed when the answer is there, and how long to wait for it.
func (a *Account) askQuota() (busy <-chan struct{}, patience time.Duration) {
	q := &a.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy != nil {
		return q.busy, quotaPatience - time.Since(q.asked)
	}
	if time.Since(q.asked) < quotaLasts {
		return nil, 0
	}
	q.asked, q.busy = time.Now(), make(chan struct{})
	a.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(a.life, quotaTimeout)
		defer cancel()
		now, err := guarded(ctx, a.src.Quota)
		q.mu.Lock()
		defer q.mu.Unlock()
		switch {
		case err == nil:
			q.known, q.when = &now, time.Now()
		case errors.Is(err, errors.ErrUnsupported):
			q.known = nil
		}
		close(q.busy)
		q.busy = nil
	})
	return q.busy, quotaPatience
}
