package fs

import (
	"context"
	"sync"
	"time"
)

// behind lets the renames of many small files, as rsync makes them, not wait for
// the server one by one: over a line of 50 ms that would be 20 a second. How many
// may be on their way grows with each that was stored, from none, so that who
// writes one file is told of its failure by its rename; who writes many, by the
// rename, close or fsync that follows in the same mailbox, or when the times of
// its directory are set, which ends an rsync. What fails stays in the recovery
// folder in any case. It is safe for concurrent use.
type behind struct {
	mu    sync.Mutex
	rooms map[string]*room // guarded by mu; by place
}

// room is how many may be on their way in one place. It is guarded by behind.mu.
type room struct {
	limit, used int
	last        time.Time     // when one ended
	ended       chan struct{} // closed when the next does
}

const (
	// maxBehind is how many messages may be on their way, and maxBehindSize how
	// large each may be, in bytes: a large one does not wait for the line.
	maxBehind     = 32
	maxBehindSize = 256 << 10
	// burst is how soon the next has to follow.
	burst = 2 * time.Second
)

// room returns the room of a place. mu is held.
func (b *behind) room(key string) *room {
	if b.rooms == nil {
		b.rooms = make(map[string]*room)
	}
	r := b.rooms[key]
	if r == nil {
		r = &room{ended: make(chan struct{})}
		b.rooms[key] = r
	}
	return r
}

// admit takes room for one more, once there is some; false: it has to wait for
// its own end.
func (b *behind) admit(ctx context.Context, key string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := b.room(key); ; {
		if r.used == 0 && time.Since(r.last) > burst {
			r.limit = 0
		}
		switch {
		case r.limit == 0:
			return false, nil
		case r.used < r.limit:
			r.used++
			return true, nil
		}
		if err := b.next(ctx, r); err != nil {
			return false, err
		}
	}
}

// next waits until one ends. mu is held, but for the wait.
func (b *behind) next(ctx context.Context, r *room) error {
	ended := r.ended
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended notes how one ended, which had room if it was behind.
func (b *behind) ended(key string, ok, behind bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.room(key)
	r.last = time.Now()
	if behind {
		r.used--
	}
	if r.limit = min(max(2*r.limit, 1), maxBehind); !ok {
		r.limit = 0
	}
	close(r.ended)
	r.ended = make(chan struct{})
}

// wait returns once nothing is on its way in a place.
func (b *behind) wait(ctx context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := b.room(key); r.used > 0; {
		if err := b.next(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// owed returns, once, why something that was on its way in a place was not
// stored.
func (s *drafts) owed(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.failed[key]
	delete(s.failed, key)
	return err
}

// storeBehind stores a draft, which has been admitted, without anybody who waits
// for it.
func (f *FS) storeBehind(d *draft, key string) {
	f.store(d, func(err error) {
		if err != nil {
			f.failedBehind(d, key, err)
		}
		f.drafts.behind.ended(key, err == nil, true)
	})
}

// failedBehind takes a draft out of the tree that could not be stored, and keeps
// the reason for who asks next.
func (f *FS) failedBehind(d *draft, key string, err error) {
	s := &f.drafts
	s.mu.Lock()
	s.failed[key] = err
	name := d.at.name
	listed := d.listed
	s.unlist(d)
	place := d.place
	s.mu.Unlock()
	if !listed {
		return
	}
	for _, v := range allViews {
		for _, id := range f.dirIDs(v, place) {
			f.notifier.entries(id, []string{name})
		}
	}
}
