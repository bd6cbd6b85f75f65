package fs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// Unlink implements fuse.RawFileSystem.
func (f *FS) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	if n, status := f.node(in.NodeId); status.Ok() && n.kind == kindMessage && f.account.Writable() {
		return f.writeStatus("unlink", f.hidePart(interruptible(cancel), n, name, in.Pid))
	}
	ctx := interruptible(cancel)
	parent, _, err := f.writing(ctx, in.NodeId, name)
	if err != nil {
		return f.writeStatus("unlink", err)
	}
	n, ok, err := f.child(ctx, parent, name)
	switch {
	case err != nil:
		return f.writeStatus("unlink", err)
	case !ok:
		return fuse.ENOENT
	case n.kind == kindDraft:
		return f.writeStatus("unlink", f.unlinkDraft(cancel, in.Pid, n))
	case n.kind != kindEML:
		return fuse.EPERM
	}
	return f.writeStatus("unlink", f.discard(cancel, in.Pid, n))
}

// Rmdir implements fuse.RawFileSystem.
func (f *FS) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	ctx := interruptible(cancel)
	dir, status := f.node(in.NodeId)
	if status.Ok() && dir.kind == kindMessage && f.account.Writable() {
		return f.writeStatus("rmdir", f.hidePart(ctx, dir, name, in.Pid))
	}
	parent, _, err := f.writing(ctx, in.NodeId, name)
	if err != nil {
		return f.writeStatus("rmdir", err)
	}
	n, ok, err := f.child(ctx, parent, name)
	switch {
	case err != nil:
		return f.writeStatus("rmdir", err)
	case !ok:
		return fuse.ENOENT
	case n.kind == kindMessage:
		if err := f.emptied(ctx, n); err != nil {
			return f.writeStatus("rmdir", err)
		}
		return f.writeStatus("rmdir", f.discard(cancel, in.Pid, n))
	case n.kind == kindMailbox:
		return f.writeStatus("rmdir", f.removeMailbox(cancel, in.Pid, n.place))
	}
	return fuse.EPERM
}

// Symlink implements fuse.RawFileSystem: there are none.
func (f *FS) Symlink(<-chan struct{}, *fuse.InHeader, string, string, *fuse.EntryOut) fuse.Status {
	return f.neither()
}

// Link implements fuse.RawFileSystem: a message has one name.
func (f *FS) Link(<-chan struct{}, *fuse.LinkIn, string, *fuse.EntryOut) fuse.Status {
	return f.neither()
}

func (f *FS) neither() fuse.Status {
	if f.account.Writable() {
		return fuse.EPERM
	}
	return fuse.EROFS
}

// discard deletes a message.
func (f *FS) discard(cancel <-chan struct{}, pid uint32, n node) error {
	m := message{n.place.box, n.uid}
	e := f.account.Start(func(ctx context.Context) error {
		f.hide(m)
		err := m.box.Discard(ctx, m.uid)
		if err != nil {
			f.unhide(m)
			if errors.Is(err, cache.ErrNotExist) {
				err = cache.ErrStale
			}
			return err
		}
		f.changedElsewhere(n.place, f.layout(n.view))
		return nil
	})
	return attend(interruptible(cancel), pid, e.Wait)
}

// unlinkDraft takes a draft away, and what it was stored as.
func (f *FS) unlinkDraft(cancel <-chan struct{}, pid uint32, n node) error {
	d, ok := f.drafts.get(n)
	if !ok {
		return cache.ErrStale
	}
	e := f.account.Start(func(ctx context.Context) error {
		d.storing.Lock() // until it is known what it is stored as
		defer d.storing.Unlock()
		s := &f.drafts
		s.mu.Lock()
		as, where := d.as, d.where
		s.mu.Unlock()
		if where != nil && as.UID != 0 {
			f.hide(message{where, as.UID})
			if err := where.Discard(ctx, as.UID); err != nil {
				f.unhide(message{where, as.UID})
				return err
			}
			f.changedElsewhere(d.place, d.at.layout)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		d.as, d.where, d.stored = cache.Stored{}, nil, d.change
		s.unlist(d)
		s.settle(d)
		return nil
	})
	return attend(interruptible(cancel), pid, e.Wait)
}

// removals are parts that were unlinked on the way to the message that holds
// them (rm -r), and who is on such a way. They come back if the message stays.
type removals struct {
	mu     sync.Mutex
	listed map[node]lister          // guarded by mu
	hidden map[node]map[string]bool // guarded by mu; names by directory
	last   map[node]time.Time       // guarded by mu
	active atomic.Int32             // of hidden
}

// lister is who has listed a message's directory last.
type lister struct {
	pid  uint32
	when time.Time
}

const (
	// listingLasts is how long who has listed a directory may remove what is in it.
	listingLasts = time.Minute
	// hidingLasts is how long what was removed is not seen while the message stays.
	hidingLasts = 10 * time.Second
	// keptListers bounds those that are remembered.
	keptListers = 1024
)

// lists notes that somebody lists a message's directory.
func (r *removals) lists(n node, pid uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listed == nil || len(r.listed) >= keptListers {
		r.listed = make(map[node]lister)
	}
	r.listed[n] = lister{pid, time.Now()}
}

// hides reports whether a name in a message's directory was removed.
func (r *removals) hides(n node, name string) bool {
	if r.active.Load() == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hidden[n][name]
}

// hidePart hides a part, if that may be on the way to removing the message: who
// removes a directory lists it before.
func (f *FS) hidePart(ctx context.Context, dir node, name string, pid uint32) error {
	n, ok, err := f.messageChild(ctx, dir, name)
	switch {
	case err != nil:
		return err
	case !ok:
		return cache.ErrNotExist
	case n.dir():
		if err := f.emptied(ctx, n); err != nil {
			return err
		}
	}
	r := &f.removals
	r.mu.Lock()
	defer r.mu.Unlock()
	by := r.listed[dir]
	if by.pid != pid || time.Since(by.when) > listingLasts {
		return forbidden("a part of a message cannot be removed by itself")
	}
	if r.hidden == nil {
		r.hidden, r.last = make(map[node]map[string]bool), make(map[node]time.Time)
	}
	if r.hidden[dir] == nil {
		r.hidden[dir] = make(map[string]bool)
		time.AfterFunc(hidingLasts, func() { f.showParts(dir) })
	}
	r.hidden[dir][name] = true
	r.last[dir] = time.Now()
	r.active.Store(int32(len(r.hidden)))
	return nil
}

// showParts shows again what was hidden in a directory, if that is over.
func (f *FS) showParts(dir node) {
	r := &f.removals
	r.mu.Lock()
	if left := hidingLasts - time.Since(r.last[dir]); left > 0 {
		r.mu.Unlock()
		time.AfterFunc(left, func() { f.showParts(dir) })
		return
	}
	names := slices.Collect(maps.Keys(r.hidden[dir]))
	delete(r.hidden, dir)
	delete(r.last, dir)
	r.active.Store(int32(len(r.hidden)))
	r.mu.Unlock()
	if id, ok := f.idOf(dir); ok {
		f.notifier.entries(id, names)
	}
}

// emptied reports that there is still something in a message's directory.
func (f *FS) emptied(ctx context.Context, dir node) error {
	m, err := dir.place.box.Structured(ctx, dir.uid)
	if err != nil {
		return err
	}
	l, err := f.listings.of(ctx, dir)
	if err != nil {
		return err
	}
	for _, e := range l.entries {
		if !f.removals.hides(dir, e.name) {
			return cache.ErrNotEmpty
		}
	}
	if f.listsEML(m) && !f.removals.hides(dir, emlName) {
		return cache.ErrNotEmpty
	}
	return nil
}
