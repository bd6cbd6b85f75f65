package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// mount is an imapfs that is mounted.
type mount struct {
	dir     string // the mountpoint
	line    *line
	process *kept
	took    time.Duration // until it was there
}

// mount mounts the account through a line, with a cache in a directory. It ends
// with unmount.
func (b *bench) mount(ctx context.Context, l *line, cacheDir string, flags ...string) (*mount, error) {
	dir, err := os.MkdirTemp(b.dir, "mnt")
	if err != nil {
		return nil, err
	}
	m := &mount{dir: dir, line: l}
	args := append([]string{b.imapfs, "mount", "--foreground", "--cache-dir", cacheDir}, flags...)
	args = append(args, b.options.mountFlags...)
	start := time.Now()
	m.process, err = keep([]string{"IMAPFS_PASSWORD=" + password, "HOME=" + b.dir, "XDG_STATE_HOME=" + b.dir},
		append(args, "imap://"+userName+"@"+l.addr, dir)...)
	if err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(m.path(".imapfs", "status.json")); err == nil {
			m.took = time.Since(start)
			return m, nil
		}
		if !m.process.running() || ctx.Err() != nil {
			m.unmount()
			return nil, fmt.Errorf("imapfs mount: %w: %s", ctx.Err(), m.process.log)
		}
		time.Sleep(time.Millisecond)
	}
}

func (m *mount) path(names ...string) string {
	return filepath.Join(append([]string{m.dir}, names...)...)
}

// unmount ends imapfs, and with it what the kernel caches of the mount.
func (m *mount) unmount() {
	m.process.end(10 * time.Second)
	// A mount whose imapfs had to be killed is still there.
	detach(m.dir)
	os.Remove(m.dir)
}

// memory is what imapfs holds now, and the most it ever held, in octets.
func (m *mount) memory() (rss, peak int64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", m.process.pid))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			rss = n << 10
		case "VmHWM":
			peak = n << 10
		}
	}
	return rss, peak, nil
}

// mounted runs a job on a new mount with nothing cached, and takes the mount away
// again.
func (b *bench) mounted(ctx context.Context, c condition, job func(*mount) error, flags ...string) error {
	l, err := newLine(b.server.addr, c)
	if err != nil {
		return err
	}
	defer l.close()
	cache, err := os.MkdirTemp(b.dir, "cache")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	m, err := b.mount(ctx, l, cache, flags...)
	if err != nil {
		return err
	}
	defer m.unmount()
	if err := job(m); err != nil {
		return fmt.Errorf("%w\n%s", err, m.process.log)
	}
	return nil
}

// run measures a program on the mount, until what it made imapfs fetch has
// arrived, too.
func (m *mount) run(ctx context.Context, dir string, args ...string) (sample, string, error) {
	already, err := m.ahead()
	if err != nil {
		return sample{}, "", err
	}
	before, start := m.line.passed(), time.Now()
	out, err := program(ctx, dir, args...)
	took := time.Since(start)
	m.line.settle(ctx)
	s := sample{took: took, traffic: m.line.passed().since(before)}
	if err == nil {
		s.ahead, err = m.ahead()
		s.ahead = ahead{s.ahead.Fetched - already.Fetched, s.ahead.Used - already.Used}
	}
	return s, out, err
}

// ahead is what imapfs itself says of its fetch-ahead, in octets of files: what it
// fetched before it was asked for, and what of that was read since. Zero where it
// does not tell.
type ahead struct {
	Fetched int64 `json:"fetched_bytes"`
	Used    int64 `json:"used_bytes"`
}

func (a ahead) unused() int64 { return a.Fetched - a.Used }

// ahead reads it, as it is since the mount.
func (m *mount) ahead() (ahead, error) {
	var status struct {
		Ahead ahead `json:"ahead"`
	}
	data, err := os.ReadFile(m.path(".imapfs", "status.json"))
	if err == nil {
		err = json.Unmarshal(data, &status)
	}
	return status.Ahead, err
}
