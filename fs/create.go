package fs

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// maxFileName is the longest name of a file, in bytes.
const maxFileName = 255

// errLongName: no directory holds such a name.
var errLongName = errors.New("name too long")

// forbidden is why something is not done, whatever the server would say.
func forbidden(why string) error { return fmt.Errorf("%w: %s", cache.ErrForbidden, why) }

// writeStatus is status for what changes something: there, failures of the
// recovery folder are those of this machine's disk, and a name that has gone is
// ESTALE only where the message was named.
func (f *FS) writeStatus(op string, err error) fuse.Status {
	var local syscall.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.Is(err, errLongName):
		return fuse.Status(syscall.ENAMETOOLONG)
	case errors.As(err, &local) && (local == syscall.ENOSPC || local == syscall.EDQUOT || local == syscall.EFBIG || local == syscall.EMFILE || local == syscall.ENFILE):
		f.opts.Log.Warn(op+" failed", "error", err)
		return fuse.Status(local)
	}
	return f.status(op, err)
}

// writing tells how an entry of a directory may be changed: the place it is in,
// for mailboxes and levels above them; EPERM for all other directories.
func (f *FS) writing(ctx context.Context, id uint64, name string) (parent node, here *place, err error) {
	parent, status := f.node(id)
	switch {
	case !status.Ok():
		return parent, nil, cache.ErrStale
	case !f.account.Writable():
		return parent, nil, cache.ErrReadOnly
	case len(name) > maxFileName:
		return parent, nil, errLongName
	case parent.kind != kindTop && parent.kind != kindMailbox, parent.kind == kindTop && parent.view == viewRoot && name == controlName:
		return parent, nil, forbidden("only mailboxes and what is in them can be changed")
	}
	_, here, err = f.placeOf(ctx, parent)
	return parent, here, err
}

// Create implements fuse.RawFileSystem: a file in a mailbox is a message to be.
func (f *FS) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	d, n, err := f.create(interruptible(cancel), in.NodeId, name)
	if err != nil {
		return f.writeStatus("create", err)
	}
	if err := f.draftAttr(n, &out.Attr); err != nil {
		return f.writeStatus("create", err)
	}
	f.enter(n, 0, &out.EntryOut)
	out.Fh = f.openDraft(d, in.Flags)
	return fuse.OK
}

// Mknod implements fuse.RawFileSystem, for files only.
func (f *FS) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.EPERM
	}
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	_, n, err := f.create(interruptible(cancel), in.NodeId, name)
	if err != nil {
		return f.writeStatus("create", err)
	}
	if err := f.draftAttr(n, &out.Attr); err != nil {
		return f.writeStatus("create", err)
	}
	f.enter(n, 0, out)
	return fuse.OK
}

// create makes a draft of a name that is not there.
func (f *FS) create(ctx context.Context, dir uint64, name string) (*draft, node, error) {
	parent, here, err := f.writing(ctx, dir, name)
	if err != nil {
		return nil, node{}, err
	}
	if here.box == nil {
		return nil, node{}, forbidden("there is no mailbox there that a file could be a message of")
	}
	if !f.account.MayWrite(ctx, here.mailbox.ID()) {
		return nil, node{}, cache.ErrPermission
	}
	if err := f.drafts.owed(here.key); err != nil {
		return nil, node{}, err
	}
	if _, ok, err := f.child(ctx, parent, name); ok || err != nil {
		if err == nil {
			err = cache.ErrExist
		}
		return nil, node{}, err
	}
	d, err := f.addDraft(draftKey{f.layout(parent.view), here.key, name}, here)
	if err != nil {
		return nil, node{}, err
	}
	return d, d.node(parent.view, here), nil
}

// openDraft makes a handle of a draft.
func (f *FS) openDraft(d *draft, flags uint32) uint64 {
	f.drafts.mu.Lock()
	d.opens++
	f.drafts.mu.Unlock()
	return f.hold(&draftHandle{d, flags&syscall.O_ACCMODE != syscall.O_RDONLY})
}

// draftHandle is an open draft.
type draftHandle struct {
	draft  *draft
	writes bool
}

func (h *draftHandle) ReadAt(ctx context.Context, buf []byte, off int64) (int, error) {
	return h.draft.content.ReadAt(ctx, buf, off)
}

var _ fileHandle = (*draftHandle)(nil)

// reopen opens a draft by its node.
func (f *FS) reopen(ctx context.Context, n node, in *fuse.OpenIn, out *fuse.OpenOut) error {
	d, ok := f.drafts.get(n)
	if !ok {
		return cache.ErrStale
	}
	if in.Flags&syscall.O_TRUNC != 0 {
		if err := d.content.Truncate(ctx, 0); err != nil {
			return err
		}
		f.drafts.changed(d)
	}
	out.Fh = f.openDraft(d, in.Flags)
	return nil
}

// overwrite opens a message to be replaced by what is written; it is deleted once
// that is stored. It never changes itself, nor does a part of it.
func (f *FS) overwrite(ctx context.Context, n node, in *fuse.OpenIn, out *fuse.OpenOut) error {
	if n.kind != kindEML || n.part != cache.Outer || in.Flags&syscall.O_TRUNC == 0 || f.layout(n.view) != LayoutEML {
		return forbidden("a message never changes; only a whole one can take its place")
	}
	m, err := n.place.box.Message(ctx, n.uid)
	if err != nil {
		return err
	}
	if !f.account.MayWrite(ctx, n.place.mailbox.ID()) {
		return cache.ErrPermission
	}
	name := f.nameIn(ctx, n.view, n.place.box, m)
	d, err := f.addDraft(draftKey{LayoutEML, n.place.key, name}, n.place)
	if err != nil {
		return err
	}
	f.drafts.mu.Lock()
	d.replaces = &message{n.place.box, n.uid}
	f.drafts.mu.Unlock()
	out.Fh = f.openDraft(d, in.Flags)
	out.OpenFlags = fuse.FOPEN_DIRECT_IO // the pages are the message's
	for _, id := range f.dirIDs(n.view, n.place) {
		f.notifier.entries(id, []string{name})
	}
	return nil
}

// Write implements fuse.RawFileSystem.
func (f *FS) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	h, ok := f.held(in.Fh).(*draftHandle)
	if !ok || !h.writes {
		return 0, fuse.EBADF
	}
	if err := h.draft.content.WriteAt(interruptible(cancel), data, int64(in.Offset)); err != nil {
		return 0, f.writeStatus("write", err)
	}
	f.drafts.changed(h.draft)
	return uint32(len(data)), fuse.OK
}

// Flush implements fuse.RawFileSystem. It comes with each close of a descriptor,
// also of one that others have a copy of: a shell's redirection is closed by each
// command that it was made for. So what is stored at the first may be stored
// again, as it is then, in its place.
func (f *FS) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	h, ok := f.held(in.Fh).(*draftHandle)
	if !ok || !h.writes {
		return fuse.OK
	}
	return f.writeStatus("close", f.complete(cancel, in.Pid, h.draft))
}

// Fsync implements fuse.RawFileSystem.
func (f *FS) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	h, ok := f.held(in.Fh).(*draftHandle)
	if !ok {
		return fuse.OK
	}
	return f.writeStatus("fsync", f.complete(cancel, in.Pid, h.draft))
}

// complete stores a draft if it is a message by now: if it is not empty, and has a
// lasting name.
func (f *FS) complete(cancel <-chan struct{}, pid uint32, d *draft) error {
	s := &f.drafts
	s.mu.Lock()
	due := d.listed && !temporary(d.at.name) && d.stored != d.change
	key := d.at.dir
	s.mu.Unlock()
	if due && d.content.Size() > 0 {
		e := f.store(d, func(err error) { s.behind.ended(key, err == nil, false) })
		if err := attend(interruptible(cancel), pid, e.Wait); err != nil {
			return err
		}
	}
	return s.owed(key)
}

// released ends a descriptor.
func (f *FS) released(h *draftHandle) {
	d, s := h.draft, &f.drafts
	s.mu.Lock()
	defer s.mu.Unlock()
	d.opens--
	s.abandon(d)
	s.settle(d)
}

// Fallocate implements fuse.RawFileSystem.
func (f *FS) Fallocate(<-chan struct{}, *fuse.FallocateIn) fuse.Status { return fuse.ENOTSUP }

// FsyncDir implements fuse.RawFileSystem: it waits for what is on its way.
func (f *FS) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	return f.writeStatus("fsync", f.arrived(interruptible(cancel), n))
}

// arrived waits for what is on its way in a directory, and tells why something
// did not arrive.
func (f *FS) arrived(ctx context.Context, n node) error {
	if !f.account.Writable() || n.kind != kindTop && n.kind != kindMailbox {
		return nil
	}
	key := f.opts.Root
	if n.place != nil {
		key = n.place.key
	}
	if err := f.drafts.behind.wait(ctx, key); err != nil {
		return err
	}
	return f.drafts.owed(key)
}

// CopyFileRange implements fuse.RawFileSystem: of a whole message into a new file,
// which then is the server's to copy. Everything else is for the kernel to do.
func (f *FS) CopyFileRange(_ <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	from, ok := f.held(in.FhIn).(*cache.Reader)
	to, ok2 := f.held(in.FhOut).(*draftHandle)
	if !ok || !ok2 || !to.writes {
		return 0, fuse.ENOTSUP
	}
	size := from.Size()
	switch {
	case int64(in.OffIn) >= size && to.draft.content.Size() == size:
		return 0, fuse.OK // cp asks until there is no more
	case in.OffIn != 0 || in.OffOut != 0 || int64(in.Len) < size || size >= 1<<32:
		return 0, fuse.ENOTSUP
	case !to.draft.content.CopyOf(from):
		return 0, fuse.ENOTSUP
	}
	f.drafts.changed(to.draft)
	return uint32(size), fuse.OK
}
