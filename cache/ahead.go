package cache

import "time"

// ahead follows one reading of a file from the front to the back, and says
// which blocks to fetch before they are asked for, so that a slow line is not
// idle between two reads. Its Reader guards it.
//
// How far it is ahead doubles with each read up to easyWindow, and then grows for
// as long as reading becomes faster by it: until then the line was not full. What
// is in flight cannot be called back, and everybody else waits behind it.
type ahead struct {
	order  *turns // of all that is fetched for it
	last   int64  // the furthest block that was read
	until  int64  // blocks up to here have been asked for
	window int64  // how many blocks to be ahead
	most   int64  // what window may become, if set
	size   int64  // blocks of the last read, 0 for one
	growth growth
}

const (
	firstWindow = 2
	// easyWindow is 1 MiB: enough to fill 100 Mbit/s over 100 ms.
	easyWindow = 8
	// lastWindow is 8 MiB: enough to fill 1 Gbit/s over 80 ms.
	lastWindow = 64
	// disorder is how far from their order, in reads, the kernel's own requests
	// for the pages to come may arrive.
	disorder = 2
	// longestRun is how many blocks are fetched by one request: 1 MiB, so that
	// commands cost next to nothing, and a read waits for no more than that.
	longestRun = 8
)

// begin makes a the reading that begins with these blocks.
func (a *ahead) begin(last int64) { *a = ahead{order: a.order, last: last, until: last} }

// reach is how far from its order a read of so many blocks may be.
func (a *ahead) reach(blocks int64) int64 { return disorder * min(max(a.size, 1), blocks) }

// follows reports whether a read of the blocks [first, last] goes on with a.
func (a *ahead) follows(first, last int64) bool {
	reach := a.reach(last - first + 1)
	return first <= a.last+reach && last >= a.last-reach
}

// read notes that the blocks [first, last] are read, and returns the range of
// blocks [from, to) to be fetched beside them. It is a part of what is to be
// ahead: at most as much as one request may be for, and nothing as long as that
// would be little.
func (a *ahead) read(first, last int64) (from, to int64) {
	if !a.follows(first, last) {
		a.begin(last) // somewhere else
		return 0, 0
	}
	if last <= a.last {
		return 0, 0
	}
	a.size = last - first + 1
	a.grow(last - a.last)
	a.last = last
	from = max(a.until, last) + 1
	to = last + a.window + 1
	if to-from < min(max(a.window/8, 1), longestRun) {
		return 0, 0
	}
	to = min(to, from+longestRun)
	a.until = to - 1
	return from, to
}

// grow makes the window larger after a read of so many new blocks.
func (a *ahead) grow(blocks int64) {
	most := int64(lastWindow)
	if a.most > 0 {
		most = a.most
	}
	switch {
	case a.window < easyWindow:
		a.window = max(2*a.window, firstWindow)
	default:
		a.window *= a.growth.factor(blocks, a.window, time.Now())
	}
	a.window = min(a.window, most)
}

// covers reports whether a block is one that has been fetched ahead for a, or may
// still be read out of order.
func (a *ahead) covers(block int64) bool {
	return a.window > 0 && block >= a.last-a.reach(lastWindow) && block <= a.until
}

// growth tells how much larger a window should be. It looks each time that a
// window's worth of blocks has been read: where twice as much in flight was not
// read about twice as fast, the line is full. It is asked three times, since it
// may have been something else.
type growth struct {
	since  time.Time
	blocks int64
	best   float64 // blocks a second
	flat   int
}

const (
	gain     = 1.5
	flatEnds = 3
)

// factor takes note of so many blocks that have been read by now, and returns
// what to multiply the window by.
func (g *growth) factor(blocks, window int64, now time.Time) int64 {
	if g.flat == flatEnds {
		return 1
	}
	if g.since.IsZero() {
		g.since = now
		return 1
	}
	if g.blocks += blocks; g.blocks < window {
		return 1
	}
	rate := float64(g.blocks) / max(now.Sub(g.since).Seconds(), 1e-6)
	was := g.best
	g.since, g.blocks, g.best = now, 0, max(rate, was)
	switch {
	case was == 0:
		return 2
	case rate < gain*was:
		g.flat++
		return 1
	}
	g.flat = 0
	return 4 // far from full
}
