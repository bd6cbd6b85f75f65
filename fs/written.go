package fs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"imapfs/cache"
)

// writtenChild finds what is in a mailbox under a name that was written: a draft,
// or a message that keeps it.
func (f *FS) writtenChild(ctx context.Context, parent node, name string) (n node, ok bool, err error) {
	box, layout := parent.place.box, f.layout(parent.view)
	if d := f.drafts.find(draftKey{layout, parent.place.key, name}); d != nil {
		return d.node(parent.view, parent.place), true, nil
	}
	if !box.HasNames() {
		return node{}, false, nil
	}
	if box.Validity() == 0 { // names are of one UIDVALIDITY
		if _, err := box.Listing(ctx); err != nil {
			return node{}, false, err
		}
	}
	as := naming(layout)
	kind := kindMessage
	uid := box.Called(as, name)
	if uid == 0 && as != cache.AsFile {
		// A file that was written where messages are directories: it opens by
		// its name, as message.eml does.
		as, uid = cache.AsFile, box.Called(cache.AsFile, name)
	}
	if as == cache.AsFile {
		kind = kindEML
	}
	if uid == 0 || f.hidden(message{box, uid}) || f.isProper(ctx, box, as, name, uid) {
		return node{}, false, nil
	}
	_, err = box.Message(ctx, uid)
	if errors.Is(err, cache.ErrNotExist) {
		if err = box.Settle(ctx); err == nil {
			_, err = box.Message(ctx, uid)
		}
	}
	if errors.Is(err, cache.ErrNotExist) {
		return node{}, false, nil
	}
	return node{parent.view, kind, parent.place, uid, cache.Outer}, err == nil, err
}

// isProper reports whether a name that a message was given is the proper one of
// another, which then has it.
func (f *FS) isProper(ctx context.Context, box *cache.Box, as cache.Naming, name string, uid uint32) bool {
	if as == cache.AsFile {
		var ok bool
		if name, ok = strings.CutSuffix(name, emlSuffix); !ok {
			return false
		}
	}
	other, ok := parseMessageName(name)
	if !ok || other == uid || f.hidden(message{box, other}) {
		return false
	}
	l, known := box.Known()
	if _, there := slices.BinarySearch(l.UIDs, other); !known || !there {
		return false
	}
	m, err := box.Message(ctx, other)
	return err == nil && MessageName(m) == name && box.NameOf(as, other) == ""
}

// nameIn is the name of a message in a mailbox's listing.
func (f *FS) nameIn(ctx context.Context, v view, box *cache.Box, m *cache.Message) string {
	layout := f.layout(v)
	as := naming(layout)
	if box.HasNames() {
		if name := box.NameOf(as, m.UID); name != "" && !f.isProper(ctx, box, as, name, m.UID) {
			return name
		}
	}
	if layout == LayoutEML {
		return MessageName(m) + emlSuffix
	}
	return MessageName(m)
}

// omits reports whether a message is left out of listings: it is about to go, a
// draft still stands for it, or, where deleting is our own business, it is
// marked as deleted.
func (f *FS) omits(v view, box *cache.Box, m *cache.Message) bool {
	if !f.account.Writable() {
		return false
	}
	one := message{box, m.UID}
	return f.hidden(one) || box.MarkedDeleted(m.UID) || f.drafts.stands(f.layout(v), one)
}
