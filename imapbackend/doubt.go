package imapbackend

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// doubtAfter is how long a server may be silent, while it owes an answer,
	// before we look whether it is there at all: searches and sorts take longer
	// than that, and where packets vanish, nobody says so.
	doubtAfter = 4 * time.Second
	// verdictAfter is how long it has to show any sign of life then.
	verdictAfter = 6 * time.Second
	// rest is how long a line may have been silent before it was used and still
	// be taken for a good one: NATs and firewalls forget the others.
	rest = 30 * time.Second
	// trustFor is how long it is believed once it has.
	trustFor = 30 * time.Second
)

// watch looks after those who wait for the server, as long as there are any.
func (p *pool) watch() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-p.life.Done():
			return
		}
		p.mu.Lock()
		awaited, silent := p.silence()
		if !awaited {
			p.watching = false
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		if silent > doubtAfter {
			p.doubt(silent)
		}
	}
}

// attend makes sure that someone watches. mu is held.
func (p *pool) attend() {
	if !p.watching && !p.closed {
		p.watching = true
		go p.watch()
	}
}

// silence reports whether anything is awaited from the server, and how long it
// has kept the longest silence about it. mu is held.
func (p *pool) silence() (awaited bool, longest time.Duration) {
	if p.dialing > 0 {
		awaited, longest = true, time.Since(p.dialed)
	}
	for _, s := range p.sessions {
		if s.users > 0 && s.conn.Err() == nil {
			awaited, longest = true, max(longest, min(time.Since(s.conn.Heard()), time.Since(s.since)))
		}
	}
	return awaited, longest
}

// doubt looks for a sign of life: by NOOP where nothing else is under way, and by
// a new connection. Without any, all connections are given up. silent is for how
// long an answer has been missing, 0 if there is another reason for doubt.
func (p *pool) doubt(silent time.Duration) {
	p.mu.Lock()
	if p.doubting || !p.served || p.closed || !p.offline.IsZero() || time.Now().Before(p.trusted) {
		p.mu.Unlock()
		return
	}
	p.doubting = true
	begun := time.Now()
	ctx, cancel := context.WithTimeout(p.life, verdictAfter)
	defer cancel()
	var questions sync.WaitGroup
	asked := make(map[*session]bool)
	for _, s := range p.sessions {
		if s.users == 0 {
			s.users, s.since, asked[s] = 1, begun, true
			questions.Go(func() {
				s.conn.Do(ctx, "NOOP", nil) // Heard tells
				p.release(s)
			})
		}
	}
	var fresh *session
	var err error
	questions.Go(func() { fresh, err = p.connect(ctx, false) })
	p.mu.Unlock()
	questions.Wait()

	p.mu.Lock()
	p.doubting = false
	heard := func(s *session) bool { return s.conn.Heard().After(begun) }
	alive := fresh != nil || err != nil && !unheard(err) || slices.ContainsFunc(p.sessions, heard)
	var dead []*session
	p.sessions = slices.DeleteFunc(p.sessions, func(s *session) bool {
		// One that is asked for something else may be busy, unless there is more
		// against it than that it is silent: something has happened, or it had
		// been silent before it was asked, while others answer.
		if heard(s) || alive && !asked[s] && silent > 0 && s.rested < rest {
			return false
		}
		dead = append(dead, s)
		return true
	})
	switch {
	case fresh != nil && (p.closed || len(p.sessions)+p.dialing >= p.max):
		dead = append(dead, fresh)
	case fresh != nil:
		p.connected(fresh, nil)
	}
	switch {
	case alive:
		p.trusted = time.Now().Add(trustFor)
	case !p.closed:
		p.connected(nil, err)
		if !p.offline.IsZero() {
			p.offline = begun.Add(-silent)
		}
		p.tell()
	}
	p.serve()
	p.mu.Unlock()
	for _, s := range dead {
		s.conn.Close() // without mu: TLS may take a while to say goodbye
	}
}

// unheard reports whether an attempt to connect failed without a word from the
// server.
func unheard(err error) bool {
	var op *net.OpError
	return errors.Is(err, ErrSilent) || errors.As(err, new(*net.DNSError)) || errors.As(err, &op) && op.Op == "dial"
}

// suspect is doubt at once: something has happened that connections do not
// survive.
func (p *pool) suspect() {
	p.mu.Lock()
	p.trusted = time.Time{}
	p.mu.Unlock()
	go p.doubt(0)
}
