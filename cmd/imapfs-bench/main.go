// Command imapfs-bench measures imapfs against the targets of its design, on this
// machine: it starts a Dovecot, fills it, and runs the same jobs through imapfs, a
// bare client ("wire"), mbsync and the local file system, side by side.
//
// Times are compared as ratios within a round, and the rounds alternate, since
// machines have moods. Octets are counted by the line in front of the server,
// which also simulates a wide-area one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	jobs       []string
	messages   int
	sizes      []int
	rtts       []time.Duration
	sweep      int
	seed       uint64
	runs       int
	limit      time.Duration
	wide       condition
	dir        string
	imapfs     string
	mountFlags []string
	quiet      bool
	// write is the directory of the document, save and from are files with
	// results; "" is none. command is what the document says it was made by.
	write, save, from, command string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "imapfs-bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.from != "" {
		r, err := load(o.from)
		if err != nil {
			return err
		}
		return r.publish(o)
	}
	if missing := lacking(o.jobs); missing != "" {
		return errors.New(missing)
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.runJobs(ctx); err != nil {
		return err
	}
	b.results.Command, b.results.Machine, b.results.Duration = o.command, b.describe(ctx), time.Since(b.started)
	return b.results.publish(o)
}

func (b *bench) runJobs(ctx context.Context) error {
	for _, j := range jobs {
		if !slices.Contains(b.options.jobs, j.name) {
			continue
		}
		if err := j.run(b, ctx); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	b.wasted()
	return nil
}

// publish prints the results, and writes what was asked for.
func (r *results) publish(o options) error {
	r.text(os.Stdout)
	if o.save != "" {
		if err := r.save(o.save); err != nil {
			return err
		}
	}
	if o.write != "" {
		return r.write(o.write)
	}
	return nil
}

// quickly are the options that -quick stands for.
var quickly = map[string]string{
	"messages": "1000", "sizes": "1k,10k", "runs": "1", "rtt": "0,50ms", "rtt-messages": "300", "limit": "1m",
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("imapfs-bench", flag.ContinueOnError)
	names := f.String("jobs", strings.Join(jobNames(), ","), "jobs to run")
	f.IntVar(&o.messages, "messages", 5000, "messages in the mailbox that is walked")
	sizes := f.String("sizes", "1k,10k,100k,1M", "messages in the mailboxes that are listed")
	rtts := f.String("rtt", "0,10ms,50ms,100ms", "round-trip times to compare")
	f.IntVar(&o.sweep, "rtt-messages", 1000, "messages in the mailbox for that")
	f.Uint64Var(&o.seed, "seed", 1, "of the mail that is made")
	f.IntVar(&o.runs, "runs", 3, "rounds, of which the median counts")
	f.DurationVar(&o.limit, "limit", 5*time.Minute, "how long one run may take")
	f.DurationVar(&o.wide.rtt, "wide-rtt", 50*time.Millisecond, "round-trip time of the wide-area line")
	f.Float64Var(&o.wide.mbps, "mbps", 100, "megabits a second of the wide-area line")
	f.StringVar(&o.dir, "dir", "/var/tmp", "where to put mailboxes, caches and copies")
	f.StringVar(&o.imapfs, "imapfs", "", "the program to measure (default: built from this source)")
	flags := f.String("mount-flags", "", "further flags of imapfs mount, with spaces between them")
	f.StringVar(&o.write, "write", "", "write performance.md and its plots into this directory")
	f.StringVar(&o.save, "save", "", "write the results into this file, too")
	f.StringVar(&o.from, "from", "", "measure nothing, and take the results from this file")
	quick := f.Bool("quick", false, "small mailboxes and one round: minutes, and no good for publishing")
	f.BoolVar(&o.quiet, "q", false, "print the results only")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		o.command = commandLine(f)
		given := map[string]bool{}
		f.Visit(func(one *flag.Flag) { given[one.Name] = true })
		for name, value := range quickly {
			if !given[name] {
				f.Set(name, value)
			}
		}
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q", f.Arg(0))
	}
	if !*quick {
		o.command = commandLine(f)
	}
	if o.runs < 1 || o.messages < 1 || o.sweep < 1 {
		return o, errors.New("-runs and the numbers of messages have to be at least 1")
	}
	o.wide.name = fmt.Sprintf("%v, %g Mbit/s", o.wide.rtt, o.wide.mbps)
	for _, n := range strings.Split(*sizes, ",") {
		size, err := count(n)
		if err != nil {
			return o, err
		}
		o.sizes = append(o.sizes, size)
	}
	for _, t := range strings.Split(*rtts, ",") {
		rtt, err := time.ParseDuration(t)
		if err != nil {
			return o, err
		}
		o.rtts = append(o.rtts, rtt)
	}
	o.mountFlags = strings.Fields(*flags)
	o.jobs = strings.Split(*names, ",")
	for _, n := range o.jobs {
		if !slices.Contains(jobNames(), n) {
			return o, fmt.Errorf("no job %q; there are %s", n, strings.Join(jobNames(), ", "))
		}
	}
	return o, nil
}

// commandLine is how the document says it was made: with all that was given, but
// for where things are.
func commandLine(f *flag.FlagSet) string {
	words := []string{"imapfs-bench"}
	f.Visit(func(one *flag.Flag) {
		switch one.Name {
		case "write", "save", "from", "dir", "imapfs", "q":
		case "quick":
			words = append(words, "-quick")
		default:
			words = append(words, "-"+one.Name, one.Value.String())
		}
	})
	return strings.Join(words, " ")
}

// count reads a number: 500, 10k, 1M.
func count(s string) (int, error) {
	digits, factor := s, 1
	if d, ok := strings.CutSuffix(s, "k"); ok {
		digits, factor = d, 1000
	} else if d, ok := strings.CutSuffix(s, "M"); ok {
		digits, factor = d, 1_000_000
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of messages (500, 10k, 1M)", s)
	}
	return n * factor, nil
}
