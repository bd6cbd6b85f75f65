package imapbackend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"imapfs/cache"
)

// TestCrowd lends few sessions to many operations of all urgencies in several
// mailboxes, of which some leave early: each is served, and at the end no session
// is held back.
func TestCrowd(t *testing.T) {
	for size := 1; size <= 4; size++ {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			p := poolOf(t, size)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var all sync.WaitGroup
			for i := range 24 {
				dice := rand.New(rand.NewPCG(uint64(size), uint64(i)))
				all.Go(func() {
					for range 300 {
						w := want{
							how:     []how{anyState, opened, opened, opened, opened, opened, alone}[dice.IntN(7)],
							mailbox: cache.ID{Name: fmt.Sprint(dice.IntN(5))}, bodies: dice.IntN(3) > 0, stream: uint64(dice.IntN(3)),
						}
						own, leave := cache.WithUrgency(ctx, cache.Urgency(dice.IntN(3))), func() {}
						if dice.IntN(4) == 0 {
							own, leave = context.WithTimeout(own, time.Duration(dice.IntN(300))*time.Microsecond)
						}
						s, err := p.wait(own, w)
						gone := own.Err() != nil
						leave()
						if err != nil {
							if !gone || ctx.Err() != nil {
								t.Errorf("%+v: %v", w, err)
								return
							}
							continue
						}
						p.mu.Lock()
						if s.moving {
							if s.users != 1 {
								t.Errorf("a session with %d users moves", s.users)
							}
							s.moving, s.selected, s.mailbox, s.state.Next = false, true, w.mailbox, 100
						}
						p.mu.Unlock()
						for range dice.IntN(20) {
							time.Sleep(0)
						}
						p.release(s)
					}
				})
			}
			all.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, s := range p.sessions {
				if s.users != 0 || s.reserved != nil || s.moving || s.background || s.ahead {
					t.Errorf("at the end: %+v", s)
				}
			}
			if len(p.queue) > 0 {
				t.Errorf("%d wait", len(p.queue))
			}
		})
	}
}

// TestNoDeadReservation does not hold a session back for who may not have it: what
// nobody waits for has one that it shares, and here that has become another.
func TestNoDeadReservation(t *testing.T) {
	p := poolOf(t, 2)
	a, b := cache.ID{Name: "A"}, cache.ID{Name: "B"}
	first := lend(t, p, want{how: opened, mailbox: a})
	second := lend(t, p, want{how: alone, mailbox: b})
	p.mu.Lock()
	first.background = true
	late := &waiter{want: want{how: opened, mailbox: b, bodies: true, background: true}, turn: make(chan struct{}, 1)}
	if s := p.choose(late); s != nil || first.reserved != late {
		t.Fatalf("lent %p, not reserved", s)
	}
	// The users in the background are in the other one now.
	first.background, second.background = false, true
	p.mu.Unlock()
	p.release(first)
	if s := lend(t, p, want{how: opened, mailbox: a}); s != first {
		t.Error("another session")
	}
}
