package imapbackend

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"imapfs/cache"
)

// pool lends sessions. It is safe for concurrent use.
//
// A session serves one mailbox at a time, and any number of operations on it,
// since the guard pipelines; it goes to another mailbox only while nobody uses
// it. Who waits is served in turn, but does not hold up those behind it that
// can be served meanwhile; that it is not passed over for ever, it reserves a
// session, which gets no further users (choose.go).
type pool struct {
	log     *slog.Logger
	connect func(ctx context.Context, compress bool) (*session, error)
	life    context.Context // until close
	end     context.CancelFunc

	mu       sync.Mutex
	max      int
	full     time.Time  // guarded by mu; until then the server takes no more sessions
	sessions []*session // guarded by mu
	dialing  int        // guarded by mu
	queue    []*waiter  // guarded by mu; the first to come at the front
	closed   bool       // guarded by mu

	served  bool      // guarded by mu; there has been a session
	refusal error     // guarded by mu; why the last attempt to connect failed
	barred  bool      // guarded by mu; the credentials are wrong
	shut    time.Time // guarded by mu; until then they are not tried again, as they seem to be
	// remembered tells that the mount can do without the server: who waits for the
	// first connection has patience only.
	remembered bool // guarded by mu

	offline time.Time     // guarded by mu; since when there is no way to the server; zero: there is
	back    chan struct{} // guarded by mu; closed when there is one again
	retry   time.Time     // guarded by mu; when the next attempt is made

	watching, doubting bool      // guarded by mu; doubt.go
	dialed             time.Time // guarded by mu; when dialing began to be more than 0, or a dial succeeded
	trusted            time.Time // guarded by mu; until then the server is believed to be there
}

// waiter is an operation that wants a session.
type waiter struct {
	want
	turn chan struct{} // room for one: look what has changed

	since   time.Time
	session *session // guarded by pool.mu; what it got
	dials   bool     // guarded by pool.mu; a connection is being made for it
}

func newPool(size int, log *slog.Logger, connect func(ctx context.Context, compress bool) (*session, error)) *pool {
	p := &pool{log: log, connect: connect, max: max(size, 1)}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

var errClosed = errors.New("the mount is going away")

// acquire lends any session, for a command that needs no mailbox.
func (p *pool) acquire(ctx context.Context) (*session, error) {
	return p.wait(ctx, want{how: anyState})
}

// acquireAppending lends a session to append to a mailbox.
func (p *pool) acquireAppending(ctx context.Context, id cache.ID) (*session, error) {
	s, err := p.wait(ctx, want{how: anyState, mailbox: id, appends: true})
	if err != nil {
		return nil, err
	}
	if s.closedTo(id) {
		p.release(s)
		if s, err = p.wait(ctx, want{how: alone, mailbox: id, writes: true}); err != nil {
			return nil, err
		}
		if err := p.move(ctx, s, id, true); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.appending++
	s.appendsTo = id
	return s, nil
}

// appended notes that an append has ended. The session is still to be released.
func (p *pool) appended(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.appending--
}

// acquireMailbox lends a session that has the mailbox open under validity, since
// a time when there was a message with the UID newest. The caller may tell that it
// is for bodies, which are better fetched uncompressed.
func (p *pool) acquireMailbox(ctx context.Context, id cache.ID, validity, newest uint32, bodies bool) (*session, error) {
	return p.acquireOpen(ctx, want{how: opened, mailbox: id, validity: validity, newest: newest, bodies: bodies})
}

// acquireWritable is acquireMailbox for what changes a message: the mailbox is
// opened with SELECT, which takes \Recent away and marks nothing as read.
func (p *pool) acquireWritable(ctx context.Context, id cache.ID, validity, newest uint32) (*session, error) {
	return p.acquireOpen(ctx, want{how: opened, mailbox: id, validity: validity, newest: newest, writes: true})
}

func (p *pool) acquireOpen(ctx context.Context, w want) (*session, error) {
	s, err := p.wait(ctx, w)
	if err != nil {
		return nil, err
	}
	if s.moving {
		if err := p.move(ctx, s, w.mailbox, w.writes); err != nil {
			return nil, err
		}
	}
	if s.state.Validity != w.validity {
		p.release(s)
		return nil, cache.ErrStale
	}
	return s, nil
}

// acquireFresh lends a session to which the mailbox has just been opened, and
// which shows it as it is now.
func (p *pool) acquireFresh(ctx context.Context, id cache.ID) (*session, error) {
	s, err := p.wait(ctx, want{how: alone, mailbox: id})
	if err != nil {
		return nil, err
	}
	return s, p.move(ctx, s, id, false)
}

// acquireUnselected lends a session that has no mailbox open, for STATUS: of one
// that is open, servers tell what the session sees, even after it was deleted
// and another has taken its name (RFC 9051, section 6.3.11).
func (p *pool) acquireUnselected(ctx context.Context) (*session, error) {
	s, err := p.wait(ctx, want{how: alone})
	if err != nil {
		return nil, err
	}
	if s.selected {
		err = s.unselect(ctx)
	}
	p.mu.Lock()
	s.moving, s.selected, s.writable = false, false, false
	p.mu.Unlock()
	if err != nil {
		s.conn.Close() // what it has open is not known
		p.release(s)
		return nil, err
	}
	return s, nil
}

// wait lends a session as wanted, once there is one.
func (p *pool) wait(ctx context.Context, want want) (*session, error) {
	urgency := cache.UrgencyOf(ctx)
	want.background, want.ahead = want.bodies && urgency == cache.Idle, want.bodies && urgency == cache.FetchAhead
	if want.bodies {
		want.stream = cache.Stream(ctx)
	}
	w := &waiter{want: want, turn: make(chan struct{}, 1), since: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, w)
	for {
		p.serve()
		switch {
		case p.closed:
			return nil, p.leave(w, errClosed)
		case w.session != nil:
			return w.session, nil
		case p.hopeless(w):
			return nil, p.leave(w, p.excuse())
		}
		despair := p.despair(w)
		var slow <-chan time.Time
		if w.dials { // then it makes do with what there is
			slow = time.After(time.Second)
		}
		p.mu.Unlock()
		select {
		case <-w.turn:
		case <-despair:
		case <-slow:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if err := ctx.Err(); err != nil {
			return nil, p.leave(w, err)
		}
	}
}

// leave takes w out of the queue, gives back what it has got meanwhile, and
// returns err. mu is held.
func (p *pool) leave(w *waiter, err error) error {
	p.queue = slices.DeleteFunc(p.queue, func(other *waiter) bool { return other == w })
	if w.session != nil {
		w.session.users--
		w.session.moving = false
		w.session.rest()
	}
	p.unreserve(w)
	p.serve()
	return err
}

// serve lends what can be lent, and makes connections where there may be more.
// mu is held.
func (p *pool) serve() {
	p.sweep()
	p.queue = slices.DeleteFunc(p.queue, func(w *waiter) bool {
		if p.closed {
			return false
		}
		if w.session = p.choose(w); w.session != nil {
			p.lend(w)
			w.look()
			return true
		}
		if !w.dials && p.room() && !p.behind(w) && !p.crowded(w) {
			// One is for metadata, and bodies, which hardly shrink, go without:
			// it costs servers 30 times the CPU.
			compress := p.max > 1 && p.dialing == 0 && !slices.ContainsFunc(p.sessions, func(s *session) bool { return s.compressed })
			if p.dialing++; p.dialing == 1 {
				p.dialed = time.Now()
			}
			w.dials = true
			p.attend()
			go p.dial(w, compress)
		}
		return false
	})
}

// lend counts w as a user of the session that it has got. mu is held.
func (p *pool) lend(w *waiter) {
	s := w.session
	if s.users++; s.users == 1 {
		s.since = time.Now()
		s.rested = time.Since(s.conn.Heard())
	}
	s.background, s.ahead = s.background || w.background, s.ahead || w.ahead
	if w.stream != 0 {
		s.stream = w.stream
	}
	p.attend()
}

// look wakes w.
func (w *waiter) look() {
	select {
	case w.turn <- struct{}{}:
	default: // it has been told already
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

// move opens a mailbox in s, whose only user is the caller. If that fails, s
// has been released.
func (p *pool) move(ctx context.Context, s *session, id cache.ID, writes bool) error {
	p.mu.Lock()
	s.selected, s.writable = false, false
	p.mu.Unlock()
	open := s.examine
	if writes {
		open = s.selectMailbox
	}
	state, err := open(ctx, id)
	p.mu.Lock()
	s.moving = false
	if err == nil {
		s.selected, s.mailbox, s.state, s.writable = true, id, state, writes
		p.serve() // others may want the same mailbox
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
	s.rest()
	p.serve()
}

// rest notes that a session may have no users any more. mu is held.
func (s *session) rest() {
	if s.users == 0 {
		s.background, s.ahead = false, false
	}
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
	p.tell()
	p.mu.Unlock()
	for _, s := range sessions {
		s.conn.Close() // without mu: TLS may take a while to say goodbye
	}
}
