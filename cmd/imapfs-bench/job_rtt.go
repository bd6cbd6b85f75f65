package main

import (
	"context"
	"fmt"
)

// roundTrips does the main jobs over lines of one rate and several round-trip
// times. It has no targets: what it finds is for a plot.
func (b *bench) roundTrips(ctx context.Context) error {
	m, err := b.mailbox(ctx, mixed("lines", b.options.sweep, b.options.seed+1))
	if err != nil {
		return err
	}
	everything, all := plan(m, whole)
	texts, text := plan(m, bodies)
	for _, rtt := range b.options.rtts {
		c := condition{name: fmt.Sprintf("%v, %g Mbit/s", rtt, b.options.wide.mbps), rtt: rtt, mbps: b.options.wide.mbps}
		s, err := b.compare(ctx, "rsync, "+c.name, b.wireRun(c, m.mailbox, everything, all),
			contender{"imapfs", func(ctx context.Context) (sample, error) { return b.rsyncOnce(ctx, c, m) }},
			contender{"mbsync", func(ctx context.Context) (sample, error) { return b.mbsync(ctx, c, m.mailbox, true) }})
		if err != nil {
			return err
		}
		for i, who := range []string{"wire", "imapfs", "mbsync"} {
			b.effort(sweptCopy, c, m.messages, who, s[i], -1)
		}
		if s, err = b.compare(ctx, "grep of the bodies, "+c.name, b.wireRun(c, m.mailbox, texts, text),
			b.coldRun(c, m.mailbox, grepFor("--include=body.*")...)); err != nil {
			return err
		}
		b.effort(sweptGrep, c, m.messages, "wire", s[0], -1)
		b.effort(sweptGrep, c, m.messages, "imapfs", s[1], -1)
	}
	return nil
}

// The jobs of roundTrips.
const (
	sweptCopy = "rsync -a by round-trip time"
	sweptGrep = "grep -r of bodies by round-trip time"
)
