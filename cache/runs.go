package cache

import (
	"context"
	"sync"
)

// run is a fetch of adjoining blocks of a file by one request.
type run struct {
	key      blockKey // of the first block
	from, to int64    // the blocks [from, to)
	cancel   context.CancelFunc
	done     chan struct{}
	users    int // guarded by runs.mu; those who wait for it, and Readers that are going to

	// Both are valid once done is closed.
	blocks [][]byte // nil: one that is not as the file's size promised
	err    error
}

// block returns a block of the run once it is done, and whether it has it.
func (n *run) block(block int64) (data []byte, ok bool) {
	if n == nil || block < n.from || block >= n.to {
		return nil, false
	}
	return n.blocks[block-n.from], true
}

// ended reports whether the run is done.
func (n *run) ended() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// runs are the fetches under way of blocks of large files: one for each block,
// whoever asks for it. Like a call of a flight, one that nobody wants any more
// is cancelled. The zero value is ready; it is safe for concurrent use.
type runs struct {
	mu sync.Mutex
	at map[blockKey]*run // guarded by mu; by each of its blocks
}

// join makes the caller a user of the run that fetches a block, nil if there is
// none.
func (r *runs) join(key blockKey) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.at[key]
	if n != nil {
		n.users++
	}
	return n
}

// claim makes the caller a user of a run that fetches a block: of the one that is
// under way, or of a new one for as much up to the block to as is not under way.
// fetch is called for a new one, with mu held.
func (r *runs) claim(key blockKey, to int64, fetch func(*run)) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.at[key]; n != nil {
		n.users++
		return n
	}
	if r.at == nil {
		r.at = make(map[blockKey]*run)
	}
	n := &run{key: key, from: key.block, to: key.block, users: 1, done: make(chan struct{})}
	for ; n.to < to && r.at[key] == nil; n.to++ {
		r.at[key] = n
		key.block++
	}
	fetch(n)
	return n
}

// leave ends the use of a run.
func (r *runs) leave(n *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.users--; n.users == 0 {
		r.forget(n) // a later caller must not join what is being cancelled
		n.cancel()
	}
}

// end tells that a run is done.
func (r *runs) end(n *run) {
	r.mu.Lock()
	r.forget(n)
	r.mu.Unlock()
	n.cancel()
	close(n.done)
}

// forget takes a run out. mu is held.
func (r *runs) forget(n *run) {
	key := n.key
	for ; key.block < n.to; key.block++ {
		if r.at[key] == n {
			delete(r.at, key)
		}
	}
}

// turns let the runs of a reading be asked for in order.
type turns struct {
	id   uint64
	turn chan struct{} // guarded by runs.mu; closed once the last run has been asked for
}

// queue is called for each run: it may be asked for once turn is closed, and sent
// tells that it has been. runs.mu is held.
func (o *turns) queue() (turn <-chan struct{}, sent func()) {
	next := make(chan struct{})
	if turn = closed; o.turn != nil {
		turn = o.turn
	}
	o.turn = next
	return turn, sync.OnceFunc(func() { close(next) })
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
