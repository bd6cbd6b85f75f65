package main

import (
	"context"
	"fmt"
)

// worthless is the largest share of what a job receives that may be for nothing.
const worthless = .1

// walks are the other ways of going through a mailbox, and what each has to have.
var walks = []struct {
	name string
	need need
	args []string
}{
	{"grep -r", allFiles, grepFor()},
	{"find -size", sizes, []string{"find", ".", "-size", "+1M"}},
	{"du", sizes, []string{"du", "-s", "."}},
	{"ls -lR", sizes, []string{"ls", "-lR"}},
	{"tar", allFiles, []string{"sh", "-c", "tar -c . | cat"}}, // to /dev/null it would read nothing
	{"cp */*.pdf", pdfs, []string{"sh", "-c", `to=$(mktemp -d); cp */*.pdf "$to"; r=$?; rm -r "$to"; exit $r`}},
	{"rg -j4", allFiles, []string{"sh", "-c", `rg -j4 --no-ignore -a "$1" .; test $? = 1`, "rg", absent}},
}

// walks goes through a mailbox in other ways, over the wide-area line.
func (b *bench) walks(ctx context.Context) error {
	m, err := b.walked(ctx)
	if err != nil {
		return err
	}
	for _, w := range walks {
		wire, fs, _, err := b.walk(ctx, "cold "+w.name, b.options.wide, m, w.need, w.args)
		if err != nil {
			return err
		}
		b.row(row{"cold `" + w.name + "`", b.options.wide.name, "", fmt.Sprintf("%s%.2f × wire time", fs.atLeast(), ratio(fs, wire)), noTarget})
	}
	return nil
}

// wasted is the row about all jobs so far: how much came that nobody asked for.
func (b *bench) wasted() {
	worst, which := 0., "none"
	for _, e := range b.results.Efforts {
		if e.Wasted > 0 && e.Received > 64<<10 { // less is the watcher's, and no fetch-ahead
			if share := float64(e.Wasted) / float64(e.Received); share > worst {
				worst, which = share, e.Job+", "+e.Where
			}
		}
	}
	b.row(row{"received for nothing", "every job", "< 10 % of the octets", fmt.Sprintf("at most %.1f %% (%s)", 100*worst, which), judged(worst < worthless)})
}
