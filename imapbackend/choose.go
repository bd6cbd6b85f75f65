package imapbackend

import (
	"slices"
	"time"

	"imapfs/cache"
)

// want is what an operation needs of a session.
type want struct {
	how     how
	mailbox cache.ID
	newest  uint32 // the highest UID that it is about
	// validity is the UIDVALIDITY under which it has to be open.
	validity uint32
	bodies   bool // what it fetches is bodies, not metadata
	writes   bool // the mailbox has to be open for writing
	appends  bool // a message is to be put into the mailbox, whatever is open
	// background: nobody waits for it. Only one session at a time has users of
	// that kind, the others are there at once for who reads.
	background bool
	// ahead: somebody is going to wait for it. Those of a mailbox share a session,
	// and one is left to others.
	ahead bool
	// stream is the reading of one file that it is a part of, if not 0.
	stream uint64
}

// how is the state in which an operation needs a session.
type how uint8

const (
	anyState how = iota // whatever it has open, and whoever else uses it
	opened              // the mailbox open, shared with others
	alone               // nobody else using it, to open what it needs
)

// choose picks a session for w, marked as moving if it has to be given to the
// mailbox; nil: none can be had now. mu is held.
func (p *pool) choose(w *waiter) *session {
	free := func(s *session) bool {
		held := s.reserved != nil && s.reserved != w && p.may(s.reserved, s)
		return !s.moving && !held && p.may(w, s)
	}
	if w.how == anyState {
		if w.appends {
			// One after another is faster than side by side, for which servers
			// have to lock the mailbox.
			fits := func(s *session) bool { return free(s) && s.appending > 0 && s.appendsTo == w.mailbox }
			if s := p.least(fits); s != nil {
				return s
			}
			if s := p.least(func(s *session) bool { return free(s) && !s.closedTo(w.mailbox) }); s != nil {
				return s
			}
		}
		return p.least(free)
	}
	if w.ahead {
		if s := p.least(func(s *session) bool { return free(s) && s.ahead && s.shows(w) }); s != nil {
			p.unreserve(w)
			return s
		}
	}
	if w.stream != 0 {
		s := p.least(func(s *session) bool { return free(s) && s.shows(w) && s.stream == w.stream })
		if s != nil {
			p.unreserve(w)
			return s
		}
	}
	s := p.idle(w, free)
	// A new connection costs less than what waits behind others' answers, loses
	// its mailbox, or would be compressed for nothing.
	more := p.room() && !w.dials && !p.behind(w) && !p.crowded(w) && (s == nil || w.how == opened && !s.shows(w) && s.selected || w.bodies && s.compressed)
	switch {
	case more:
		return nil
	case s != nil:
		s.moving = w.how == alone || !s.shows(w)
		p.unreserve(w)
		return s
	}
	if w.how == opened {
		if s := p.least(func(s *session) bool { return free(s) && s.shows(w) }); s != nil {
			p.unreserve(w)
			return s
		}
	}
	p.reserve(w)
	return nil
}

// reserve keeps newcomers from the session that w is likely to get, so that
// its users, however many follow each other, do not keep w waiting for ever. mu
// is held.
func (p *pool) reserve(w *waiter) {
	for _, s := range p.sessions {
		if s.reserved == w && p.may(w, s) {
			return
		}
	}
	p.unreserve(w)
	s := p.least(func(s *session) bool {
		return p.may(w, s) && (s.reserved == nil || !p.may(s.reserved, s))
	})
	if s != nil {
		s.reserved = w
	}
}

// may reports whether w is not kept from s by others of its kind, which have
// another session. That changes with them: a session reserved for who may not
// have it now is anybody's. mu is held.
func (p *pool) may(w *waiter, s *session) bool {
	return (!p.behind(w) || s.background) && (!p.crowded(w) || s.ahead)
}

// behind reports whether w is for the one session that has users in the
// background already. mu is held.
func (p *pool) behind(w *waiter) bool {
	return w.background && slices.ContainsFunc(p.sessions, func(s *session) bool { return s.background })
}

// crowded reports whether w is for the sessions that fetch ahead already. mu is
// held.
func (p *pool) crowded(w *waiter) bool {
	if !w.ahead {
		return false
	}
	n := 0
	for _, s := range p.sessions {
		if s.ahead {
			n++
		}
	}
	return n > 0 && n >= p.max-1
}

func (p *pool) unreserve(w *waiter) {
	for _, s := range p.sessions {
		if s.reserved == w {
			s.reserved = nil
		}
	}
}

// shows reports whether the mailbox is open under the UIDVALIDITY that is wanted,
// and the newest message was there when it was opened: a server may keep from a
// session what came later, also that another mailbox has taken its place.
func (s *session) shows(w *waiter) bool {
	return s.selected && s.mailbox == w.mailbox && s.state.Validity == w.validity && s.state.Next > w.newest && (s.writable || !w.writes)
}

// idle returns the session that suits w best among those that nobody uses. mu is
// held.
func (p *pool) idle(w *waiter, free func(*session) bool) *session {
	// The cost of a session: bodies are better uncompressed, metadata
	// compressed; a mailbox that is open need not be opened, and one that others
	// may come back to should stay open.
	cost := func(s *session) (c int) {
		if s.compressed == w.bodies {
			c = 4
		}
		switch {
		case s.shows(w):
		case !s.selected:
			c++
		case s.mailbox == w.mailbox:
			c += 2
		default:
			c += 3
		}
		return c
	}
	var best *session
	for _, s := range p.sessions {
		if s.users == 0 && free(s) && (best == nil || cost(s) < cost(best)) {
			best = s
		}
	}
	return best
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

// room reports whether there may be one more session. mu is held.
func (p *pool) room() bool {
	n := len(p.sessions) + p.dialing
	return p.offline.IsZero() && !p.barred && n < p.max && (n == 0 || time.Now().After(p.full))
}
