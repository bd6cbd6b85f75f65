package fs

import (
	"context"
	"errors"
	"slices"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// dirHandle is an open directory. What it lists is fixed when it is opened,
// except for the messages of a mailbox, which are found by their UID: a
// listing under way survives what comes and goes.
type dirHandle struct {
	place   *place         // of a directory of the mailbox tree
	names   []string       // child mailboxes, or views
	uids    []uint32       // messages, ascending; listed from the end
	growing *cache.Growing // instead of uids, while they are being found out
}

// Offsets of directory entries, as the kernel gives them back to go on: 0 and 1
// are "." and "..", then come the names in order, and then the messages, whose
// offset is made of the UID of the one before.
const (
	offsetNames    = 2
	offsetMessages = 1 << 40 // plus 1<<32 - UID
)

// same reports whether both list the same, so that what the kernel has kept
// of one is right for the other.
func (h *dirHandle) same(o *dirHandle) bool {
	return o != nil && slices.Equal(h.names, o.names) && slices.Equal(h.uids, o.uids)
}

// OpenDir implements fuse.RawFileSystem.
func (f *FS) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) (status fuse.Status) {
	r := f.begin(opOpenDir, in.NodeId, cancel)
	defer r.end(&status)
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	var h *dirHandle
	err := attend(r, in.Pid, func(ctx context.Context) (err error) {
		h, err = f.openDir(ctx, n)
		return err
	})
	if err != nil {
		return f.openStatus("list", err)
	}
	if n.kind == kindMessage && f.account.Writable() {
		f.removals.lists(n, in.Pid)
	}
	out.Fh = f.hold(h)
	if h.growing != nil {
		return fuse.OK // the kernel is to keep nothing that may yet fail
	}
	out.OpenFlags = fuse.FOPEN_CACHE_DIR
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.kind == kindMessage || h.same(f.shown[n]) {
		out.OpenFlags |= fuse.FOPEN_KEEP_CACHE
	}
	return fuse.OK
}

func (f *FS) openDir(ctx context.Context, n node) (*dirHandle, error) {
	h := &dirHandle{}
	switch n.kind {
	case kindControl:
		for _, v := range []view{viewParts, viewEML} {
			h.names = append(h.names, string(f.layout(v)))
		}
		h.names = append(h.names, f.controls.listed()...)
		return h, nil
	case kindMessage:
		// What it lists never changes, and the kernel keeps it: it is made only
		// where it is read.
		_, err := n.place.box.Structured(ctx, n.uid)
		return h, err
	}
	t, here, err := f.placeOf(ctx, n)
	if err != nil {
		return nil, err
	}
	h.place, h.names = here, t.children[here.key]
	if here.box != nil {
		if err := here.box.Settle(ctx); err != nil {
			return nil, err
		}
		l, growing, err := here.box.Begin(ctx)
		// Dovecot lists a mailbox that was deleted while it has children. Of any
		// other, nothing is no answer: a backup would take it for one.
		if err != nil && !(errors.Is(err, cache.ErrNotExist) && len(h.names) > 0) {
			return nil, err
		}
		h.uids, h.growing = l.UIDs, growing
		h.names = append(slices.Clip(h.names), f.drafts.in(f.layout(n.view), here.key)...)
	}
	return h, nil
}

// ReleaseDir implements fuse.RawFileSystem.
func (f *FS) ReleaseDir(in *fuse.ReleaseIn) {
	if h, ok := f.held(in.Fh).(*dirHandle); ok && h.growing != nil {
		h.growing.Close()
	}
	f.drop(in.Fh)
}

// ReadDir implements fuse.RawFileSystem.
func (f *FS) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return f.readDir(cancel, in, func(e fuse.DirEntry) (*fuse.EntryOut, bool) { return nil, out.AddDirEntry(e) })
}

// ReadDirPlus implements fuse.RawFileSystem: ReadDir with the attributes of
// those entries that are known without asking the server. The kernel looks the
// others up when somebody wants to know.
func (f *FS) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return f.readDir(cancel, in, func(e fuse.DirEntry) (*fuse.EntryOut, bool) {
		entry := out.AddDirLookupEntry(e)
		return entry, entry != nil
	})
}

// add takes one entry, and returns where its attributes go, if anywhere;
// false: there is no more room.
type add func(fuse.DirEntry) (*fuse.EntryOut, bool)

func (f *FS) readDir(cancel <-chan struct{}, in *fuse.ReadIn, add add) (status fuse.Status) {
	r := f.begin(opReadDir, in.NodeId, cancel)
	defer r.end(&status)
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	h, ok := f.held(in.Fh).(*dirHandle)
	if !ok {
		return fuse.EBADF
	}
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	if in.Offset == 0 && n.kind != kindMessage && h.growing == nil {
		f.mu.Lock()
		f.shown[n] = h
		f.mu.Unlock()
	}
	given := false
	give := add
	add = func(e fuse.DirEntry) (*fuse.EntryOut, bool) {
		out, room := give(e)
		given = given || room
		return out, room
	}
	for off := in.Offset; off < offsetNames; off++ {
		dot := fuse.DirEntry{Name: ".."[:off+1], Mode: n.mode(), Ino: f.ino(n, ""), Off: off + 1}
		if _, ok := add(dot); !ok {
			return fuse.OK
		}
	}
	ctx := context.WithoutCancel(r) // but for growing, all that is listed was found out by OpenDir
	off := max(in.Offset, offsetNames)
	switch {
	case n.kind == kindMessage:
		return f.status("list", f.listContents(ctx, n, off, add))
	case off < offsetMessages && !f.listNames(ctx, n, h, off, add):
		return fuse.OK
	}
	for below := uidBelow(off); ; {
		uids, err := h.messages(below, func(more func(context.Context) error) error {
			if given {
				return nil // what there is comes first
			}
			return attend(r, in.Pid, more)
		})
		if err != nil || len(uids) == 0 {
			return f.status("list", err)
		}
		if room, err := f.listMessages(ctx, n, h, uids, add); err != nil || !room {
			return f.status("list", err)
		}
		below = uids[0]
	}
}

// uidBelow is the UID below which the messages are from the offset off on; 0:
// it is all of them.
func uidBelow(off uint64) uint32 {
	if off < offsetMessages {
		return 0
	}
	return uint32(1<<32 - (off - offsetMessages))
}

// messages returns, ascending, messages below uid (0: the newest): all of them,
// or the next that are known of a listing that is being found out. For those,
// wait decides whether to do what waits for them.
func (h *dirHandle) messages(below uint32, wait func(func(context.Context) error) error) (uids []uint32, err error) {
	if h.growing == nil {
		end := len(h.uids)
		if below != 0 {
			end, _ = slices.BinarySearch(h.uids, below)
		}
		return h.uids[:end], nil
	}
	if uids = h.growing.Ready(below); len(uids) > 0 {
		return uids, nil
	}
	err = wait(func(ctx context.Context) (err error) {
		uids, err = h.growing.Below(ctx, below)
		return err
	})
	return uids, err
}

// listNames lists child mailboxes or views; false: there was no room for all.
func (f *FS) listNames(ctx context.Context, n node, h *dirHandle, off uint64, add add) bool {
	for i := int(off - offsetNames); i < len(h.names); i++ {
		child, ok, err := f.child(ctx, n, h.names[i])
		if err != nil || !ok {
			continue // it went after the directory was opened
		}
		if !f.give(ctx, add, child, nil, h.names[i], uint64(i)+offsetNames+1) {
			return false
		}
	}
	return true
}

// give adds an entry for n, which shows something of m if that is not nil; next
// is the offset of the one after it. It reports whether there was room.
func (f *FS) give(ctx context.Context, add add, n node, m *cache.Message, name string, next uint64) bool {
	part := ""
	if m != nil {
		part = section(n, m)
	}
	out, room := add(fuse.DirEntry{Name: name, Mode: n.mode(), Ino: f.ino(n, part), Off: next})
	if room && out != nil {
		f.enterKnown(ctx, n, m, out)
	}
	return room
}

// enterKnown fills in an entry of READDIRPLUS, unless that would take a
// question to the server, or a lookup that is counted.
func (f *FS) enterKnown(ctx context.Context, n node, m *cache.Message, out *fuse.EntryOut) {
	if _, ok := n.pack(); !ok || n.kind == kindControlFile {
		return
	}
	if m != nil {
		var size cache.Size
		if !n.dir() {
			var ok bool
			if size, ok = n.place.box.Glance(ctx, n.file()); !ok {
				return
			}
		}
		f.enter(n, f.messageAttr(n, m, size, &out.Attr), out)
		return
	}
	if n.kind == kindMailbox && n.place.box != nil {
		if _, ok := n.place.box.KnownNewest(); !ok || !f.account.RightsKnown(n.place.mailbox.ID()) {
			return
		}
	}
	if valid, err := f.attr(ctx, n, &out.Attr); err == nil {
		f.enter(n, valid, out)
	}
}

// listMessages lists these messages of a mailbox, the newest first, and reports
// whether there was room.
func (f *FS) listMessages(ctx context.Context, n node, h *dirHandle, uids []uint32, add add) (room bool, err error) {
	child := node{n.view, kindMessage, h.place, 0, cache.Outer}
	if f.layout(n.view) == LayoutEML {
		child.kind = kindEML
	}
	for _, uid := range slices.Backward(uids) {
		m, err := h.place.box.Named(ctx, uid)
		if err != nil {
			if errors.Is(err, cache.ErrNotExist) {
				continue // it went after the directory was opened
			}
			return false, err
		}
		if f.omits(n.view, h.place.box, m) {
			continue
		}
		child.uid = uid
		if !f.give(ctx, add, child, m, f.nameIn(ctx, n.view, h.place.box, m), offsetMessages+1<<32-uint64(uid)) {
			return false, nil
		}
	}
	return true, nil
}

// listContents lists what a message directory holds.
func (f *FS) listContents(ctx context.Context, n node, off uint64, add add) error {
	m, err := n.place.box.Structured(ctx, n.uid)
	if err != nil {
		return err
	}
	l, err := f.listings.of(ctx, n)
	if err != nil {
		return err
	}
	list := l.entries
	// Where the structure is unknown, message.eml is all that is sure.
	if f.listsEML(m) {
		list = append(slices.Clip(list), entry{name: emlName, part: cache.Outer, kind: entryEML})
	}
	for i := int(off - offsetNames); i < len(list); i++ {
		if f.removals.hides(n, list[i].name) {
			continue
		}
		child := entryNode(n, list[i])
		if !f.give(ctx, add, child, m, list[i].name, uint64(i)+offsetNames+1) {
			return nil
		}
	}
	return nil
}

// listsEML reports whether message.eml is listed. Where the structure is unknown,
// it is all that is sure.
func (f *FS) listsEML(m *cache.Message) bool {
	return f.opts.ListEML || m.Defects&cache.DefectStructure != 0
}
