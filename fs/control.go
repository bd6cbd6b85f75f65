package fs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// ControlDir is the control directory's name in the root.
const ControlDir = controlName

// ControlFile is a file in the control directory.
type ControlFile struct {
	Name string
	// Bytes makes the content, anew for each open. It must return as soon as
	// ctx ends: that is Ctrl-C.
	Bytes func(ctx context.Context) ([]byte, error)
	// Action tells that Bytes does something besides. Then only open calls it,
	// so the file has no size to be told by stat, and it is not listed.
	Action bool
}

// moment is how long what stat found is what the next open gives, so that
// st_size is the number of bytes read.
const moment = 100 * time.Millisecond

// controls are the files of the control directory. It is safe for concurrent
// use.
type controls struct {
	files []ControlFile

	mu   sync.Mutex
	last map[int]rendered // guarded by mu; by index
}

// rendered is what a control file holds at a time.
type rendered struct {
	bytes []byte
	when  time.Time
}

// listed returns the names of the files that a listing shows.
func (c *controls) listed() (names []string) {
	for _, f := range c.files {
		if !f.Action {
			names = append(names, f.Name)
		}
	}
	return names
}

// node returns the node of a file by its name.
func (c *controls) node(name string) (node, bool) {
	i := slices.IndexFunc(c.files, func(f ControlFile) bool { return f.Name == name })
	return node{kind: kindControlFile, part: int32(i)}, i >= 0
}

// open returns what file i holds: what a stat has just found, else made anew.
func (c *controls) open(ctx context.Context, i int) (rendered, error) {
	c.mu.Lock()
	last := c.last[i]
	c.mu.Unlock()
	if !c.files[i].Action && time.Since(last.when) < moment {
		return last, nil
	}
	data, err := c.files[i].Bytes(ctx)
	if c.files[i].Action {
		c.mu.Lock()
		clear(c.last) // what the others show may have changed with it
		c.mu.Unlock()
	}
	if err != nil {
		return rendered{}, err
	}
	now := rendered{data, time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = make(map[int]rendered)
	}
	c.last[i] = now
	return now, nil
}

// stat returns what the next open gives; of an action, nothing.
func (c *controls) stat(ctx context.Context, i int) (rendered, error) {
	if c.files[i].Action {
		return rendered{when: time.Now()}, nil
	}
	return c.open(ctx, i)
}

// controlAttr fills in the attributes of a control file. They never hold for
// longer than the answer.
func (f *FS) controlAttr(ctx context.Context, n node, out *fuse.Attr) error {
	now, err := f.controls.stat(ctx, int(n.part))
	if err != nil {
		return err
	}
	f.fill(n, f.controls.files[n.part].Name, now.when, int64(len(now.bytes)), out)
	return nil
}

// openControl opens a control file past the page cache, which would give each
// reader what the first one got.
func (f *FS) openControl(ctx context.Context, n node, out *fuse.OpenOut) error {
	now, err := f.controls.open(ctx, int(n.part))
	if err != nil {
		return err
	}
	out.Fh = f.hold(controlHandle(now.bytes))
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	return nil
}

// controlHandle is an open control file.
type controlHandle []byte

func (h controlHandle) ReadAt(_ context.Context, buf []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(h)) {
		return 0, nil
	}
	return copy(buf, h[off:]), nil
}

// fileHandle is what an open file is read through. At the end of the file it
// returns 0 and no error.
type fileHandle interface {
	ReadAt(ctx context.Context, buf []byte, off int64) (int, error)
}

var (
	_ fileHandle = (*cache.Reader)(nil)
	_ fileHandle = controlHandle(nil)
)
