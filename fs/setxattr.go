package fs

import (
	"context"
	"slices"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

const (
	flagsXattr = "user.imap.flags"
	aclXattr   = "user.imap.acl"
)

// SetXAttr implements fuse.RawFileSystem. Flags and rights can be set. Setting the
// others, which the server gives, succeeds without effect: a copy made with
// rsync -X has them, and is to be put back by it.
func (f *FS) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	return f.setXAttr(cancel, &in.InHeader, name, string(data))
}

// RemoveXAttr implements fuse.RawFileSystem.
func (f *FS) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.setXAttr(cancel, in, name, "")
}

func (f *FS) setXAttr(cancel <-chan struct{}, in *fuse.InHeader, name, value string) fuse.Status {
	n, status := f.node(in.NodeId)
	switch {
	case !status.Ok():
		return status
	case !f.account.Writable():
		return fuse.EROFS
	case f.opts.NoXattrs:
		return fuse.Status(syscall.ENOTSUP)
	}
	known := xattrsOf(n)
	if n.kind == kindDraft {
		known = messageXattrs
	}
	if !slices.ContainsFunc(known, func(x xattr) bool { return x.name == name }) {
		if strings.HasPrefix(name, "user.imap.") || name == "user.mime_type" {
			return fuse.OK // of another kind of file, or of another version
		}
		return fuse.Status(syscall.ENOTSUP)
	}
	var change func(ctx context.Context) error
	switch {
	case name == flagsXattr && n.kind == kindDraft:
		change = func(ctx context.Context) error { return f.setDraftFlags(ctx, n, value) }
	case name == flagsXattr:
		change = func(ctx context.Context) error { return n.place.box.SetFlags(ctx, n.uid, flagsOf(value)) }
	case name == aclXattr:
		change = func(ctx context.Context) error { return f.account.SetACL(ctx, n.place.mailbox.ID(), value) }
	default:
		return fuse.OK
	}
	return f.writeStatus("set attribute", attend(interruptible(cancel), in.Pid, f.account.Start(change).Wait))
}

// flagsOf reads flags as the attribute has them.
func flagsOf(value string) []string {
	flags := strings.Fields(value)
	slices.Sort(flags)
	flags = slices.DeleteFunc(flags, func(s string) bool { return strings.EqualFold(s, `\Recent`) })
	return slices.Compact(flags)
}

// setDraftFlags gives a draft flags, and the message if it is one already.
func (f *FS) setDraftFlags(ctx context.Context, n node, value string) error {
	d, ok := f.drafts.get(n)
	if !ok {
		return cache.ErrStale
	}
	flags := flagsOf(value)
	d.storing.Lock()
	defer d.storing.Unlock()
	s := &f.drafts
	s.mu.Lock()
	where, as := d.where, d.as
	s.mu.Unlock()
	if where != nil && as.UID != 0 {
		if err := where.SetFlags(ctx, as.UID, flags); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.flags = flags
	return nil
}

// draftXattr is the value of a draft's attribute.
func (f *FS) draftXattr(n node, name string) string {
	d, ok := f.drafts.get(n)
	if !ok || name != flagsXattr {
		return ""
	}
	f.drafts.mu.Lock()
	defer f.drafts.mu.Unlock()
	return strings.Join(d.flags, " ")
}
