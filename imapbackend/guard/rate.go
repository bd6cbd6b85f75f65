package guard

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// burstsPerSecond is in how many pieces a connection reads what there is for a
	// second: small ones, as the others wait for their turn meanwhile.
	burstsPerSecond = 8
	// leastBurst bounds them from below, in octets.
	leastBurst = 4 << 10
)

// Rate bounds how many octets a second connections transfer together, both ways.
// It is safe for concurrent use.
//
// Each connection reads a little, and then waits for as long as that would have
// taken; those that read at the same time take turns. Nothing waits to be sent,
// as commands are short; what is read next waits for it, too.
type Rate struct {
	bucket *rate.Limiter
	burst  int
}

// NewRate makes a Rate of so many octets a second, at least 1.
func NewRate(octets int64) *Rate {
	burst := max(int(octets/burstsPerSecond), leastBurst)
	return &Rate{rate.NewLimiter(rate.Limit(octets), burst), burst}
}

// spend takes n octets, and returns when they will be paid for.
func (r *Rate) spend(n int) (due time.Time) {
	now := time.Now()
	for due = now; n > 0; n -= r.burst {
		due = now.Add(r.bucket.ReserveN(now, min(n, r.burst)).DelayFrom(now))
	}
	return due
}

// pace waits until what the connection has read is paid for, and reports whether
// it still lives then. It is for the reading goroutine.
func (c *Conn) pace() bool {
	wait := time.Until(c.due)
	if wait <= 0 {
		return true
	}
	c.pacing.Store(true)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ended:
		return false
	}
	c.heard.Store(int64(time.Since(started))) // we did not listen
	c.pacing.Store(false)
	return true
}
