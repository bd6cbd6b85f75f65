package fs

import (
	"context"
	"sync"
	"time"

	"imapfs/cache"
)

// behind lets the renames of many small files, as rsync makes them, not wait for
// the server one by one: over a line of 50 ms that would be 20 a second. How many
// may be on their way grows with each that was stored, from none, so that who
// writes one file is told of its failure by its rename; who writes many, by the
// rename, close or fsync that follows in the same mailbox, or when the times of
// its directory are set, which ends an rsync. What fails stays in the recovery
// folder in any case.
type behind struct {
	mu    sync.Mutex
	rooms map[string]*room // by place
}

// room is how many may be on their way in one place.
type room struct {
	limit   int
	pending map[*cache.Edit]bool
	last    time.Time // when one was stored
}

const (
	// maxBehind is how many messages may be on their way, and maxBehindSize how
	// large each may be, in bytes: a large one does not wait for the line.
	maxBehind     = 32
	maxBehindSize = 256 << 10
	// burst is how soon the next has to follow.
	burst = 2 * time.Second
)

// admit reports whether one more may be on its way, once there is room.
func (b *behind) admit(ctx context.Context, key string) (bool, error) {
	for {
		b.mu.Lock()
		r := b.rooms[key]
		if r == nil || r.limit == 0 || len(r.pending) == 0 && time.Since(r.last) > burst {
			if r != nil {
				r.limit = 0
			}
			b.mu.Unlock()
			return false, nil
		}
		if len(r.pending) < r.limit {
			b.mu.Unlock()
			return true, nil
		}
		var one *cache.Edit
		for one = range r.pending {
			break
		}
		b.mu.Unlock()
		select {
		case <-one.Done():
			b.drop(key, one)
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (b *behind) drop(key string, e *cache.Edit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rooms[key]; r != nil {
		delete(r.pending, e)
	}
}

// add notes one that is on its way.
func (b *behind) add(key string, e *cache.Edit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room(key).pending[e] = true
}

func (b *behind) room(key string) *room {
	if b.rooms == nil {
		b.rooms = make(map[string]*room)
	}
	r := b.rooms[key]
	if r == nil {
		r = &room{pending: make(map[*cache.Edit]bool)}
		b.rooms[key] = r
	}
	return r
}

// ended notes how one ended.
func (b *behind) ended(key string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.room(key)
	r.last = time.Now()
	if !ok {
		r.limit = 0
		return
	}
	r.limit = min(max(2*r.limit, 1), maxBehind)
}

// wait returns once nothing is on its way in a place.
func (b *behind) wait(ctx context.Context, key string) error {
	for {
		b.mu.Lock()
		var one *cache.Edit
		if r := b.rooms[key]; r != nil {
			for one = range r.pending {
				break
			}
		}
		b.mu.Unlock()
		if one == nil {
			return nil
		}
		select {
		case <-one.Done():
			b.drop(key, one)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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

// storeBehind stores a draft without anybody who waits for it.
func (f *FS) storeBehind(d *draft, key string) {
	e := f.store(d, func(err error) {
		f.drafts.behind.ended(key, err == nil)
		if err != nil {
			f.failedBehind(d, key, err)
		}
	})
	f.drafts.behind.add(key, e)
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
