package imapbackend

import (
	"errors"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// fullLasts is for how long a server that takes no more sessions is not asked
// again.
const fullLasts = time.Minute

// dial adds a session to the pool. It is w that made it necessary, but the
// session is whose turn it is. p.dialing counts the call.
func (p *pool) dial(w *waiter, compress bool) {
	s, err := p.connect(p.life, compress)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	w.dials = false
	p.connected(s, err)
	p.serve()
}

// connected takes over the outcome of an attempt to connect. mu is held.
func (p *pool) connected(s *session, err error) {
	switch {
	case p.closed && err == nil:
		s.conn.Close()
		return
	case p.closed:
		return
	case err == nil:
		p.sessions = append(p.sessions, s)
		if p.refusal != nil {
			p.log.Info("the server can be reached again")
		}
		p.refusal, p.served = nil, true
		p.dialed = time.Now() // what else is being dialed is no sign of silence yet
		p.found()
		return
	}
	if p.refusal == nil && p.served {
		p.log.Warn("no new connection to the server", "error", err)
	}
	p.refusal = err
	p.sweep()
	switch {
	case len(p.sessions) > 0:
		// Servers limit the connections of a user: go on with what there is. To
		// those who are signed in already, Gmail refuses the login of one
		// connection too many in the same way as a wrong password.
		p.full = time.Now().Add(fullLasts)
		p.refusedNow(err)
	case errors.Is(err, cache.ErrPermission) && (!p.served || certain(err)):
		p.barred = true
		p.tell()
	default:
		p.lost(time.Now())
	}
}

// refusedNow takes over that credentials were refused while there are sessions for
// which they were good: nobody, the watcher neither, tries them again for a while.
// mu is held.
func (p *pool) refusedNow(err error) {
	if errors.Is(err, cache.ErrLogin) && certain(err) {
		p.refusal = err
		p.full = time.Now().Add(refusedBackoff)
		p.shut = p.full
	}
}

// mayLogin returns why one more connection beside the pool's is not to be tried
// now, nil if it may be.
func (p *pool) mayLogin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.shut) {
		return p.refusal
	}
	return nil
}

// noted takes over how such an attempt ended.
func (p *pool) noted(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep()
	if len(p.sessions) > 0 {
		p.refusedNow(err)
	}
}

// certain reports whether a refusal to let us in says that the credentials are
// wrong. Without a code, one that comes after they were right may be Gmail's or
// Microsoft's way to slow us down.
func certain(err error) bool {
	var st guard.Status
	return !errors.As(err, &st) || st.Code != ""
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

// tell wakes all who wait. mu is held.
func (p *pool) tell() {
	for _, w := range p.queue {
		w.look()
	}
}
