package fs

import (
	"context"
	"maps"
	"path"
	"slices"

	"imapfs/cache"
)

var allViews = []view{viewRoot, viewParts, viewEML}

// notify is told by the account of a change, and makes the kernel forget
// exactly what is wrong after it. Flags are in no cache of the kernel's.
func (f *FS) notify(e cache.Event) {
	switch e.Kind {
	case cache.MailboxesChanged:
		f.mailboxesChanged()
	case cache.MessagesChanged:
		for _, p := range f.places.of(e.Box) {
			f.messagesChanged(p, e.Gone)
		}
		f.forgetGone(e.Box, e.Gone)
	case cache.Marked:
		for _, p := range f.places.of(e.Box) {
			f.messagesChanged(p, e.Gone)
		}
	case cache.Retired:
		for _, p := range f.places.of(e.Box) {
			f.retired(p, e.Gone)
		}
	case cache.Resized:
		for _, p := range f.places.of(e.Box) {
			f.notifier.inode(f.idsOf(p, e.File)...)
		}
	case cache.SizesLost:
		for _, p := range f.places.all() {
			if p.box == nil {
				continue
			}
			l, _ := p.box.Known()
			for _, uid := range l.UIDs {
				f.notifier.inode(f.idsOf(p, cache.File{UID: uid, Part: cache.Outer, Kind: cache.Whole})...)
			}
		}
	}
}

// messagesChanged: messages came to a place, or gone went from it.
func (f *FS) messagesChanged(p *place, gone []*cache.Message) {
	for _, v := range allViews {
		var names []string
		for _, m := range gone {
			names = append(names, f.nameIn(context.Background(), v, p.box, m))
		}
		for _, id := range f.dirIDs(v, p) {
			f.notifier.entries(id, names)
		}
	}
}

// retired: a place's mailbox was deleted, or has a new UIDVALIDITY. Its node
// is history; the kernel finds the new one when it looks up the name again. gone
// are the messages that it had.
func (f *FS) retired(p *place, gone []*cache.Message) {
	if p.key == f.opts.Root {
		f.messagesChanged(p, gone) // the tops of the views stay what they are
		return
	}
	f.namesChanged(path.Dir(p.key), []string{path.Base(p.key)})
}

// mailboxesChanged compares the old tree with the new one.
func (f *FS) mailboxesChanged() {
	old, now := f.places.renew()
	if old == nil {
		return
	}
	parents := maps.Clone(old.children)
	maps.Copy(parents, now.children)
	for key := range parents {
		before, after := old.children[key], now.children[key]
		if slices.Equal(before, after) {
			continue
		}
		gone := slices.DeleteFunc(slices.Clone(before), func(name string) bool {
			_, ok := slices.BinarySearch(after, name)
			return ok
		})
		f.namesChanged(key, gone)
	}
}

// namesChanged: child mailboxes came to a directory, or gone went from it.
func (f *FS) namesChanged(key string, gone []string) {
	if key == "." {
		key = ""
	}
	for _, p := range f.places.keyed(key) {
		for _, v := range allViews {
			for _, id := range f.dirIDs(v, p) {
				f.notifier.entries(id, gone)
			}
		}
	}
}

// dirIDs returns the node ids under which the kernel may know a directory of
// the mailbox tree.
func (f *FS) dirIDs(v view, p *place) (ids []uint64) {
	nodes := []node{{v, kindMailbox, p, 0, cache.Outer}}
	if p.key == f.opts.Root {
		nodes = append(nodes, node{v, kindTop, nil, 0, cache.Outer})
	}
	for _, n := range nodes {
		if id, ok := f.idOf(n); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// idsOf returns the node ids under which the kernel may know a file.
func (f *FS) idsOf(p *place, file cache.File) (ids []uint64) {
	kinds := map[cache.Kind]kind{cache.Whole: kindEML, cache.Header: kindHeader, cache.Body: kindPart}
	for _, v := range allViews {
		if id, ok := f.idOf(node{v, kinds[file.Kind], p, file.UID, file.Part}); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// idOf returns n's id, false if the kernel cannot know it.
func (f *FS) idOf(n node) (uint64, bool) {
	if id, ok := n.pack(); ok {
		return id, true
	}
	return f.dynamic.id(n)
}
