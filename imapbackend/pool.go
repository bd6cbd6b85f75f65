package imapbackend

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"imapfs/cache"
)

// pool lends sessions. It is safe for concurrent use.
//
// A session serves one mailbox at a time, and any number of operations on it,
// since the guard pipelines; it goes to another mailbox only while nobody uses
// it. Whoever has waited longest is served first, so that no mailbox can keep
// another from the server.
type pool struct {
	log     *slog.Logger
	connect func(context.Context) (*session, error)
	life    context.Context // until close
	end     context.CancelFunc

	mu       sync.Mutex
	max      int
	full     time.Time       // guarded by mu; until then the server takes no more sessions
	sessions []*session      // guarded by mu
	dialing  int             // guarded by mu
	queue    []chan struct{} // guarded by mu; those who wait, the first at the front
	closed   bool            // guarded by mu

	served   bool      // guarded by mu; there has been a session
	failures int       // guarded by mu; failed attempts to connect since the last success
	retry    time.Time // guarded by mu; not before
	refusal  error     // guarded by mu; why it failed
	barred   bool      // guarded by mu; the credentials are wrong
}

func newPool(size int, log *slog.Logger, connect func(context.Context) (*session, error)) *pool {
	p := &pool{log: log, connect: connect, max: max(size, 1)}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// patience is how many failed attempts an operation sits out before it
	// fails; a server that restarts is back by then.
	patience = 3
)

var errClosed = errors.New("the mount is going away")

// acquire lends any session, for a command that needs no mailbox.
func (p *pool) acquire(ctx context.Context) (*session, error) {
	return p.wait(ctx, func() *session {
		return p.least(func(s *session) bool { return !s.moving })
	})
}

// acquireMailbox lends a session that has the mailbox open under validity, since
// a time when there was a message with the UID newest.
func (p *pool) acquireMailbox(ctx context.Context, id cache.ID, validity, newest uint32) (*session, error) {
	s, err := p.wait(ctx, func() *session { return p.choose(id, newest) })
	if err != nil {
		return nil, err
	}
	if s.moving {
		if err := p.move(ctx, s, id); err != nil {
			return nil, err
		}
	}
	if s.state.Validity != validity {
		p.release(s)
		return nil, cache.ErrStale
	}
	return s, nil
}

// acquireFresh lends a session to which the mailbox has just been opened, and
// which shows it as it is now.
func (p *pool) acquireFresh(ctx context.Context, id cache.ID) (*session, error) {
	s, err := p.wait(ctx, func() *session {
		s := p.idle(id, 0)
		if s != nil {
			s.moving = true
		}
		return s
	})
	if err != nil {
		return nil, err
	}
	return s, p.move(ctx, s, id)
}

// acquireUnselected lends a session that has no mailbox open, for STATUS: of one
// that is open, servers tell what the session sees, even after it was deleted
// and another has taken its name (RFC 9051, section 6.3.11).
func (p *pool) acquireUnselected(ctx context.Context) (*session, error) {
	s, err := p.wait(ctx, func() *session {
		s := p.idle(cache.ID{}, 0)
		if s != nil {
			s.moving = true
		}
		return s
	})
	if err != nil {
		return nil, err
	}
	if s.selected {
		err = s.unselect(ctx)
	}
	p.mu.Lock()
	s.moving, s.selected = false, false
	p.mu.Unlock()
	if err != nil {
		s.conn.Close() // what it has open is not known
		p.release(s)
		return nil, err
	}
	return s, nil
}

// choose picks a session for a mailbox, one to be moved if need be; nil: none
// can be had now. mu is held.
func (p *pool) choose(id cache.ID, newest uint32) *session {
	s := p.idle(id, newest)
	if s != nil && s.shows(id, newest) {
		return s
	}
	if p.room() && (s == nil || s.selected) {
		// A new connection costs less than what waits behind others' answers
		// or loses its mailbox.
		return nil
	}
	if s == nil {
		return p.least(func(s *session) bool { return s.shows(id, newest) && !s.moving })
	}
	s.moving = true
	return s
}

// shows reports whether the mailbox is open, and the message newest was there
// when it was opened: a server may keep from a session what came later.
func (s *session) shows(id cache.ID, newest uint32) bool {
	return s.selected && s.mailbox == id && s.state.Next > newest
}

// idle returns a session that nobody uses: one that shows the mailbox, else one
// that has none or has to open it again, else any; nil if all are in use. mu is
// held.
func (p *pool) idle(id cache.ID, newest uint32) *session {
	var best *session
	for _, s := range p.sessions {
		switch {
		case s.users > 0:
		case s.shows(id, newest):
			return s
		case best == nil || !s.selected || s.mailbox == id:
			best = s
		}
	}
	return best
}

// room reports whether there may be one more session. mu is held.
func (p *pool) room() bool {
	n := len(p.sessions) + p.dialing
	return n < p.max && (n == 0 || time.Now().After(p.full))
}

// least returns the least used of the sessions that suit, or nil. mu is held.
func (p *pool) least(suits func(*session) bool) *session {
	var best *session
	for _, s := range p.sessions {
		if suits(s) && (best == nil || s.users < best.users) {
			best = s
		}
	}
	return best
}

// wait lends the session that pick chooses, once there is one.
func (p *pool) wait(ctx context.Context, pick func() *session) (*session, error) {
	var turn chan struct{}
	defer func() {
		if turn != nil {
			p.mu.Lock()
			p.queue = slices.DeleteFunc(p.queue, func(c chan struct{}) bool { return c == turn })
			p.wake()
			p.mu.Unlock()
		}
	}()
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, errClosed
		}
		p.sweep()
		if len(p.queue) == 0 || p.queue[0] == turn {
			if s := pick(); s != nil {
				s.users++
				p.mu.Unlock()
				return s, nil
			}
			if p.room() {
				p.dialing++
				p.mu.Unlock()
				if err := p.dial(ctx); err != nil && !p.patient(err) {
					return nil, err
				}
				continue
			}
		}
		if turn == nil {
			turn = make(chan struct{}, 1)
			p.queue = append(p.queue, turn)
		}
		p.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// wake lets the first in the queue look again. mu is held.
func (p *pool) wake() {
	if len(p.queue) > 0 {
		select {
		case p.queue[0] <- struct{}{}:
		default: // it has been told already
		}
	}
}

// sweep drops sessions whose connection has ended. mu is held.
func (p *pool) sweep() {
	p.sessions = slices.DeleteFunc(p.sessions, func(s *session) bool {
		if s.conn.Err() == nil {
			return false
		}
		s.conn.Close()
		return true
	})
}

// dial adds a session, which nobody uses yet, to the pool. p.dialing counts
// the caller.
func (p *pool) dial(ctx context.Context) error {
	s, err := p.attempt(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	defer p.wake()
	switch {
	case err == nil && p.closed:
		s.conn.Close()
		return errClosed
	case err == nil:
		p.sessions = append(p.sessions, s)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case len(p.sessions) > 0:
		// Servers limit the connections of a user: go on with what there is.
		p.full = time.Now().Add(lastBackoff)
		return nil
	}
	return err
}

// patient reports whether a failure to connect may pass in a moment: the server
// was there before, and may only be starting again.
func (p *pool) patient(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
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
func (p *pool) attempt(ctx context.Context) (*session, error) {
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
	s, err := p.connect(ctx)
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

// move opens a mailbox in s, whose only user is the caller. If that fails, s
// has been released.
func (p *pool) move(ctx context.Context, s *session, id cache.ID) error {
	p.mu.Lock()
	s.selected = false
	p.mu.Unlock()
	state, err := s.examine(ctx, id)
	p.mu.Lock()
	s.moving = false
	if err == nil {
		s.selected, s.mailbox, s.state = true, id, state
	}
	p.mu.Unlock()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		// The engine still waits for the answer, and what mailbox it will
		// find open then is not known.
		s.conn.Close()
	}
	p.release(s)
	return err
}

// release takes a session back.
func (p *pool) release(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	p.wake()
}

// distrust ends the sessions that nobody uses: where one fell silent, those that
// were silent anyway are no better, after a suspend for example.
func (p *pool) distrust() {
	p.mu.Lock()
	var idle []*session
	for _, s := range p.sessions {
		if s.users == 0 {
			idle = append(idle, s)
		}
	}
	p.mu.Unlock()
	for _, s := range idle {
		s.conn.Close()
	}
}

// close ends all sessions.
func (p *pool) close() {
	p.end()
	p.mu.Lock()
	sessions := p.sessions
	p.sessions, p.closed = nil, true
	for _, c := range p.queue {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	p.mu.Unlock()
	for _, s := range sessions {
		s.conn.Close() // without mu: TLS may take a while to say goodbye
	}
}
