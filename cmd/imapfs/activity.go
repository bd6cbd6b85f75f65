package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"imapfs/cache"
	"imapfs/fs"
)

// requestReport is how often the kernel asked for something since the mount. All
// that is in the control directory is left out.
type requestReport struct {
	Operation string `json:"operation"` // the kernel's name of it
	// Hits were answered from what was there, Misses had to wait for the server;
	// Failed are those of both that got an error.
	Hits   durationReport `json:"hits"`
	Misses durationReport `json:"misses"`
	Failed int64          `json:"failed"`
}

// durationReport is how many requests there were, and how long they took; the
// quantiles are right to a factor of two.
type durationReport struct {
	Count  int64   `json:"count"`
	Sum    float64 `json:"sum_seconds"`
	Median float64 `json:"p50_seconds"`
	Worst  float64 `json:"p99_seconds"`
}

func (r *requestReport) count() int64 { return r.Hits.Count + r.Misses.Count }

// trafficReport is what went over the wire since the mount, as
// imapbackend.Traffic has it.
type trafficReport struct {
	Received int64            `json:"received_bytes"`
	Sent     int64            `json:"sent_bytes"`
	Bodies   int64            `json:"body_bytes"`
	Commands map[string]int64 `json:"commands"`
}

// lookupsReport is how often decoded mail was looked for in the caches.
type lookupsReport struct {
	Memory  int64 `json:"memory"`
	Disk    int64 `json:"disk"`
	Nowhere int64 `json:"nowhere"`
}

// aheadReport is what was fetched before anybody asked for it.
type aheadReport struct {
	Fetched int64        `json:"fetched_bytes"`
	Used    int64        `json:"used_bytes"`
	Wasted  int64        `json:"wasted_bytes"`
	Walks   []walkReport `json:"walks"`
}

// walkReport is a program that reads one message after another.
type walkReport struct {
	Mailbox  string    `json:"mailbox"`
	Files    string    `json:"files"`
	Order    string    `json:"order"`
	Messages int       `json:"messages"`
	InFlight int64     `json:"in_flight_bytes"`
	Since    time.Time `json:"since"`
}

func reportRequests(all []fs.RequestStatus) []requestReport {
	reports := []requestReport{} // [], not null
	for _, r := range all {
		if one := (requestReport{r.Operation, reportDurations(&r.Cached), reportDurations(&r.Asked), r.Failed}); one.count() > 0 {
			reports = append(reports, one)
		}
	}
	return reports
}

func reportDurations(d *fs.Durations) durationReport {
	return durationReport{d.Count, d.Sum.Seconds(), d.Quantile(0.5).Seconds(), d.Quantile(0.99).Seconds()}
}

func reportAhead(a *cache.AheadStatus) aheadReport {
	r := aheadReport{a.Fetched, a.Used, a.Wasted, []walkReport{}}
	for _, w := range a.Walks {
		r.Walks = append(r.Walks, walkReport(w))
	}
	return r
}

// heap is what the program holds in memory, in bytes.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// resident is how much memory the process takes, in bytes; 0 where the system
// does not tell (proc(5), statm).
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(data)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// rates are what is told beside the totals: how much came since an earlier report
// of the same mount.
type rates struct {
	before *report // nil: there is none, and no rate is told
	took   time.Duration
}

// of is how much more there is a second, in brackets; "" if there is no more.
func (r rates) of(now, before int64, unit func(float64) string) string {
	if r.before == nil || r.took <= 0 || now <= before {
		return ""
	}
	return " (" + unit(float64(now-before)/r.took.Seconds()) + "/s)"
}

func bytesText[N int64 | float64](n N) string { return humanize.IBytes(uint64(max(n, 0))) }

func numberText(n float64) string { return humanize.CommafWithDigits(n, 0) }

// percent is part of all, for people: 100 only where it is all.
func percent(part, all int64) string {
	p := 100 * float64(part) / float64(max(all, 1))
	if p > 99 && p < 100 {
		return fmt.Sprintf("%.1f%%", min(p, 99.9))
	}
	return fmt.Sprintf("%.0f%%", p)
}

// brief is a duration, given in seconds, to two digits or so.
func brief(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for unit := time.Microsecond; unit < time.Hour; unit *= 10 {
		if d < 100*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Minute).String()
}

// text tells of the caches' hits, "" if nothing was looked for.
func (l lookupsReport) text(hits, of int64) string {
	if of == 0 {
		return ""
	}
	return ", " + percent(hits, of) + " hits"
}

func (m *memoryReport) text(l lookupsReport) string {
	text := bytesText(m.Used) + " of " + bytesText(m.Limit) + " mail" + l.text(l.Memory, l.Memory+l.Disk+l.Nowhere)
	if m.Resident > 0 {
		text += "; " + bytesText(m.Resident) + " resident"
	}
	return text
}

// activity writes what programs do with the mount.
func (r *report) activity(row func(...string), rates rates) {
	var before map[string]int64
	if rates.before != nil {
		before = make(map[string]int64)
		for _, one := range rates.before.Requests {
			before[one.Operation] = one.count()
		}
	}
	r.traffic(row, rates)
	title, width := "requests", 0
	for _, one := range r.Requests {
		width = max(width, len(humanize.Comma(one.count())))
	}
	for _, one := range r.Requests {
		n := fmt.Sprintf("%*s%s", width, humanize.Comma(one.count()), rates.of(one.count(), before[one.Operation], numberText))
		row(title, one.Operation, n, one.text())
		title = ""
	}
	title = "walk"
	for _, w := range r.Ahead.Walks {
		row(title, printable(w.Mailbox)+": "+printable(w.Files))
		row("", w.text())
		title = ""
	}
	if a := r.Ahead; a.Fetched > 0 {
		var was int64
		if rates.before != nil {
			was = rates.before.Ahead.Fetched
		}
		row("ahead", fmt.Sprintf("%s fetched%s, %s used, %s wasted", bytesText(a.Fetched), rates.of(a.Fetched, was, bytesText[float64]),
			percent(a.Used, a.Fetched), percent(a.Wasted, a.Fetched)))
	}
}

// textWidth is how many columns a line has beside its title.
const textWidth = 68

func (r *report) traffic(row func(...string), rates rates) {
	t, was := &r.Traffic, trafficReport{}
	if rates.before != nil {
		was = rates.before.Traffic
	}
	if t.Received+t.Sent == 0 {
		return
	}
	row("traffic", fmt.Sprintf("%s received%s, %s sent%s",
		bytesText(t.Received), rates.of(t.Received, was.Received, bytesText[float64]),
		bytesText(t.Sent), rates.of(t.Sent, was.Sent, bytesText[float64])))
	text, others, room := bytesText(t.Bodies)+" of mail", int64(0), true
	for _, kind := range mostOften(t.Commands) {
		n := t.Commands[kind]
		more := ", " + humanize.Comma(n) + " " + kind
		room = room && len(text+more+", 999,999 others") <= textWidth
		if room && kind != "other" {
			text += more
		} else {
			others += n
		}
	}
	if others > 0 {
		text += ", " + humanize.Comma(others) + " others"
	}
	row("", text)
}

func (r *requestReport) text() string {
	var parts []string
	switch {
	case r.Misses.Count == 0:
		parts = append(parts, "all hits, "+brief(r.Hits.Median))
	case r.Hits.Count == 0:
		parts = append(parts, "no hits, "+brief(r.Misses.Median))
	default:
		parts = append(parts, fmt.Sprintf("%s hits, %s, else %s", percent(r.Hits.Count, r.count()), brief(r.Hits.Median), brief(r.Misses.Median)))
	}
	if r.Failed > 0 {
		parts = append(parts, humanize.Comma(r.Failed)+" failed")
	}
	return strings.Join(parts, "; ")
}

func (w *walkReport) text() string {
	text := count(w.Messages, "message") + ", " + w.Order
	if w.InFlight > 0 {
		text += ", " + bytesText(w.InFlight) + " under way"
	}
	return text
}

// mostOften are the keys of counts, the highest count first.
func mostOften(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}
