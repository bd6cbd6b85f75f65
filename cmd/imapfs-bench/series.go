package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// sample is one run of a job.
type sample struct {
	took time.Duration
	traffic
	ahead ahead
	// tooLong: it was stopped at the limit, so took is a lower bound.
	tooLong bool
}

// series are the runs of one contender at one job.
type series []sample

// median is the middle one of all values, or between the two in the middle.
func median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func (s series) times() []time.Duration {
	var all []time.Duration
	for _, one := range s {
		all = append(all, one.took)
	}
	return all
}

func (s series) took() time.Duration { return median(s.times()) }

func (s series) down() int64 {
	var all []int64
	for _, one := range s {
		all = append(all, one.traffic.down)
	}
	return median(all)
}

// aheads is what was fetched ahead in the run that wasted most of it.
func (s series) aheads() (worst ahead) {
	for _, one := range s {
		if worst.Fetched == 0 || one.ahead.unused() > worst.unused() {
			worst = one.ahead
		}
	}
	return worst
}

func (s series) bodies() (n int64) {
	for _, one := range s {
		n = max(n, one.bodies)
	}
	return n
}

func (s series) fetches() int64 {
	var all []int64
	for _, one := range s {
		all = append(all, one.fetches)
	}
	return median(all)
}

// between are the shortest and the longest run.
func (s series) between() (low, high time.Duration) {
	if len(s) == 0 {
		return 0, 0
	}
	return slices.Min(s.times()), slices.Max(s.times())
}

func (s series) tooLong() bool {
	return slices.ContainsFunc(s, func(s sample) bool { return s.tooLong })
}

// atLeast stands before a ratio that would be higher had the series been let go on.
func (s series) atLeast() string {
	if s.tooLong() {
		return "> "
	}
	return ""
}

// ratio is how much longer a took than b: the median of the ratios of single
// rounds, so that what slows the machine for a while slows both.
func ratio(a, b series) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		if b[i].took > 0 {
			all = append(all, float64(a[i].took)/float64(b[i].took))
		}
	}
	return median(all)
}

// contender does a job in one of the ways that are compared.
type contender struct {
	name string
	run  func(ctx context.Context) (sample, error)
}

// compare runs contenders in turns, forwards and backwards, and returns the
// series of each. Who took too long once is not asked again.
func (b *bench) compare(ctx context.Context, title string, contenders ...contender) ([]series, error) {
	return b.compareFor(ctx, b.options.runs, title, contenders...)
}

// compareFor is compare with another number of rounds.
func (b *bench) compareFor(ctx context.Context, rounds int, title string, contenders ...contender) ([]series, error) {
	all := make([]series, len(contenders))
	for round := range rounds {
		order := make([]int, len(contenders))
		for i := range order {
			order[i] = i
			if round%2 == 1 {
				order[i] = len(order) - 1 - i
			}
		}
		for _, i := range order {
			if all[i].tooLong() {
				continue
			}
			s, err := b.measured(ctx, title, contenders[i].name, contenders[i].run)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", title, contenders[i].name, err)
			}
			b.logf("%s: %s: %s", title, contenders[i].name, s)
			all[i] = append(all[i], s)
		}
	}
	return all, nil
}

// attempts is how often a run may fail before that ends the job.
const attempts = 3

// measured runs one contender once, no longer than the limit. A run that fails is
// repeated, and remembered: a program whose runs fail is not fast.
func (b *bench) measured(ctx context.Context, title, who string, run func(context.Context) (sample, error)) (s sample, err error) {
	for range attempts {
		limited, cancel := context.WithTimeoutCause(ctx, b.options.limit, errTooLong)
		s, err = run(limited)
		expired := limited.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil {
			return s, err
		}
		if expired {
			return sample{took: b.options.limit, traffic: s.traffic, tooLong: true}, nil
		}
		failure := fmt.Sprintf("%s, %s: %v", title, who, err)
		b.logf("failed: %s\nDovecot says:\n%s", failure, b.server.complaints())
		b.results.Failures = append(b.results.Failures, failure)
	}
	return s, err
}

func (s sample) String() string {
	text := seconds(s.took)
	if s.tooLong {
		text = "> " + text
	}
	if s.traffic != (traffic{}) {
		text += fmt.Sprintf(", %s received, %d FETCH", octets(s.traffic.down), s.fetches)
	}
	return text
}

// seconds is a time for people, with three digits.
func seconds(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	case s >= 10:
		return fmt.Sprintf("%.1f s", s)
	case s >= 1:
		return fmt.Sprintf("%.2f s", s)
	case s >= .1:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.3g ms", s*1e3)
}

// octets is an amount for people.
func octets(n int64) string {
	f := float64(n)
	switch {
	case f >= 1e9:
		return fmt.Sprintf("%.2f GB", f/1e9)
	case f >= 1e6:
		return fmt.Sprintf("%.3g MB", f/1e6)
	case f >= 1e3:
		return fmt.Sprintf("%.3g kB", f/1e3)
	}
	return fmt.Sprintf("%.0f B", f)
}
