package fs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// Each mailbox has files without a listing whose names are requests to fill the
// cache: a mount that is read-only takes none by writing. Open begins, reads give
// a line of JSON (cache.WarmProgress) each as long as it goes on, and close ends
// it, also when the program that reads was killed.

// WarmRequest is what to fetch of a mailbox.
type WarmRequest struct {
	cache.WarmOptions
	// Recursive is for the mailboxes below it, too.
	Recursive bool
}

const (
	warmName      = ".imapfs-warm"
	warmRecursive = ":recursive"
	warmBodies    = ":bodies"
	warmSince     = ":since=" // and seconds since 1970
)

// Name is the request's file name in the mailbox's directory.
func (r WarmRequest) Name() string {
	name := warmName
	if r.Recursive {
		name += warmRecursive
	}
	if r.Bodies {
		name += warmBodies
	}
	if !r.Since.IsZero() {
		name += warmSince + strconv.FormatUint(uint64(seconds(r.Since)), 10)
	}
	return name
}

// seconds is t as node ids have room for it, in their UID.
func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), 1<<32-1)) }

// The bits of node.part.
const (
	partRecursive = 1 << iota
	partBodies
)

// warmNode is the inverse of WarmRequest.Name.
func warmNode(name string) (n node, ok bool) {
	rest, ok := strings.CutPrefix(name, warmName)
	if !ok {
		return node{}, false
	}
	n.kind = kindWarm
	var has bool
	if rest, has = strings.CutPrefix(rest, warmRecursive); has {
		n.part |= partRecursive
	}
	if rest, has = strings.CutPrefix(rest, warmBodies); has {
		n.part |= partBodies
	}
	if rest, has = strings.CutPrefix(rest, warmSince); has {
		since, err := strconv.ParseUint(rest, 10, 32)
		n.uid = uint32(since)
		return n, err == nil
	}
	return n, rest == ""
}

// openWarm begins what n stands for.
func (f *FS) openWarm(ctx context.Context, n node, out *fuse.OpenOut) error {
	t, err := f.places.now(ctx)
	if err != nil {
		return err
	}
	var ids []cache.ID
	for key, m := range t.mailbox {
		below := n.place.key == "" || strings.HasPrefix(key, n.place.key+"/")
		if !m.NoSelect && (key == n.place.key || n.part&partRecursive != 0 && below) {
			ids = append(ids, m.ID())
		}
	}
	options := cache.WarmOptions{Bodies: n.part&partBodies != 0}
	if n.uid != 0 {
		options.Since = time.Unix(int64(n.uid), 0)
	}
	out.Fh = f.hold(&warmHandle{warming: f.account.Warm(ids, options)})
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	return nil
}

// warmHandle is an open request.
type warmHandle struct {
	warming *cache.Warming

	mu   sync.Mutex
	line []byte // guarded by mu; what is left of it
	last bool   // guarded by mu; no other comes
}

// warmBeat is how long a read waits: it gives a line that often.
const warmBeat = 250 * time.Millisecond

// ReadAt gives the line that is next, whatever off is.
func (h *warmHandle) ReadAt(ctx context.Context, buf []byte, _ int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.line) == 0 && !h.last {
		select {
		case <-h.warming.Ended():
		case <-time.After(warmBeat):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		now := h.warming.Progress()
		line, err := json.Marshal(now)
		if err != nil {
			return 0, fmt.Errorf("progress: %w", err)
		}
		h.line, h.last = append(line, '\n'), now.Ended
	}
	n := copy(buf, h.line)
	h.line = h.line[n:]
	return n, nil
}

var _ fileHandle = (*warmHandle)(nil)
