package fs

import (
	"context"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// SetAttr implements fuse.RawFileSystem. Of a draft, the size and the time of
// modification, which becomes INTERNALDATE, can be set. Owner and mode are those
// of the mount: setting them succeeds and changes nothing, so that cp -p and
// rsync -a do their work.
func (f *FS) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	if !f.account.Writable() {
		return fuse.EROFS
	}
	var valid time.Duration
	ctx := interruptible(cancel)
	err := f.setAttr(cancel, in, n)
	if err == nil {
		valid, err = f.attr(ctx, n, &out.Attr)
	}
	if err != nil {
		return f.writeStatus("set attributes", err)
	}
	out.SetTimeout(valid)
	return fuse.OK
}

func (f *FS) setAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, n node) error {
	_, sized := in.GetSize()
	when, timed := in.GetMTime()
	if n.kind == kindEML && n.part == cache.Outer {
		if d := f.drafts.over(message{n.place.box, n.uid}); d != nil { // by its descriptor
			n = d.node(n.view, n.place)
		}
	}
	switch {
	case n.kind == kindDraft:
		return f.setDraft(cancel, in, n)
	case sized:
		return forbidden("a message never changes")
	case n.uid == 0 && n.dir():
		return f.setPlace(interruptible(cancel), n, when, timed)
	case !timed || n.uid == 0:
		return nil
	}
	m, err := n.place.box.Message(interruptible(cancel), n.uid)
	if err != nil {
		return err
	}
	if m.Date.Unix() != when.Unix() {
		return forbidden("the date of a message never changes")
	}
	return nil
}

// setPlace sets the time of a mailbox: it holds until another message comes. Who
// does so, as rsync, is done with what is in it.
func (f *FS) setPlace(ctx context.Context, n node, when time.Time, timed bool) error {
	if err := f.arrived(ctx, n); err != nil || !timed {
		return err
	}
	_, p, err := f.placeOf(ctx, n)
	if err != nil || p.box == nil {
		return err
	}
	if _, err := p.box.Listing(ctx); err != nil {
		return err
	}
	if err := p.box.Settle(ctx); err != nil {
		return err
	}
	p.box.SetTime(when)
	return nil
}

// setDraft sets attributes of a draft. If it has been stored, it is stored anew
// with a date that is set then.
func (f *FS) setDraft(cancel <-chan struct{}, in *fuse.SetAttrIn, n node) error {
	d, ok := f.drafts.get(n)
	if !ok {
		return cache.ErrStale
	}
	ctx := interruptible(cancel)
	if size, ok := in.GetSize(); ok {
		if err := d.content.Truncate(ctx, int64(size)); err != nil {
			return err
		}
		f.drafts.changed(d)
	}
	when, ok := in.GetMTime()
	if !ok {
		return nil
	}
	again := f.setDate(d, when)
	if !again {
		return nil
	}
	return attend(interruptible(cancel), in.Pid, f.store(d, nil).Wait)
}

// setDate gives a draft a date, and reports whether it has to be stored again.
func (f *FS) setDate(d *draft, when time.Time) (again bool) {
	s := &f.drafts
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.date.Equal(when) {
		return false
	}
	same := d.where != nil && d.date.Unix() == when.Unix() && !d.date.IsZero()
	d.date = when
	if same {
		return false
	}
	stored := d.where != nil && d.stored == d.change
	d.change++
	return stored && d.listed
}
