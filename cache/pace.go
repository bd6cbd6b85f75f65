package cache

import "time"

// pace says how much to ask for at once: as much as keeps the line busy, and
// little enough that who reads something else does not wait behind it. That is
// about twice what the line holds: the rate at which octets come, times the time
// that an answer takes to begin.
type pace struct {
	rtt   time.Duration // the shortest time to the first octets of an answer
	best  [2]float64    // the highest rates of this period and of the one before, in octets a second
	since time.Time     // when this period began
	came  int64         // octets, all in all
}

const (
	// leastFlight is what is asked for at once before anything is known of the
	// line; mostFlight fills 50 ms at 1 Gbit/s.
	leastFlight = 64 << 10
	mostFlight  = 8 << 20
	// easyFlight is what is asked for at once of a server that sends it within
	// easyWait: nobody minds that, and it takes fewer commands.
	easyFlight = 1 << 20
	easyWait   = 20 * time.Millisecond
	// ratePeriod is for how long a rate is believed: a reader who pauses must not
	// make the line look slow.
	ratePeriod = 5 * time.Second
)

// flight is how many octets may be under way.
func (p *pace) flight() int64 {
	best := max(p.best[0], p.best[1])
	moment := min(int64(best*easyWait.Seconds()), easyFlight)
	return min(max(int64(2*best*p.rtt.Seconds()), moment, leastFlight), mostFlight)
}

// sent is when something was asked for, and how much had come by then.
type sent struct {
	when  time.Time
	came  int64
	began bool
}

func (p *pace) sends(now time.Time) sent { return sent{when: now, came: p.came} }

// arrived takes into account that octets have come, the first of them or not, of
// what was asked for.
func (p *pace) arrived(s *sent, octets int64, now time.Time) {
	p.came += octets
	if d := now.Sub(s.when); !s.began && (p.rtt == 0 || d < p.rtt) {
		p.rtt = d
	}
	s.began = true
}

// ended takes into account that all of it has come.
func (p *pace) ended(s *sent, now time.Time) {
	d := now.Sub(s.when).Seconds()
	if !s.began || d <= 0 {
		return
	}
	if now.Sub(p.since) > ratePeriod {
		p.best = [2]float64{0, p.best[0]}
		p.since = now
	}
	p.best[0] = max(p.best[0], float64(p.came-s.came)/d)
}
