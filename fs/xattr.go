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
	// detail, if set, is what the server is asked for in place of value.
	detail cache.Detail
	// byName: it can be read, but is not listed. It changes all the time, or
	// takes a question to the server; and a copy made with rsync -X would have
	// something to do at every run.
	byName bool
}

var mailboxXattrs = []xattr{
	{name: "user.imap.acl", detail: cache.ACL, byName: true},
	{name: "user.imap.mailbox", value: func(n node, _ *cache.Message) string { return n.place.mailbox.Name }},
	{name: "user.imap.rights", detail: cache.Rights, byName: true},
	{name: "user.imap.size", detail: cache.Octets, byName: true},
	{name: "user.imap.special_use", value: func(n node, _ *cache.Message) string { return n.place.mailbox.SpecialUse }},
	{name: "user.imap.synced", byName: true, value: func(n node, _ *cache.Message) string {
		if n.place.box != nil {
			if l, ok := n.place.box.Known(); ok {
				return timestamp(l.Synced)
			}
		}
		return ""
	}},
	{name: "user.imap.uidvalidity", value: func(n node, _ *cache.Message) string { return number(n.place.validity()) }},
}

var messageXattrs = []xattr{
	{name: "user.imap.flags", value: func(_ node, m *cache.Message) string { return strings.Join(m.Flags, " ") }},
	{name: "user.imap.gm_labels", value: func(_ node, m *cache.Message) string { return gmail(m).Labels.String() }},
	{name: "user.imap.gm_msgid", value: func(_ node, m *cache.Message) string { return number(gmail(m).ID) }},
	{name: "user.imap.gm_thrid", value: func(_ node, m *cache.Message) string { return number(gmail(m).Thread) }},
	{name: "user.imap.internaldate", value: func(_ node, m *cache.Message) string { return timestamp(m.Date) }},
	{name: "user.imap.message_id", value: func(_ node, m *cache.Message) string { return m.MessageID }},
	{name: "user.imap.uid", value: func(_ node, m *cache.Message) string { return number(m.UID) }},
}

var partXattrs = []xattr{
	{name: "user.imap.charset", value: func(n node, m *cache.Message) string { return m.Parts[n.part].Charset }},
	{name: "user.imap.content_id", value: func(n node, m *cache.Message) string { return m.Parts[n.part].ContentID }},
	{name: "user.imap.section", value: func(n node, m *cache.Message) string { return m.Parts[n.part].Section }},
	{name: "user.mime_type", value: func(n node, m *cache.Message) string { return m.Parts[n.part].Type }},
}

func gmail(m *cache.Message) cache.Gmail {
	if m.Gmail == nil {
		return cache.Gmail{}
	}
	return *m.Gmail
}

func number[T uint32 | uint64](n T) string {
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
	case n.uid == 0 || n.kind == kindHeader || n.kind == kindWarm || n.kind == kindDraft:
		return nil
	case n.part != cache.Outer:
		return partXattrs
	}
	return messageXattrs
}

// xattrValue returns the value of an attribute, "" if it is absent.
func (f *FS) xattrValue(ctx context.Context, n node, x xattr) (string, error) {
	if x.detail != 0 {
		return f.account.Detail(ctx, n.place.mailbox.ID(), x.detail)
	}
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
func (f *FS) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (size uint32, status fuse.Status) {
	r := f.begin(opGetXAttr, in.NodeId, cancel)
	defer r.end(&status)
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
	if n.kind == kindDraft {
		if value := f.draftXattr(n, name); value != "" {
			return give(value, dest)
		}
		return 0, fuse.ENOATTR
	}
	known := xattrsOf(n)
	i := slices.IndexFunc(known, func(x xattr) bool { return x.name == name })
	if i < 0 {
		return 0, fuse.ENOATTR
	}
	value, err := f.xattrValue(r, n, known[i])
	if err != nil {
		return 0, f.openStatus("read attribute", err)
	}
	if value == "" {
		return 0, fuse.ENOATTR
	}
	return give(value, dest)
}

// ListXAttr implements fuse.RawFileSystem.
func (f *FS) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (size uint32, status fuse.Status) {
	r := f.begin(opListXAttr, in.NodeId, cancel)
	defer r.end(&status)
	if f.opts.NoXattrs {
		return 0, fuse.ENOSYS
	}
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return 0, status
	}
	var names strings.Builder
	if n.kind == kindDraft && f.draftXattr(n, flagsXattr) != "" {
		names.WriteString(flagsXattr + "\x00")
	}
	for _, x := range xattrsOf(n) {
		if x.byName {
			continue
		}
		value, err := f.xattrValue(r, n, x)
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
