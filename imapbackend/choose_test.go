package imapbackend

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// poolOf returns a pool that may have n sessions, none of which speaks.
func poolOf(t *testing.T, n int) *pool {
	p := newPool(n, slog.New(slog.DiscardHandler), func(_ context.Context, compress bool) (*session, error) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		return &session{conn: guard.New(here, guard.Options{}), compressed: compress}, nil
	})
	t.Cleanup(p.close)
	return p
}

// lend gets a session in which the mailbox is open then.
func lend(t *testing.T, p *pool, w want) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s, err := p.wait(ctx, w)
	if err != nil {
		t.Fatalf("%+v: %v", w, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.moving {
		s.moving, s.selected, s.mailbox, s.state.Next = false, true, w.mailbox, 100
	}
	return s
}

// waiting waits until n operations are in the queue.
func waiting(t *testing.T, p *pool, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		queue := len(p.queue)
		p.mu.Unlock()
		if queue == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d operations wait, not %d", queue, n)
		}
	}
}

// TestNoHeadOfLine lets operations that can share a session pass one that waits
// for a session of its own, which gets it all the same.
func TestNoHeadOfLine(t *testing.T) {
	p := poolOf(t, 2)
	inA := want{how: opened, mailbox: cache.ID{Name: "A"}, newest: 1}
	first, second := lend(t, p, inA), lend(t, p, inA)
	if first == second {
		t.Fatal("one session for two, where there may be two")
	}
	got := make(chan *session)
	go func() {
		s, _ := p.wait(t.Context(), want{how: alone})
		got <- s
	}()
	waiting(t, p, 1)
	// The one that is reserved drains, whoever goes on with the mailbox.
	shared := lend(t, p, inA)
	reserved := first
	if shared == first {
		reserved = second
	}
	for range 10 {
		s := lend(t, p, inA)
		if s != shared {
			t.Fatal("a session that is reserved got another user")
		}
		p.release(s)
	}
	p.release(reserved)
	if s := <-got; s != reserved {
		t.Errorf("the one that waited got %p, not %p", s, reserved)
	}
}

// TestBodiesUncompressed keeps bodies from the compressed session, as long as
// there are others.
func TestBodiesUncompressed(t *testing.T) {
	p := poolOf(t, 2)
	metadata := want{how: opened, mailbox: cache.ID{Name: "A"}}
	bodies := metadata
	bodies.bodies = true
	s := lend(t, p, metadata)
	if !s.compressed {
		t.Error("metadata is not compressed")
	}
	p.release(s)
	for range 2 {
		s := lend(t, p, bodies)
		if s.compressed {
			t.Error("a body is compressed")
		}
		p.release(s)
	}
	if s = lend(t, p, metadata); !s.compressed {
		t.Error("metadata goes to the session for bodies")
	}
	one := poolOf(t, 1)
	if lend(t, one, bodies).compressed {
		t.Error("the only session is compressed")
	}
}

// TestWaiterLeaves takes nothing along when its caller gives up.
func TestWaiterLeaves(t *testing.T) {
	p := poolOf(t, 1)
	s := lend(t, p, want{how: alone})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := p.wait(ctx, want{how: alone})
		failed <- err
	}()
	waiting(t, p, 1)
	cancel()
	if err := <-failed; err != context.Canceled {
		t.Error(err)
	}
	p.release(s)
	if s.users != 0 || s.reserved != nil || len(p.queue) != 0 {
		t.Errorf("%d users, reserved for %v, %d in the queue", s.users, s.reserved, len(p.queue))
	}
	lend(t, p, want{how: opened, mailbox: cache.ID{Name: "A"}})
}

// TestBackground keeps to one session what nobody waits for, so that others are
// there for who reads, and lets it go to another mailbox in the end.
func TestBackground(t *testing.T) {
	p := poolOf(t, 3)
	background := func(mailbox string) *session {
		ctx, cancel := context.WithTimeout(cache.Background(t.Context()), 5*time.Second)
		defer cancel()
		s, err := p.wait(ctx, want{how: opened, mailbox: cache.ID{Name: mailbox}, newest: 1, bodies: true})
		if err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if s.moving {
			s.moving, s.selected, s.mailbox, s.state.Next = false, true, cache.ID{Name: mailbox}, 100
		}
		return s
	}
	first := background("A")
	for range 10 {
		if s := background("A"); s != first {
			t.Fatal("work in the background has two sessions")
		}
	}
	reader := lend(t, p, want{how: opened, mailbox: cache.ID{Name: "A"}, newest: 1, bodies: true})
	if reader == first {
		t.Error("who reads waits behind it")
	}
	p.release(reader)
	moved := make(chan *session)
	go func() { moved <- background("B") }()
	waiting(t, p, 1)
	for range 11 {
		p.release(first)
	}
	p.release(<-moved)
	for _, s := range p.sessions {
		if s.users != 0 || s.background || s.reserved != nil {
			t.Errorf("a session is left with %d users, background: %v", s.users, s.background)
		}
	}
}
