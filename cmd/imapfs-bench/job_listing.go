package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The jobs of listing.
const (
	firstListing  = "first listing"
	secondListing = "mount and listing again"
)

// Sizes of mailboxes that have targets.
const (
	many = 100_000
	huge = 1_000_000
)

// listing lists mailboxes of several sizes for the first time, and after a
// remount, and looks at the memory that this takes. They are on a server of their
// own.
func (b *bench) listing(ctx context.Context) error {
	dir := filepath.Join(b.dir, "lists")
	server, err := startDovecot(dir, mbox)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer server.stop()
	for _, n := range b.options.sizes {
		m, err := b.make(ctx, server, notices(fmt.Sprintf("listed%d", n), n, b.options.seed+uint64(n)))
		if err != nil {
			return err
		}
		for _, c := range b.conditions() {
			if c == loopback || n == b.targetSize() {
				if err := b.firstListing(ctx, server, c, m); err != nil {
					return err
				}
			}
		}
		if err := server.remove(m.mailbox); err != nil {
			return err
		}
	}
	return nil
}

// targetSize is the size of which the first listing has a target: that of the
// design, or the next best thing.
func (b *bench) targetSize() (size int) {
	for _, n := range b.options.sizes {
		if n <= many {
			size = max(size, n)
		}
	}
	return size
}

// listed is what one mount has shown.
type listed struct {
	first             time.Duration // until the first names
	rss, peak         int64         // octets, after the first listing
	restored, highest int64         // after a remount
	mount, remount    time.Duration // of a mount without a server, and of that and the listing
}

func (b *bench) firstListing(ctx context.Context, server *dovecot, c condition, m *mailbox) error {
	var all []listed
	var again series
	rounds := b.options.runs
	if m.messages > many {
		rounds = 1 // takes minutes
	}
	s, err := b.compareFor(ctx, rounds, fmt.Sprintf("first listing of %d, %s", m.messages, c.name),
		contender{"wire", func(ctx context.Context) (sample, error) {
			l, err := newLine(server.addr, c)
			if err != nil {
				return sample{}, err
			}
			defer l.close()
			f, err := fetchWire(ctx, l, m.mailbox, summaries)
			return f.sample, err
		}},
		contender{"imapfs", func(ctx context.Context) (sample, error) {
			s, seen, err := b.listTwice(ctx, server, c, m)
			all, again = append(all, seen), append(again, sample{took: seen.remount})
			return s, err
		}})
	if err != nil {
		return err
	}
	wire, fs := s[0], s[1]
	b.effort(firstListing, c, m.messages, "wire", wire, -1)
	b.effort(firstListing, c, m.messages, "imapfs", fs, -1)
	work := fmt.Sprintf("first listing of %d messages", m.messages)
	most := map[bool]float64{true: 1.5, false: 1.2}[c == loopback]
	r := ratio(fs, wire)
	one := row{work, c.name, fmt.Sprintf("≤ %g × wire", most),
		fmt.Sprintf("%s%.2f ×, first names after %s", fs.atLeast(), r, seconds(medianOf(all, func(l listed) time.Duration { return l.first }))), judged(r <= most)}
	if m.messages != b.targetSize() {
		one.Target, one.Verdict = "", noTarget
	}
	b.row(one)
	if c != loopback || fs.tooLong() {
		return nil
	}

	b.row(row{fmt.Sprintf("`ls` of %d messages", m.messages), c.name, "fetches no body", fmt.Sprintf("%d FETCH of content", fs.bodies()), judged(fs.bodies() == 0)})
	b.effort(secondListing, c, m.messages, "imapfs", again, -1)
	one = row{fmt.Sprintf("mount and `ls` of %d messages again", m.messages), "no server", "≤ 1 s",
		fmt.Sprintf("%s, of which mount %s", seconds(again.took()), seconds(medianOf(all, func(l listed) time.Duration { return l.mount }))), judged(again.took() <= time.Second)}
	if m.messages > many {
		one.Target, one.Verdict = "", noTarget
	}
	b.row(one)
	b.memoryRow(m, all)
	return nil
}

func (b *bench) memoryRow(m *mailbox, all []listed) {
	rss := medianOf(all, func(l listed) int64 { return l.rss })
	peak := medianOf(all, func(l listed) int64 { return l.peak })
	restored := medianOf(all, func(l listed) int64 { return l.restored })
	highest := medianOf(all, func(l listed) int64 { return l.highest })
	b.results.Memory = append(b.results.Memory, memory{m.messages, rss, peak, restored, highest})
	one := row{Work: fmt.Sprintf("memory with %d messages listed", m.messages), Where: loopback.name,
		Measured: fmt.Sprintf("%s RSS, at most %s; after a remount %s, at most %s", octets(rss), octets(peak), octets(restored), octets(highest))}
	switch m.messages {
	case many:
		one.Target, one.Verdict = "≤ 120 MB", judged(max(rss, restored) <= 120e6)
	case huge:
		one.Target, one.Verdict = "≤ 500 MB", judged(max(rss, restored) <= 500e6)
	}
	b.row(one)
}

// listTwice lists a mailbox of a new mount, and of a second one that has the
// cache of the first and no server.
func (b *bench) listTwice(ctx context.Context, server *dovecot, c condition, m *mailbox) (s sample, seen listed, err error) {
	l, err := newLine(server.addr, c)
	if err != nil {
		return s, seen, err
	}
	defer l.close()
	cache, err := os.MkdirTemp(b.dir, "cache")
	if err != nil {
		return s, seen, err
	}
	defer os.RemoveAll(cache)

	mnt, err := b.mount(ctx, l, cache)
	if err != nil {
		return s, seen, err
	}
	before := l.passed()
	s.took, seen.first, err = mnt.list(ctx, m)
	if err == nil {
		l.settle(ctx)
		s.traffic = l.passed().since(before)
		seen.rss, seen.peak, err = mnt.memory()
	}
	mnt.unmount()
	if err != nil {
		return s, seen, fmt.Errorf("%w\n%s", err, mnt.process.log)
	}

	l.cut()
	if mnt, err = b.mount(ctx, l, cache); err != nil {
		return s, seen, err
	}
	defer mnt.unmount()
	took, _, err := mnt.list(ctx, m)
	if err != nil {
		return s, seen, fmt.Errorf("without a server: %w\n%s", err, mnt.process.log)
	}
	seen.mount, seen.remount = mnt.took, mnt.took+took
	seen.restored, seen.highest, err = mnt.memory()
	return s, seen, err
}

// list runs "ls -f" on a mailbox, and tells how long it took to its end and to
// the first that it printed.
func (m *mount) list(ctx context.Context, box *mailbox) (all, first time.Duration, err error) {
	cmd := exec.CommandContext(ctx, "ls", "-f", m.path(box.mailbox))
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	names := 0
	for r, buf := bufio.NewReader(out), make([]byte, 64<<10); ; {
		n, err := r.Read(buf)
		if names == 0 && n > 0 {
			first = time.Since(start)
		}
		names += bytes.Count(buf[:n], []byte("\n"))
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	all = time.Since(start)
	if err != nil {
		err = fmt.Errorf("ls: %w: %s", err, head(failure.String(), 500))
	}
	if err == nil && names != box.messages+2 { // . and ..
		err = fmt.Errorf("%d names were listed, and there are %d messages", names-2, box.messages)
	}
	return all, first, err
}

func medianOf[T int64 | time.Duration](all []listed, of func(listed) T) T {
	var values []T
	for _, one := range all {
		values = append(values, of(one))
	}
	return median(values)
}
