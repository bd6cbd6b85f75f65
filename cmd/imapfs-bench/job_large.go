package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// largeSize is that of the large attachment.
	largeSize = 100 << 20
	// middle is how much is read in its middle.
	middle = 4 << 10
)

// large reads a large attachment from front to back, twice, and then a little in
// its middle.
func (b *bench) large(ctx context.Context) error {
	r := mixed("large", 20, b.options.seed)
	r.attached, r.large = 0, largeSize
	m, err := b.mailbox(ctx, r)
	if err != nil {
		return err
	}
	file := m.letters[0].parts[len(m.letters[0].parts)-1]
	commands, need := []string{"UID FETCH 1 (BODY.PEEK[" + file.section + "])"}, file.octets
	fast := condition{name: "50ms, 1 Gbit/s", rtt: 50 * time.Millisecond, mbps: 1000}
	for _, c := range append(b.conditions(), fast) {
		var warm series
		s, err := b.compare(ctx, "100 MB attachment, "+c.name, b.wireRun(c, m.mailbox, commands, need),
			contender{"imapfs", func(ctx context.Context) (s sample, err error) {
				err = b.mounted(ctx, c, func(mnt *mount) error {
					path, err := find(mnt, m, file)
					if err != nil {
						return err
					}
					if s, _, err = mnt.run(ctx, "/", "dd", "if="+path, "of=/dev/null", "bs=1M"); err != nil {
						return err
					}
					again, err := timed(ctx, "/", "dd", "if="+path, "of=/dev/null", "bs=1M")
					warm = append(warm, again)
					return err
				})
				return s, err
			}})
		if err != nil {
			return err
		}
		wire, fs := s[0], s[1]
		const work = "100 MB attachment, sequential, cold"
		b.effort(work, c, m.messages, "wire", wire, -1)
		b.effort(work, c, m.messages, "imapfs", fs, wire.down())
		one := row{work, c.name, "≥ 0.9 of the line", fmt.Sprintf("%s%.2f × wire time, %s", fs.atLeast(), ratio(fs, wire), rate(largeSize, fs.took())), noTarget}
		if c == loopback {
			one.Target = ""
		} else {
			share := float64(need*8) / 1e6 / fs.took().Seconds() / c.mbps
			one.Measured = fmt.Sprintf("%.2f; ", share) + one.Measured
			one.Verdict = judged(share >= .9)
		}
		b.row(one)
		if c == loopback && !fs.tooLong() {
			b.effort("100 MB attachment, warm", c, m.messages, "imapfs", warm, -1)
			b.row(row{"the same, warm", c.name, "≥ 1 GB/s", rate(largeSize, warm.took()), judged(largeSize/warm.took().Seconds() >= 1e9)})
		}
	}
	return b.middle(ctx, m, file)
}

// middle reads 4 KiB in the middle of the attachment, after its directory was
// found, as dd does it: open, seek, read. A bare client that asks for the ends, as
// the size needs, and then for the middle tells what two round trips take with
// what the server itself needs for them.
func (b *bench) middle(ctx context.Context, m *mailbox, file part) error {
	c := b.options.wide
	ends := fmt.Sprintf("UID FETCH 1 (BODY.PEEK[%s]<0.256> BODY.PEEK[%s]<%d.512>)", file.section, file.section, file.octets-256)
	inside := fmt.Sprintf("UID FETCH 1 (BODY.PEEK[%s]<%d.%d>)", file.section, file.octets/2, 2*middle)
	s, err := b.compare(ctx, "4 KiB in the middle, "+c.name,
		contender{"wire", func(ctx context.Context) (s sample, err error) {
			l, err := newLine(b.server.addr, c)
			if err != nil {
				return s, err
			}
			defer l.close()
			w, err := dialWire(ctx, l.addr)
			if err != nil {
				return s, err
			}
			defer w.close()
			if err := w.do("EXAMINE " + m.mailbox); err != nil {
				return s, err
			}
			before, start := l.passed(), time.Now()
			if err := w.do(ends); err != nil {
				return s, err
			}
			err = w.do(inside)
			return sample{took: time.Since(start), traffic: l.passed().since(before)}, err
		}},
		contender{"imapfs", func(ctx context.Context) (s sample, err error) {
			err = b.mounted(ctx, c, func(mnt *mount) error {
				path, err := find(mnt, m, file)
				if err != nil {
					return err
				}
				s, _, err = mnt.run(ctx, "/", "dd", "if="+path, "of=/dev/null", fmt.Sprintf("bs=%d", middle), "count=1", fmt.Sprintf("skip=%d", file.size/2/middle))
				return err
			})
			return s, err
		}})
	if err != nil {
		return err
	}
	const work = "4 KiB read in the middle of it"
	wire, fs := s[0], s[1]
	b.effort(work, c, m.messages, "wire", wire, -1)
	b.effort(work, c, m.messages, "imapfs", fs, -1)
	trips := 2 + (fs.took()-wire.took()).Seconds()/c.rtt.Seconds()
	b.row(row{work, c.name, "≤ 2 round trips, ≤ 256 KiB",
		fmt.Sprintf("%s, %s a bare client's two round trips: %.1f; %.0f KiB", seconds(fs.took()), seconds(wire.took()), trips, float64(fs.down())/1024),
		judged(trips < 2.5 && fs.down() <= 256<<10)})
	return nil
}

// find lists the mailbox, and returns the path of a file of its first message,
// without asking for the file.
func find(mnt *mount, m *mailbox, file part) (string, error) {
	messages, err := filepath.Glob(mnt.path(m.mailbox, "*_1"))
	if err != nil || len(messages) != 1 {
		return "", fmt.Errorf("no message with UID 1 in %s: %w", mnt.dir, err)
	}
	return filepath.Join(messages[0], file.name), nil
}

func rate(octets int64, took time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(octets)/1e6/took.Seconds())
}
