package cache

import "sync"

// ahead sees whether a file is read from the front to the back, and says which
// blocks to fetch before they are asked for, so that a slow line is not idle
// between two reads. It is safe for concurrent use.
type ahead struct {
	most int64 // bounds the window in blocks, 0: lastWindow does

	mu     sync.Mutex
	last   int64 // guarded by mu; the furthest block that was read
	until  int64 // guarded by mu; blocks up to here have been asked for
	window int64 // guarded by mu; how many blocks to be ahead
}

const (
	firstWindow = 2
	// lastWindow is 2 MiB: enough to fill 100 Mbit/s over 150 ms.
	lastWindow = 16
	// disorder is how far from their order the kernel's own requests for the
	// pages to come may arrive.
	disorder = 2
)

// read notes that a block is read, and returns the range of blocks [from, to)
// to be fetched beside it.
func (a *ahead) read(block int64) (from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch step := block - a.last; {
	case step == 0:
		return 0, 0
	case step > disorder || step < -disorder:
		a.last, a.until, a.window = block, block, 0 // somewhere else
		return 0, 0
	case step < 0:
		return 0, 0
	}
	a.last = block
	a.window = min(max(2*a.window, firstWindow), lastWindow)
	if a.most > 0 {
		a.window = min(a.window, a.most)
	}
	from = max(a.until, block) + 1
	to = max(block+a.window+1, from)
	a.until = to - 1
	return from, to
}
