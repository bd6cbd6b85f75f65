package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gather lets requests for octets that are made together go to the source
// together, so that they become few commands. Who comes while nothing is under
// way is not kept waiting; who comes later waits for others, for a small part of
// what an answer takes. The zero value is ready; it is safe for concurrent use.
type gather struct {
	mu      sync.Mutex
	running int           // guarded by mu; calls under way
	open    *gathered     // guarded by mu; requests that wait
	answer  time.Duration // guarded by mu; how long an answer takes, about
}

const (
	// gatheredMost bounds the messages that go together.
	gatheredMost = 64
	// gatherPart is the part of an answer's time that requests wait for others,
	// and gatherLongest what it is at most.
	gatherPart    = 8
	gatherLongest = time.Millisecond
)

// gathered are requests that go to the source together.
type gathered struct {
	members []*member
	waiting int // members that have not left; guarded by gather.mu
	cancel  context.CancelFunc
	full    chan struct{} // closed when no more fit
}

// member is what one caller asks for of one message.
type member struct {
	requests []Request
	results  [][]byte
	left     int           // requests without an answer
	err      error         // of the message
	done     chan struct{} // closed when nothing is left, or failed says why
	failed   error
}

func newMember(requests []Request) *member {
	return &member{requests: requests, results: make([][]byte, len(requests)), left: len(requests), done: make(chan struct{})}
}

// answered takes the answer to request i.
func (m *member) answered(i int, octets []byte, err error) {
	m.results[i] = octets
	if m.err == nil {
		m.err = err
	}
	if m.left--; m.left == 0 {
		close(m.done)
	}
}

// fetch gets octets of one message's bodies. The results stand at the index of
// their request; nil is a section that the server says is not there.
func (b *Box) fetch(ctx context.Context, requests []Request) ([][]byte, error) {
	g := &b.gathers[0]
	if IsBackground(ctx) {
		g = &b.gathers[1]
	}
	m := newMember(requests)
	ranged := requests[0].Length >= blockSize // of a large file, whose next blocks follow by themselves
	g.mu.Lock()
	if ranged || g.running == 0 && g.open == nil || g.open.asks(requests[0].UID) {
		g.mu.Unlock()
		b.send(ctx, g, []*member{m})
		return m.result()
	}
	batch := g.open
	if batch == nil {
		own, cancel := context.WithCancel(urgency(b.account.life, ctx))
		batch = &gathered{cancel: cancel, full: make(chan struct{})}
		g.open = batch
		pause := min(g.answer/gatherPart, gatherLongest)
		b.account.tasks.Go(func() { b.collect(own, g, batch, pause) })
	}
	batch.members = append(batch.members, m)
	batch.waiting++
	if len(batch.members) == gatheredMost {
		g.open = nil
		close(batch.full)
	}
	g.mu.Unlock()
	noteAsked(ctx)
	select {
	case <-m.done:
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if batch.waiting--; batch.waiting == 0 {
			if g.open == batch {
				g.open = nil
				close(batch.full)
			}
			batch.cancel()
		}
		return nil, ctx.Err()
	}
	if m.failed != nil && mayDoAlone(m.failed) {
		// It may be the fault of another message.
		m = newMember(requests)
		b.send(ctx, g, []*member{m})
	}
	return m.result()
}

// mayDoAlone reports whether what failed together may succeed by itself.
func mayDoAlone(err error) bool {
	return errors.Is(err, ErrProtocol) || errors.Is(err, ErrOffline) || errors.Is(err, ErrNotExist)
}

func (m *member) result() ([][]byte, error) {
	if m.failed != nil {
		return nil, m.failed
	}
	return m.results, m.err
}

// asks reports whether a message is asked for already.
func (b *gathered) asks(uid uint32) bool {
	if b == nil {
		return false
	}
	for _, m := range b.members {
		if m.requests[0].UID == uid {
			return true
		}
	}
	return false
}

// collect waits for more requests, and sends them.
func (b *Box) collect(ctx context.Context, g *gather, batch *gathered, pause time.Duration) {
	defer batch.cancel()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-batch.full:
	case <-ctx.Done():
	}
	g.mu.Lock()
	if g.open == batch {
		g.open = nil
	}
	members := batch.members
	g.mu.Unlock()
	b.send(ctx, g, members)
}

// send asks the source, and tells the members what became of it.
func (b *Box) send(ctx context.Context, g *gather, members []*member) {
	var requests []Request
	type place struct {
		m *member
		i int
	}
	var places []place
	for _, m := range members {
		for i, r := range m.requests {
			requests, places = append(requests, r), append(places, place{m, i})
		}
	}
	g.mu.Lock()
	g.running++
	g.mu.Unlock()
	begun := time.Now()
	err := b.account.src.Fetch(ctx, b.id, b.validityNow(), requests, Taker{Answer: func(i int, octets []byte, err error) {
		places[i].m.answered(places[i].i, octets, err)
	}})
	g.mu.Lock()
	g.running--
	if took := time.Since(begun); err == nil {
		g.answer += (took - g.answer) / gatherPart
	}
	g.mu.Unlock()
	for _, m := range members {
		if m.left > 0 {
			if m.failed = err; err == nil {
				m.failed = ErrProtocol
			}
			close(m.done)
		}
	}
}
