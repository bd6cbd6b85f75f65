package fs

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// Mkdir implements fuse.RawFileSystem: a directory is a mailbox.
func (f *FS) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	ctx := interruptible(cancel)
	n, err := f.mkdir(cancel, in, name)
	if err != nil {
		return f.writeStatus("mkdir", err)
	}
	valid, err := f.attr(ctx, n, &out.Attr)
	if err != nil {
		return f.writeStatus("mkdir", err)
	}
	f.enter(n, valid, out)
	return fuse.OK
}

func (f *FS) mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string) (n node, err error) {
	ctx := interruptible(cancel)
	parent, here, err := f.writing(ctx, in.NodeId, name)
	if err != nil {
		return n, err
	}
	if _, ok, err := f.child(ctx, parent, name); ok || err != nil {
		if err == nil {
			err = cache.ErrExist
		}
		return n, err
	}
	t, err := f.places.now(ctx)
	if err != nil {
		return n, err
	}
	id, err := mailboxNamed(t, here, name)
	if err != nil {
		f.opts.Log.Warn("a mailbox was not made", "name", name, "error", err)
		return n, err
	}
	e := f.account.Start(func(ctx context.Context) error { return f.account.CreateMailbox(ctx, id) })
	if err := attend(interruptible(cancel), in.Pid, e.Wait); err != nil {
		return n, err
	}
	n, ok, err := f.child(ctx, parent, name)
	if err == nil && !ok {
		f.opts.Log.Warn("a mailbox was made, and the server lists it under another name", "name", name)
		err = cache.ErrProtocol
	}
	return n, err
}

// mailboxNamed is the mailbox that a name in a directory stands for: the inverse
// of mailboxPath. ErrInvalid: none is shown under that name.
func mailboxNamed(t *tree, parent *place, name string) (id cache.ID, err error) {
	if parent.mailbox != nil && parent.mailbox.Raw {
		return id, forbidden("the name of the mailbox above cannot be decoded")
	}
	delimiter, prefix := levelsBelow(t, parent)
	if parent.key != "" && delimiter == 0 {
		return id, forbidden("the mailboxes of this server have no levels")
	}
	plain := unescapeComponent(name)
	if !utf8.ValidString(plain) || component(plain, false) != name || plain == "" ||
		delimiter != 0 && strings.ContainsRune(plain, delimiter) || strings.EqualFold(plain, "INBOX") && parent.key == "" {
		return id, cache.ErrInvalid
	}
	return cache.ID{Name: prefix + plain}, nil
}

// levelsBelow returns the delimiter of names below a place, and what they begin
// with.
func levelsBelow(t *tree, parent *place) (delimiter rune, prefix string) {
	if m := parent.mailbox; m != nil {
		if m.Delimiter == 0 {
			return 0, ""
		}
		return m.Delimiter, m.Name + string(m.Delimiter)
	}
	for i := range t.list {
		m := &t.list[i]
		if m.Delimiter == 0 || m.Raw {
			continue
		}
		if parent.key == "" {
			return m.Delimiter, ""
		}
		path := mailboxPath(m)
		if !strings.HasPrefix(strings.Join(path, "/"), parent.key+"/") {
			continue
		}
		depth := strings.Count(parent.key, "/") + 1
		levels := strings.SplitN(m.Name, string(m.Delimiter), depth+1)
		return m.Delimiter, strings.Join(levels[:depth], string(m.Delimiter)) + string(m.Delimiter)
	}
	return 0, ""
}

// unescapeComponent undoes the escapes of component.
func unescapeComponent(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]) {
			b.WriteByte(unhex(name[i+1])<<4 | unhex(name[i+2]))
			i += 2
			continue
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

// removeMailbox deletes an empty mailbox.
func (f *FS) removeMailbox(cancel <-chan struct{}, pid uint32, p *place) error {
	switch {
	case p.mailbox == nil:
		return cache.ErrNotEmpty // a level, which is there for what is below
	case p.mailbox.Name == "INBOX":
		return forbidden("INBOX cannot be deleted")
	case len(f.drafts.in(LayoutEML, p.key)) > 0 || len(f.drafts.in(LayoutParts, p.key)) > 0:
		return cache.ErrNotEmpty
	}
	e := f.account.Start(func(ctx context.Context) error { return f.account.DeleteMailbox(ctx, p.mailbox) })
	return attend(interruptible(cancel), pid, e.Wait)
}

// renameMailbox renames a mailbox.
func (f *FS) renameMailbox(m *moving, name string) error {
	p := m.from.place
	switch {
	case m.exists:
		return cache.ErrExist
	case p.mailbox == nil || p.mailbox.Raw:
		return forbidden("a level without a mailbox of its own, or one whose name cannot be decoded, is not renamed")
	}
	t, err := f.places.now(interruptible(m.cancel))
	if err != nil {
		return err
	}
	id, err := mailboxNamed(t, m.place, name)
	if err != nil {
		return err
	}
	e := f.account.Start(func(ctx context.Context) error { return f.account.RenameMailbox(ctx, p.mailbox, id) })
	if err := attend(interruptible(m.cancel), m.pid, e.Wait); err != nil {
		return err
	}
	// The kernel has moved the old node to the new name.
	for _, v := range allViews {
		for _, id := range f.dirIDs(v, m.place) {
			f.notifier.entries(id, []string{name})
		}
	}
	return nil
}
