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

// grep searches the bodies, and then all files again and again.
func (b *bench) grep(ctx context.Context) error {
	m, err := b.walked(ctx)
	if err != nil {
		return err
	}
	for _, c := range b.conditions() {
		wire, fs, text, err := b.walk(ctx, "cold grep -r of bodies", c, m, bodies, grepFor("--include=body.*"))
		if err != nil {
			return err
		}
		const work = "cold `grep -r` of the bodies"
		listing, received := b.listings[m.mailbox], fs.down()
		r := float64(received) / float64(text)
		b.row(row{work, c.name, "≤ 1.2 × the octets of the texts",
			fmt.Sprintf("%.2f ×, of which listing %.2f", r, float64(listing)/float64(text)), judged(r <= 1.2 && !fs.tooLong())})
		r = ratio(fs, wire)
		b.row(row{work, c.name, "≤ 1.5 × wire time", fmt.Sprintf("%s%.2f ×", fs.atLeast(), r), judged(r <= 1.5)})
	}
	return b.grepAgain(ctx, m)
}

// grepAgain searches all files of a mount that has them, and of a local copy.
func (b *bench) grepAgain(ctx context.Context, m *mailbox) error {
	local, err := b.localCopy(ctx, m.mailbox, "parts")
	if err != nil {
		return err
	}
	return b.mounted(ctx, loopback, func(mnt *mount) error {
		here := mnt.path(m.mailbox)
		if _, err := program(ctx, here, grepFor()...); err != nil {
			return err
		}
		mnt.line.settle(ctx)
		s, err := b.compare(ctx, "grep again",
			contender{"imapfs", func(ctx context.Context) (s sample, err error) {
				s, _, err = mnt.run(ctx, here, grepFor()...)
				return s, err
			}},
			contender{"ext4", func(ctx context.Context) (sample, error) { return timed(ctx, local, grepFor()...) }})
		if err != nil {
			return err
		}
		b.effort("grep -r again", loopback, m.messages, "imapfs", s[0], 0)
		b.effort("grep -r again", loopback, m.messages, "ext4", s[1], -1)
		r := ratio(s[0], s[1])
		b.row(row{"`grep -r` again", loopback.name, "≤ 2 × ext4", fmt.Sprintf("%.2f ×", r), judged(r <= 2)})
		return nil
	})
}
