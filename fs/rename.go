package fs

import (
	"context"
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// Flags of renameat2(2).
const (
	renameNoReplace = 1
	renameExchange  = 2
)

// Rename implements fuse.RawFileSystem: of mailboxes, of messages within a mailbox
// (the name is this machine's alone) or to another, and of drafts, of which it
// makes messages where the new name is a lasting one.
func (f *FS) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	for _, id := range []uint64{in.NodeId, in.Newdir} {
		f.notifier.begin(id)
		defer f.notifier.end(id)
	}
	if in.Flags&^renameNoReplace != 0 {
		return fuse.EINVAL
	}
	return f.writeStatus("rename", f.rename(cancel, in, oldName, newName))
}

// moving is a rename under way.
type moving struct {
	pid      uint32
	cancel   <-chan struct{}
	from     node
	oldPlace *place
	target   node
	exists   bool // target does
	place    *place
	key      draftKey // of the new name
	view     view
}

func (f *FS) rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) error {
	ctx := interruptible(cancel)
	oldParent, oldPlace, err := f.writing(ctx, in.NodeId, oldName)
	if err != nil {
		return err
	}
	newParent, place, err := f.writing(ctx, in.Newdir, newName)
	if err != nil {
		return err
	}
	m := moving{pid: in.Pid, cancel: cancel, oldPlace: oldPlace, place: place, view: newParent.view}
	var ok bool
	if m.from, ok, err = f.child(ctx, oldParent, oldName); err != nil || !ok {
		if err == nil {
			err = cache.ErrNotExist
		}
		return err
	}
	if m.target, m.exists, err = f.child(ctx, newParent, newName); err != nil {
		return err
	}
	layout := f.layout(newParent.view)
	m.key = draftKey{layout, place.key, newName}
	switch {
	case m.exists && m.target == m.from:
		return nil
	case m.exists && in.Flags&renameNoReplace != 0:
		return cache.ErrExist
	case m.from.kind == kindMailbox:
		return f.renameMailbox(&m, newName)
	case place.box == nil:
		return forbidden("there is no mailbox there that it could be a message of")
	case layout != f.layout(oldParent.view):
		return errOtherLayout
	case m.exists && m.target.dir():
		return cache.ErrNotEmpty
	case place != oldPlace && !f.account.MayWrite(ctx, place.mailbox.ID()):
		return cache.ErrPermission
	case m.from.kind == kindDraft:
		return f.renameDraft(ctx, &m)
	case m.from.kind == kindEML || m.from.kind == kindMessage:
		return f.renameMessage(&m)
	}
	return forbidden("a part of a message cannot be renamed")
}

// errOtherLayout: a file of one layout is none in the other. mv copies then.
var errOtherLayout = errors.New("other layout")

// renameDraft renames a draft that is not stored, or has it stored; one that is
// stored is a message.
func (f *FS) renameDraft(ctx context.Context, m *moving) error {
	d, ok := f.drafts.get(m.from)
	if !ok {
		return cache.ErrStale
	}
	s := &f.drafts
	known := f.account.Start(func(context.Context) error {
		d.storing.Lock() // until it is known what it is stored as
		defer d.storing.Unlock()
		return nil
	})
	if err := attend(interruptible(m.cancel), m.pid, known.Wait); err != nil {
		return err
	}
	s.mu.Lock()
	as, where := d.as, d.where
	s.mu.Unlock()
	if where != nil && as.UID != 0 {
		return f.renameStored(ctx, m, d, as, where)
	}
	lasting := !temporary(m.key.name) && d.content.Size() > 0
	behind, err := false, error(nil)
	if lasting {
		if err := s.owed(m.key.dir); err != nil {
			return err
		}
		if d.content.Size() <= maxBehindSize && !f.opts.Sync {
			if behind, err = s.behind.admit(ctx, m.key.dir); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	was, wasPlace := d.at, d.place
	var replaced *draft
	if m.exists && m.target.kind == kindDraft {
		if replaced = s.number[m.target.uid]; replaced != nil {
			if d.replaces = replaced.replaces; replaced.where != nil && replaced.as.UID != 0 {
				d.replaces = &message{replaced.where, replaced.as.UID}
			}
			s.unlist(replaced)
			replaced.stored = replaced.change // it is history
		}
	} else if m.exists {
		d.replaces = &message{m.target.place.box, m.target.uid}
	}
	s.relist(d, m.key, m.place)
	d.change++
	d.opens++ // it stays while this is under way
	s.mu.Unlock()
	if behind {
		f.storeBehind(d, m.key.dir)
	} else if lasting {
		key := m.key.dir
		err = attend(interruptible(m.cancel), m.pid, f.store(d, func(err error) { s.behind.ended(key, err == nil, false) }).Wait)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.opens--
	defer s.settle(d)
	if err != nil && d.pending == 0 && d.stored != d.change { // as if nothing had happened
		d.replaces = nil
		if s.named[was] == nil {
			s.relist(d, was, wasPlace)
		} else {
			s.unlist(d)
		}
		if replaced != nil && s.named[m.key] == nil {
			s.relist(replaced, m.key, m.place)
		}
		return err
	}
	if replaced != nil {
		s.settle(replaced)
	}
	return err
}

// renameStored renames a draft as what it is stored as.
func (f *FS) renameStored(ctx context.Context, m *moving, d *draft, as cache.Stored, where *cache.Box) error {
	if err := where.Settle(ctx); err != nil {
		return err
	}
	m.from = node{m.view, kindEML, m.oldPlace, as.UID, cache.Outer}
	if err := f.renameMessage(m); err != nil {
		return err
	}
	s := &f.drafts
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlist(d)
	s.settle(d)
	return nil
}

// renameMessage renames a message, or moves it to another mailbox. What had the
// new name is deleted then.
func (f *FS) renameMessage(m *moving) error {
	from, to := m.from.place.box, m.place.box
	as := naming(m.key.layout)
	if m.from.kind == kindEML {
		as = cache.AsFile
	}
	e := f.account.Start(func(ctx context.Context) error {
		uid, validity := m.from.uid, to.Validity()
		if from != to {
			source := message{from, uid}
			f.hide(source)
			stored, err := from.Move(ctx, uid, to)
			if err != nil {
				f.unhide(source)
				if errors.Is(err, cache.ErrNotExist) {
					err = cache.ErrStale
				}
				return err
			}
			uid, validity = stored.UID, stored.Validity
			f.changedElsewhere(m.oldPlace, m.key.layout)
		}
		if uid != 0 {
			to.SetName(validity, as, uid, m.key.name)
		}
		f.changedElsewhere(m.place, m.key.layout)
		f.replaced(ctx, m)
		// The kernel has moved the old node to the new name.
		for _, id := range f.dirIDs(m.view, m.place) {
			f.notifier.entries(id, []string{m.key.name})
		}
		return nil
	})
	return attend(interruptible(m.cancel), m.pid, e.Wait)
}

// replaced deletes what had a name that now is another's.
func (f *FS) replaced(ctx context.Context, m *moving) {
	if !m.exists {
		return
	}
	was := message{m.target.place.box, m.target.uid}
	if m.target.kind == kindDraft {
		d, ok := f.drafts.get(m.target)
		if !ok {
			return
		}
		d.storing.Lock()
		defer d.storing.Unlock()
		s := &f.drafts
		s.mu.Lock()
		was = message{d.where, d.as.UID}
		d.where, d.as, d.stored = nil, cache.Stored{}, d.change
		s.unlist(d)
		s.settle(d)
		s.mu.Unlock()
	}
	if was.box == nil || was.uid == 0 {
		return
	}
	f.hide(was)
	if err := was.box.Discard(ctx, was.uid); err != nil {
		f.unhide(was)
		f.opts.Log.Warn("a message that was replaced is still there", "mailbox", was.box.ID().Name, "uid", was.uid, "error", err)
	}
}
