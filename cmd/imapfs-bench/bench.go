package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bench is one run of the program: a server, the mailboxes made so far, and what
// was found.
type bench struct {
	options options
	dir     string // of all that is made
	imapfs  string // the program
	server  *dovecot
	boxes   map[string]*mailbox
	// listings has what listing a mailbox makes imapfs receive, in octets.
	listings map[string]int64
	results  results
	started  time.Time
}

// newBench builds imapfs, if no program is given, and starts the server. All is
// below one directory, which close removes.
func newBench(ctx context.Context, o options) (*bench, error) {
	dir, err := os.MkdirTemp(o.dir, "imapfs-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, imapfs: o.imapfs, boxes: map[string]*mailbox{}, listings: map[string]int64{}, started: time.Now()}
	if err := os.Chmod(dir, 0o755); err != nil { // the server's user gets there
		return nil, err
	}
	if b.imapfs == "" {
		b.imapfs = filepath.Join(dir, "imapfs")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.imapfs, "imapfs/cmd/imapfs")
		if out, err := build.CombinedOutput(); err != nil {
			b.close()
			return nil, fmt.Errorf("build imapfs: %w: %s", err, out)
		}
	} else if b.imapfs, err = filepath.Abs(b.imapfs); err != nil {
		b.close()
		return nil, err
	}
	if b.server, err = startDovecot(filepath.Join(dir, "server"), maildir); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.server != nil {
		b.server.stop()
	}
	if err := os.RemoveAll(b.dir); err != nil {
		b.logf("%v", err)
	}
}

// logf tells how far it is.
func (b *bench) logf(format string, args ...any) {
	if !b.options.quiet {
		fmt.Fprintf(os.Stderr, "%5.0fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
	}
}

// mailbox makes a mailbox, once.
func (b *bench) mailbox(ctx context.Context, r recipe) (m *mailbox, err error) {
	if b.boxes[r.mailbox] == nil {
		if m, err = b.make(ctx, b.server, r); err != nil {
			return nil, err
		}
		b.boxes[r.mailbox] = m
	}
	return b.boxes[r.mailbox], nil
}

// make makes a mailbox, and has the server read all of it once: what is measured
// later is not how fast it parses.
func (b *bench) make(ctx context.Context, server *dovecot, r recipe) (*mailbox, error) {
	start := time.Now()
	m, err := server.make(ctx, r)
	if err != nil {
		return nil, err
	}
	made := time.Since(start)
	l, err := newLine(server.addr, condition{})
	if err != nil {
		return nil, err
	}
	defer l.close()
	// Asked for RFC822.SIZE as well, it would parse everything once more next time.
	for _, commands := range [][]string{{"UID FETCH 1:* (ENVELOPE BODYSTRUCTURE)"}, summaries} {
		if _, err := fetchWire(ctx, l, r.mailbox, commands); err != nil {
			return nil, err
		}
	}
	b.logf("mailbox %s: %d messages, %s, made in %s, read by the server in %s", r.mailbox, r.messages, octets(m.octets), seconds(made), seconds(time.Since(start)-made))
	return m, nil
}

// walked is the mailbox for the jobs that read all of it.
func (b *bench) walked(ctx context.Context) (*mailbox, error) {
	return b.mailbox(ctx, mixed("walk", b.options.messages, b.options.seed))
}

// wireRun is the contender that fetches what a job needs with one client. It
// fails if that is not as much as the truth about the mailbox says.
func (b *bench) wireRun(c condition, mailbox string, commands []string, need int64) contender {
	return contender{"wire", func(ctx context.Context) (sample, error) {
		l, err := newLine(b.server.addr, c)
		if err != nil {
			return sample{}, err
		}
		defer l.close()
		f, err := fetchWire(ctx, l, mailbox, commands)
		if err == nil && f.literals != need {
			err = fmt.Errorf("the server sent %d octets of content, and there should be %d", f.literals, need)
		}
		return f.sample, err
	}}
}

func (b *bench) row(r row) {
	b.results.Rows = append(b.results.Rows, r)
	b.logf("= %s, %s: %s (target %s) %s", r.Work, r.Where, r.Measured, r.Target, r.Verdict)
}

// effort remembers what a contender needed. needed is what had to come for it,
// in octets, negative if that is not known.
func (b *bench) effort(job string, c condition, messages int, who string, s series, needed int64) {
	low, high := s.between()
	e := effort{Job: job, Where: c.name, RTT: c.rtt, Messages: messages, Who: who,
		Time: s.took(), Low: low, High: high, TooLong: s.tooLong(),
		Received: s.down(), Fetches: s.fetches(), Needed: needed, Wasted: -1, Ahead: s.aheads()}
	if needed >= 0 && !e.TooLong {
		e.Wasted = max(0, e.Received-needed)
	}
	b.results.Efforts = append(b.results.Efforts, e)
}
