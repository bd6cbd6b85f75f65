package fs

import (
	"context"
	"slices"
	"strings"
	"time"

	"imapfs/cache"
)

// temporary reports whether a name is one that programs use until a file is
// complete: of rsync, editors, browsers and file managers.
func temporary(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") {
		return true
	}
	for _, suffix := range []string{".part", ".partial", ".filepart", ".crdownload", ".tmp", ".swp"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// naming is how a layout shows messages.
func naming(l Layout) cache.Naming {
	if l == LayoutEML {
		return cache.AsFile
	}
	return cache.AsDirectory
}

// store begins to store a draft, unless that has been done; ended, if set, is
// called with the result.
func (f *FS) store(d *draft, ended func(error)) *cache.Edit {
	s := &f.drafts
	s.mu.Lock()
	d.pending++
	s.mu.Unlock()
	return f.account.Start(func(ctx context.Context) error {
		err := f.storeNow(ctx, d)
		if ended != nil {
			ended(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		d.pending--
		s.abandon(d)
		s.settle(d)
		return err
	})
}

// abandon takes the name of a draft that was not stored when nobody has it open
// any more: it is in no mailbox, and is not to look as if it were. mu is held.
func (s *drafts) abandon(d *draft) {
	if d.opens == 0 && d.pending == 0 && d.listed && d.replaces != nil && d.content.Size() == 0 {
		s.unlist(d) // nothing takes the place of a message
	}
	if d.opens == 0 && d.pending == 0 && d.listed && !temporary(d.at.name) && d.stored != d.change && d.content.Size() > 0 {
		s.unlist(d)
	}
}

// storeNow stores a draft as it is, and removes what it was stored as before.
func (f *FS) storeNow(ctx context.Context, d *draft) error {
	d.storing.Lock()
	defer d.storing.Unlock()
	s := &f.drafts
	s.mu.Lock()
	change, place, at := d.change, d.place, d.at
	e := cache.Envelope{Name: at.name, As: cache.AsFile, Date: d.date, Flags: slices.Clone(d.flags), Backup: looksLikeMessage(at.name)}
	was, wasIn, done := d.as, d.where, d.where != nil && d.stored == change
	replaces := d.replaces
	if replaces != nil && replaces.box == place.box {
		e.Replaces = replaces.uid
	}
	s.mu.Unlock()
	if done {
		return nil
	}
	as, err := d.content.Store(ctx, place.box, e)
	if err != nil {
		return err
	}
	s.mu.Lock()
	d.stored, d.as, d.where, d.replaces = change, as, place.box, nil
	if !d.date.IsZero() {
		d.date = d.date.Truncate(time.Second)
	}
	s.settle(d)
	s.mu.Unlock()
	// Only now that this one is safe.
	if wasIn != nil && was.UID != 0 && was != as {
		f.hide(message{wasIn, was.UID})
		if err := wasIn.Expunge(ctx, was.UID); err != nil {
			f.opts.Log.Warn("a message that was written anew is there twice", "mailbox", wasIn.ID().Name, "uid", was.UID, "error", err)
		}
	}
	if replaces != nil && (replaces.box != place.box || replaces.uid != as.UID) {
		f.hide(*replaces)
		if err := replaces.box.Discard(ctx, replaces.uid); err != nil {
			f.unhide(*replaces)
			f.opts.Log.Warn("a message that was replaced is still there", "mailbox", replaces.box.ID().Name, "uid", replaces.uid, "error", err)
		}
	}
	f.changedElsewhere(place, at.layout)
	return nil
}

// changedElsewhere makes the kernel forget the listing of a directory in the views
// of other layouts than the one in which it was changed.
func (f *FS) changedElsewhere(p *place, layout Layout) {
	for _, v := range allViews {
		if f.layout(v) == layout {
			continue
		}
		for _, id := range f.dirIDs(v, p) {
			f.notifier.entries(id, nil)
		}
	}
}
