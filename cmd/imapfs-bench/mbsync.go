package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// mbsync copies a mailbox into a new Maildir with isync's mbsync, as it comes
// (with fsync) or with what its manual has for those in a hurry.
func (b *bench) mbsync(ctx context.Context, c condition, mailbox string, fsync bool) (sample, error) {
	l, err := newLine(b.server.addr, c)
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	dir, err := os.MkdirTemp(b.dir, "mbsync")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	host, port, err := net.SplitHostPort(l.addr)
	if err != nil {
		return sample{}, err
	}
	onOff := map[bool]string{true: "yes", false: "no"}[fsync]
	conf := fmt.Sprintf(`FSync %s

IMAPAccount bench
Host %s
Port %s
User %s
Pass %s
SSLType None
AuthMechs LOGIN
Timeout 120

IMAPStore far
Account bench

MaildirStore near
Path %s/
Inbox %s/Inbox

Channel bench
Far :far:"%s"
Near :near:"%s"
Sync Pull
Create Near
SyncState *
CopyArrivalDate yes
`, onOff, host, port, userName, password, dir, dir, mailbox, mailbox)
	file := filepath.Join(dir, "mbsyncrc")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return sample{}, err
	}
	before, start := l.passed(), time.Now()
	_, err = program(ctx, dir, "mbsync", "-q", "-c", file, "bench")
	return sample{took: time.Since(start), traffic: l.passed().since(before)}, err
}
