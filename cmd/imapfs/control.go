package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"imapfs/cache"
	"imapfs/fs"
	"imapfs/imapbackend"
)

// The files in the control directory by which other programs, and this one's
// own commands, ask a mount.
const (
	statusFile = "status"
	jsonFile   = "status.json"
	syncFile   = "sync"
)

// control answers for a mount. It is safe for concurrent use once the mount is
// attached.
type control struct {
	config  *mountConfig
	client  *imapbackend.Client
	account *cache.Account
	shows   func(cache.Mailbox) bool
	// requests tells what the kernel has asked for.
	requests func() []fs.RequestStatus
	started  time.Time
	unkept   error  // why nothing is on disk, nil if it is
	pprof    string // the socket for profiles, "" if there is none
	metrics  string // the address of the metrics, "" if there is none

	mu   sync.Mutex
	last *syncReport // guarded by mu
}

func newControl(c *mountConfig, client *imapbackend.Client) *control {
	return &control{config: c, client: client, started: time.Now()}
}

func (c *control) files() []fs.ControlFile {
	return []fs.ControlFile{
		{Name: statusFile, Bytes: func(context.Context) ([]byte, error) {
			var b bytes.Buffer
			err := c.report().text(&b, time.Now(), rates{})
			return b.Bytes(), err
		}},
		{Name: jsonFile, Bytes: func(context.Context) ([]byte, error) {
			data, err := json.MarshalIndent(c.report(), "", "  ")
			return append(data, '\n'), err
		}},
		{Name: syncFile, Bytes: c.sync, Action: true},
	}
}

// sync brings every mailbox up to date, and says what there is.
func (c *control) sync(ctx context.Context) ([]byte, error) {
	err := c.account.SyncAll(ctx, c.shows)
	done := &syncReport{At: time.Now()}
	if err != nil {
		done.Error = explain(err)
	}
	if ctx.Err() == nil { // who pressed Ctrl-C found out nothing about the server
		c.mu.Lock()
		c.last = done
		c.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	messages, mailboxes := 0, 0
	for _, m := range c.report().Mailboxes {
		if m.Synced != nil {
			messages, mailboxes = messages+m.Messages, mailboxes+1
		}
	}
	return fmt.Appendf(nil, "%s in %s, as on the server\n", count(messages, "message"), count(mailboxes, "mailbox")), nil
}

// readControl reads a control file of the mount at a directory.
func readControl(mountpoint, name string) ([]byte, error) {
	if err := fs.CheckMounted(mountpoint); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(mountpoint, fs.ControlDir, name))
}
