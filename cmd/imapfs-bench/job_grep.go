package main

import (
	"context"
	"fmt"
)

// absent is what nobody wrote: grep reads everything to the end.
const absent = "xyzzy-plugh"

// grepFor is a grep that may find nothing.
func grepFor(args ...string) []string {
	return append([]string{"sh", "-c", `LC_ALL=C grep -r "$@"; test $? = 1`, "grep"}, append(args, absent, ".")...)
}

// grep searches the bodies, then all files, then all files again.
func (b *bench) grep(ctx context.Context) error {
	m, err := b.walked(ctx)
	if err != nil {
		return err
	}
	listing, err := b.listingOctets(ctx, m.mailbox)
	if err != nil {
		return err
	}
	commands, text := plan(m, bodies)
	for _, c := range b.conditions() {
		s, err := b.compare(ctx, "cold grep of the bodies, "+c.name, b.wireRun(c, m.mailbox, commands),
			b.coldRun(c, m.mailbox, grepFor("--include=body.*")...))
		if err != nil {
			return err
		}
		wire, fs := s[0], s[1]
		const work = "cold `grep -r` of the bodies"
		b.effort("cold grep -r of bodies", c, "wire", wire, -1)
		b.effort("cold grep -r of bodies", c, "imapfs", fs, text+listing+framing(wire, text))
		r := float64(fs.down()) / float64(text)
		b.row(row{work, c.name, "≤ 1.2 × the octets of the texts", fmt.Sprintf("%.2f × (%.2f × without the listing)", r, float64(fs.down()-listing)/float64(text)), judged(r <= 1.2)})
		r = ratio(fs, wire)
		b.row(row{work, c.name, "≤ 1.5 × wire time", fmt.Sprintf("%.2f × wire time", r), judged(r <= 1.5)})
	}
	return nil
}
