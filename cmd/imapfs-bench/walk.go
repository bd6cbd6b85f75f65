package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// coldRun is the contender that runs a program in a mailbox of a mount with
// nothing cached.
func (b *bench) coldRun(c condition, mailbox string, args ...string) contender {
	return contender{"imapfs", func(ctx context.Context) (s sample, err error) {
		err = b.mounted(ctx, c, func(m *mount) error {
			s, _, err = m.run(ctx, m.path(mailbox), args...)
			return err
		})
		return s, err
	}}
}

// walk compares a program on a cold mount with fetching what it needs. It returns
// the series, and the octets of content that it needs.
func (b *bench) walk(ctx context.Context, job string, c condition, m *mailbox, what need, args []string) (wire, fs series, content int64, err error) {
	listing, err := b.listingOctets(ctx, m.mailbox)
	if err != nil {
		return nil, nil, 0, err
	}
	commands, content := plan(m, what)
	s, err := b.compare(ctx, job+", "+c.name, b.wireRun(c, m.mailbox, commands, content), b.coldRun(c, m.mailbox, args...))
	if err != nil {
		return nil, nil, 0, err
	}
	b.effort(job, c, m.messages, "wire", s[0], -1)
	b.effort(job, c, m.messages, "imapfs", s[1], listing+s[0].down())
	return s[0], s[1], content, nil
}

// timed runs a program where nothing passes a line.
func timed(ctx context.Context, dir string, args ...string) (sample, error) {
	start := time.Now()
	_, err := program(ctx, dir, args...)
	return sample{took: time.Since(start)}, err
}

// listingOctets is what imapfs receives to list a mailbox, once.
func (b *bench) listingOctets(ctx context.Context, mailbox string) (int64, error) {
	if n, ok := b.listings[mailbox]; ok {
		return n, nil
	}
	s, err := b.coldRun(loopback, mailbox, "ls", "-f").run(ctx)
	b.listings[mailbox] = s.traffic.down
	return s.traffic.down, err
}

// localCopy copies a mailbox, in a layout, to the local file system, once.
func (b *bench) localCopy(ctx context.Context, mailbox, layout string) (string, error) {
	to := filepath.Join(b.dir, "local", layout, mailbox)
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	return to, b.mounted(ctx, loopback, func(m *mount) error {
		_, err := program(ctx, "/", "rsync", "-a", m.path(".imapfs", layout, mailbox)+"/", to+"/")
		return err
	})
}
