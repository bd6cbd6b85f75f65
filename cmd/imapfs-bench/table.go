package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// verdict says whether a target is met.
type verdict int

const (
	noTarget verdict = iota
	met
	missed
)

func (v verdict) String() string { return [...]string{"", "met", "**not met**"}[v] }

// judged is met or missed.
func judged(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// row is a target and what came of it.
type row struct {
	Work, Where, Target, Measured string
	Verdict                       verdict
}

// effort is what one contender needed for a job; the rows rest on it.
type effort struct {
	Job, Where, Who string
	RTT             time.Duration
	Messages        int
	Time, Low, High time.Duration // median, shortest and longest
	TooLong         bool          // the times are what it took at least
	Received        int64         // octets
	Fetches         int64         // FETCH commands
	// Needed is what must come for it, and Wasted what came beyond that, both in
	// octets; negative: that is not known.
	Needed, Wasted int64
	// Ahead is what imapfs says that it fetched ahead.
	Ahead ahead
}

// results is what a whole run found.
type results struct {
	Rows    []row
	Efforts []effort
	Memory  []memory
	// Failures are the runs that failed and were repeated.
	Failures []string
	Command  string
	Machine  machine
	Duration time.Duration
}

// memory is what imapfs holds with so many messages listed, in octets: after the
// first listing and after a remount, at that time and at most.
type memory struct {
	Messages                     int
	RSS, Peak, Restored, Highest int64
}

// targets are the rows, with a heading.
func (r *results) targets() [][]string {
	cells := [][]string{{"work", "where", "target", "measured", ""}}
	for _, x := range r.Rows {
		cells = append(cells, []string{x.Work, x.Where, x.Target, x.Measured, x.Verdict.String()})
	}
	return cells
}

func (r *results) text(w io.Writer) {
	align(w, r.targets())
	fmt.Fprintln(w)
	align(w, r.details())
	for _, f := range r.Failures {
		fmt.Fprintf(w, "failed, and repeated: %s\n", f)
	}
}

// details are the efforts, with a heading.
func (r *results) details() [][]string {
	cells := [][]string{{"job", "where", "messages", "who", "time", "from", "to", "received", "FETCH", "wasted", "ahead, unused"}}
	for _, e := range r.Efforts {
		c := []string{e.Job, e.Where, strconv.Itoa(e.Messages), e.Who, seconds(e.Time), seconds(e.Low), seconds(e.High), "", "", "", ""}
		if e.TooLong {
			c[4], c[5], c[6] = "> "+c[4], "", ""
		}
		if e.Received > 0 || e.Needed >= 0 {
			c[7], c[8] = octets(e.Received), strconv.FormatInt(e.Fetches, 10)
		}
		if e.Ahead.Fetched > 0 {
			c[10] = octets(e.Ahead.Fetched) + ", " + percent(e.Ahead.unused(), e.Ahead.Fetched)
		}
		if e.Wasted >= 0 {
			c[9] = percent(e.Wasted, e.Received)
		}
		cells = append(cells, c)
	}
	return cells
}

func percent(part, all int64) string {
	if all == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(all))
}

// align prints cells in columns.
func align(w io.Writer, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, line := range cells {
		var b strings.Builder
		for i, c := range line {
			b.WriteString(c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// markdown prints cells as a table.
func markdown(cells [][]string) string {
	var b strings.Builder
	for i, line := range cells {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(line)) + "\n")
		}
	}
	return b.String()
}
