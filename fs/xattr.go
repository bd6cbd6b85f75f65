package fs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// maxXattr bounds an attribute's value, in bytes: ext4 has room for 4 KiB of
// them all, and a copy should not fail for want of it.
const maxXattr = 512

// xattr is one extended attribute; it is absent where value gives "".
type xattr struct {
	name  string
	value func(n node, m *cache.Message) string
}

// syncedXattr can be read, but is not listed: it changes all the time, and a
// copy made with rsync -X would have something to do at every run.
const syncedXattr = "user.imap.synced"

var mailboxXattrs = []xattr{
	{"user.imap.mailbox", func(n node, _ *cache.Message) string { return n.place.mailbox.Name }},
	{"user.imap.special_use", func(n node, _ *cache.Message) string { return n.place.mailbox.SpecialUse }},
	{syncedXattr, func(n node, _ *cache.Message) string {
		if n.place.box != nil {
			if l, ok := n.place.box.Known(); ok {
				return timestamp(l.Synced)
			}
		}
		return ""
	}},
	{"user.imap.uidvalidity", func(n node, _ *cache.Message) string { return number(n.place.validity()) }},
}

var messageXattrs = []xattr{
	{"user.imap.flags", func(_ node, m *cache.Message) string { return strings.Join(m.Flags, " ") }},
	{"user.imap.internaldate", func(_ node, m *cache.Message) string { return timestamp(m.Date) }},
	{"user.imap.message_id", func(_ node, m *cache.Message) string { return m.MessageID }},
	{"user.imap.uid", func(_ node, m *cache.Message) string { return number(m.UID) }},
}

var partXattrs = []xattr{
	{"user.imap.charset", func(n node, m *cache.Message) string { return m.Parts[n.part].Charset }},
	{"user.imap.content_id", func(n node, m *cache.Message) string { return m.Parts[n.part].ContentID }},
	{"user.imap.section", func(n node, m *cache.Message) string { return m.Parts[n.part].Section }},
	{"user.mime_type", func(n node, m *cache.Message) string { return m.Parts[n.part].Type }},
}

func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// xattrsOf tells which attributes a node may have.
func xattrsOf(n node) []xattr {
	switch {
	case n.kind == kindMailbox && n.place.mailbox != nil:
		return mailboxXattrs
	case n.uid == 0 || n.kind == kindHeader || n.kind == kindWarm:
		return nil
	case n.part != cache.Outer:
		return partXattrs
	}
	return messageXattrs
}

// xattrValue returns the value of an attribute, "" if it is absent.
func (f *FS) xattrValue(ctx context.Context, n node, x xattr) (string, error) {
	var m *cache.Message
	if n.uid != 0 {
		var err error
		if n.part == cache.Outer {
			m, err = n.place.box.Message(ctx, n.uid)
		} else {
			m, err = n.place.box.Structured(ctx, n.uid)
		}
		if err != nil {
			return "", err
		}
	}
	value := x.value(n, m)
	if len(value) > maxXattr || strings.ContainsRune(value, 0) {
		return "", nil
	}
	return value, nil
}

// GetXAttr implements fuse.RawFileSystem. The kernel asks for attributes that
// nobody here has (security.*, system.posix_acl_*) for every file: these are
// answered first.
func (f *FS) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	if f.opts.NoXattrs {
		return 0, fuse.ENOSYS
	}
	if !strings.HasPrefix(name, "user.") {
		return 0, fuse.ENOATTR
	}
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return 0, status
	}
	known := xattrsOf(n)
	i := slices.IndexFunc(known, func(x xattr) bool { return x.name == name })
	if i < 0 {
		return 0, fuse.ENOATTR
	}
	value, err := f.xattrValue(interruptible(cancel), n, known[i])
	if err != nil {
		return 0, f.openStatus("read attribute", err)
	}
	if value == "" {
		return 0, fuse.ENOATTR
	}
	return give(value, dest)
}

// ListXAttr implements fuse.RawFileSystem.
func (f *FS) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	if f.opts.NoXattrs {
		return 0, fuse.ENOSYS
	}
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return 0, status
	}
	var names strings.Builder
	for _, x := range xattrsOf(n) {
		if x.name == syncedXattr {
			continue
		}
		value, err := f.xattrValue(interruptible(cancel), n, x)
		if err != nil {
			return 0, f.openStatus("list attributes", err)
		}
		if value != "" {
			names.WriteString(x.name + "\x00")
		}
	}
	return give(names.String(), dest)
}

// give copies value into dest, or tells how much room it takes.
func give(value string, dest []byte) (uint32, fuse.Status) {
	if len(value) > len(dest) {
		return uint32(len(value)), fuse.Status(syscall.ERANGE)
	}
	return uint32(copy(dest, value)), fuse.OK
}
