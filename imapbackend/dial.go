package imapbackend

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"imapfs/cache"
)

const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// patience is how many failed attempts an operation sits out before it
	// fails; a server that restarts is back by then.
	patience = 3
)

// dial adds a session to the pool, or tells w why it cannot; it is w that made
// it necessary, but the session is whose turn it is. p.dialing counts the call.
func (p *pool) dial(w *waiter, compress bool) {
	s, err := p.attempt(p.life, compress)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	w.dials = false
	switch {
	case err == nil && p.closed:
		s.conn.Close()
	case err == nil:
		p.sessions = append(p.sessions, s)
	case len(p.sessions) > 0:
		// Servers limit the connections of a user: go on with what there is.
		p.full = time.Now().Add(lastBackoff)
	default:
		w.err = err
		w.look()
	}
	p.serve()
}

// patient reports whether a failure to connect may pass in a moment: the server
// was there before, and may only be starting again. mu is held.
func (p *pool) patient(err error) bool {
	return p.served && p.failures <= patience && errors.Is(err, cache.ErrOffline)
}

// refused returns why the server does not let us in, nil if it does: wrong
// credentials, tried again, get accounts locked.
func (p *pool) refused() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.barred {
		return p.refusal
	}
	return nil
}

// attempt connects, unless that failed too short a time ago.
func (p *pool) attempt(ctx context.Context, compress bool) (*session, error) {
	if err := p.refused(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	failures, delay, refusal := p.failures, time.Until(p.retry), p.refusal
	p.mu.Unlock()
	if failures > 0 && delay > 0 {
		if failures > patience {
			return nil, refusal
		}
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s, err := p.connect(ctx, compress)
	if ctx.Err() != nil && err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		if p.refusal != nil {
			p.log.Info("the server can be reached again")
		}
		p.failures, p.refusal, p.served = 0, nil, true
		return s, nil
	}
	if p.refusal == nil && p.served {
		p.log.Warn("no new connection to the server", "error", err)
	}
	p.refusal = err
	if p.failures == failures { // of attempts made side by side, one counts
		p.failures++
		backoff := min(firstBackoff<<min(p.failures-1, 10), lastBackoff)
		p.retry = time.Now().Add(backoff/2 + rand.N(backoff/2))
	}
	// To those who are signed in already, Gmail refuses the login of one
	// connection too many in the same way as a wrong password.
	p.sweep()
	p.barred = len(p.sessions) == 0 && errors.Is(err, cache.ErrPermission)
	return nil, err
}
