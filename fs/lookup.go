package fs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// controlName is the control directory in the root. It is never listed, so
// that no program walks into it.
const controlName = ".imapfs"

// emlSuffix ends the name of a message that is a file.
const emlSuffix = ".eml"

// Lookup implements fuse.RawFileSystem.
func (f *FS) Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) (status fuse.Status) {
	r := f.begin(opLookup, in.NodeId, cancel)
	defer r.end(&status)
	if !countsName(name) {
		r.forgo()
	}
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	var n node
	var ok bool
	var valid time.Duration
	err := attend(r, in.Pid, func(ctx context.Context) (err error) {
		if n, ok, err = f.child(ctx, parent, name); ok && err == nil {
			valid, err = f.attr(ctx, n, &out.Attr)
		}
		return err
	})
	if err != nil {
		return f.status("look up", err)
	}
	if !ok {
		if parent.kind == kindMessage && !f.removals.hides(parent, name) {
			out.SetEntryTimeout(forever) // what a message holds never changes
			return fuse.OK
		}
		return fuse.ENOENT
	}
	f.enter(n, valid, out)
	return fuse.OK
}

// enter completes an entry whose attributes are filled in, which counts as a
// lookup of n.
func (f *FS) enter(n node, valid time.Duration, out *fuse.EntryOut) {
	id, ok := n.pack()
	if !ok {
		id = f.dynamic.lookup(n)
	}
	out.NodeId, out.Generation = id, 1
	out.SetAttrTimeout(valid)
	out.SetEntryTimeout(forever) // the kernel is told when a name goes
	if n.kind == kindWarm || n.kind == kindDraft {
		out.SetEntryTimeout(0) // but not of these
	}
}

// child finds a name in a directory.
func (f *FS) child(ctx context.Context, parent node, name string) (n node, ok bool, err error) {
	switch parent.kind {
	case kindControl:
		for _, v := range []view{viewParts, viewEML} {
			if name == string(f.layout(v)) {
				return node{kind: kindTop, view: v, part: cache.Outer}, true, nil
			}
		}
		n, ok := f.controls.node(name)
		return n, ok, nil
	case kindMessage:
		return f.messageChild(ctx, parent, name)
	}
	if parent.kind == kindTop && parent.view == viewRoot && name == controlName {
		return node{kind: kindControl, part: cache.Outer}, true, nil
	}
	t, here, err := f.placeOf(ctx, parent)
	if err != nil {
		return node{}, false, err
	}
	if n, ok := warmNode(name); ok {
		n.view, n.place = parent.view, here
		return n, true, nil
	}
	if p := f.places.at(t, join(here.key, name)); p != nil {
		return node{view: parent.view, kind: kindMailbox, place: p, part: cache.Outer}, true, nil
	}
	parent.place = here
	return f.mailboxChild(ctx, parent, name)
}

// placeOf returns the place of a directory of the mailbox tree, and the tree.
func (f *FS) placeOf(ctx context.Context, n node) (*tree, *place, error) {
	t, err := f.places.now(ctx)
	if err != nil {
		return nil, nil, err
	}
	if n.place != nil {
		return t, n.place, nil
	}
	here := f.places.at(t, f.opts.Root)
	if here == nil {
		return nil, nil, fmt.Errorf("mailbox %q: %w", f.opts.Root, cache.ErrNotExist)
	}
	return t, here, nil
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "/" + name
}

// mailboxChild finds a message in a mailbox. The name must be right as a
// whole, not only its UID.
func (f *FS) mailboxChild(ctx context.Context, parent node, name string) (n node, ok bool, err error) {
	if parent.place.box == nil {
		return node{}, false, nil
	}
	if n, ok, err := f.writtenChild(ctx, parent, name); ok || err != nil {
		return n, ok, err
	}
	kind, stem := kindMessage, name
	if f.layout(parent.view) == LayoutEML {
		if stem, ok = strings.CutSuffix(name, emlSuffix); !ok {
			return node{}, false, nil
		}
		kind = kindEML
	}
	uid, ok := parseMessageName(stem)
	if !ok {
		return node{}, false, nil
	}
	box := parent.place.box
	if !box.Early(uid) {
		if _, err := box.Listing(ctx); err != nil {
			if errors.Is(err, cache.ErrNotExist) {
				// A mailbox that cannot be opened tells nothing of its messages: that
				// there is none, a backup would take for an answer.
				err = fmt.Errorf("%w: %v", cache.ErrStale, err)
			}
			return node{}, false, err
		}
	}
	m, err := box.Message(ctx, uid)
	if e, _ := errno(err); e == syscall.ENOENT && err != nil {
		return node{}, false, nil
	}
	if err != nil || MessageName(m) != stem || f.omits(parent.view, box, m) {
		return node{}, false, err
	}
	return node{parent.view, kind, parent.place, uid, cache.Outer}, true, nil
}

// messageChild finds a file or an enclosed message in a message directory.
func (f *FS) messageChild(ctx context.Context, parent node, name string) (n node, ok bool, err error) {
	if f.removals.hides(parent, name) {
		return node{}, false, nil
	}
	if name == emlName {
		parent.kind = kindEML
		return parent, true, nil
	}
	l, err := f.listings.of(ctx, parent)
	if err != nil {
		return node{}, false, err
	}
	i, ok := l.index[name]
	if !ok {
		return node{}, false, nil
	}
	return entryNode(parent, l.entries[i]), true, nil
}

// entryNode is the node of an entry in the message directory parent.
func entryNode(parent node, e entry) node {
	n := parent
	switch e.kind {
	case entryHeader:
		n.kind = kindHeader
	case entryEML:
		n.kind = kindEML
		if e.part >= 0 {
			n.part = int32(e.part)
		}
	case entryMessage:
		n.part = int32(e.part)
	case entryPart:
		n.kind, n.part = kindPart, int32(e.part)
	}
	return n
}
