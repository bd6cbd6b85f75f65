package fs

import (
	"context"
	"errors"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// blockSize is what stat calls the preferred size of reads.
const blockSize = 4096

// attr fills in n's attributes, and tells how long they hold. The size of a
// file is fetched if need be.
func (f *FS) attr(ctx context.Context, n node, out *fuse.Attr) (valid time.Duration, err error) {
	if n.kind == kindControlFile {
		return 0, f.controlAttr(ctx, n, out)
	}
	if n.kind == kindWarm {
		f.fill(n, "", time.Time{}, 0, out)
		return 0, nil
	}
	if n.kind == kindDraft {
		return 0, f.draftAttr(n, out)
	}
	if n.uid == 0 {
		when, valid, err := f.placeTime(ctx, n)
		f.fill(n, "", when, 0, out)
		if n.kind == kindMailbox && n.place.box != nil && f.account.Writable() && !f.account.MayWrite(ctx, n.place.mailbox.ID()) {
			out.Mode &^= 0o222
		}
		return valid, err
	}
	m, err := n.place.box.Message(ctx, n.uid)
	if err == nil && n.part != cache.Outer {
		m, err = n.place.box.Structured(ctx, n.uid)
	}
	if err != nil {
		return 0, err
	}
	var size cache.Size
	if !n.dir() {
		if size, err = n.place.box.Size(ctx, n.file()); err != nil {
			return 0, err
		}
	}
	return f.messageAttr(n, m, size, out), nil
}

// messageAttr fills in the attributes of a node that shows something of m.
func (f *FS) messageAttr(n node, m *cache.Message, size cache.Size, out *fuse.Attr) (valid time.Duration) {
	f.fill(n, section(n, m), m.Date, size.N, out)
	if !n.dir() && !size.Proven {
		return 0
	}
	return forever
}

// section is the number of the part that n shows.
func section(n node, m *cache.Message) string {
	if n.part == cache.Outer || int(n.part) >= len(m.Parts) {
		return ""
	}
	return m.Parts[n.part].Section
}

// placeTime is when the newest message of a mailbox came. What has no message
// has no time of its own: it gets the beginning of time, which is the same at
// every mount, so that a second rsync finds nothing to set.
func (f *FS) placeTime(ctx context.Context, n node) (when time.Time, valid time.Duration, err error) {
	p := n.place
	if n.kind == kindTop {
		p = f.places.known(f.opts.Root)
	}
	if p == nil || p.box == nil {
		return time.Time{}, forever, nil
	}
	if when, ok := p.box.Time(); ok {
		return when, f.account.Poll(), nil
	}
	when, err = p.box.Newest(ctx)
	if errors.Is(err, cache.ErrNotExist) || errors.Is(err, cache.ErrPermission) {
		// Listed, but deleted or not to be read. It may have children, which are
		// to be reached; openDir tells.
		err = nil
	}
	return when, f.account.Poll(), err
}

func (f *FS) fill(n node, section string, when time.Time, size int64, out *fuse.Attr) {
	*out = fuse.Attr{
		Ino:     f.ino(n, section),
		Size:    uint64(size),
		Blocks:  uint64(size+511) / 512,
		Mode:    n.mode() | 0o666&^f.opts.Umask,
		Nlink:   1,
		Owner:   fuse.Owner{Uid: f.opts.UID, Gid: f.opts.GID},
		Blksize: blockSize,
	}
	if n.dir() {
		out.Mode = n.mode() | 0o777&^f.opts.Umask
	}
	if when.IsZero() {
		when = time.Unix(0, 0)
	}
	out.SetTimes(&when, &when, &when)
}

// GetAttr implements fuse.RawFileSystem.
func (f *FS) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) (status fuse.Status) {
	r := f.begin(opGetAttr, in.NodeId, cancel)
	defer r.end(&status)
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	var valid time.Duration
	err := attend(r, in.Pid, func(ctx context.Context) (err error) {
		valid, err = f.attr(ctx, n, &out.Attr)
		return err
	})
	if err != nil {
		return f.openStatus("stat", err)
	}
	out.SetTimeout(valid)
	return fuse.OK
}
