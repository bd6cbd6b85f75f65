package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// notifier tells the kernel to forget what it has cached. It does so on a
// goroutine of its own: from inside a request, or from whoever reads the
// server's answers, it would deadlock, since the kernel waits for requests
// that are under way.
type notifier struct {
	mu     sync.Mutex
	server *fuse.Server // guarded by mu
	queue  []uint64     // guarded by mu; inodes
	wake   chan struct{}
	done   chan struct{}
}

func (t *notifier) start(server *fuse.Server) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.server, t.wake, t.done = server, make(chan struct{}, 1), make(chan struct{})
	go t.run()
}

func (t *notifier) run() {
	defer close(t.done)
	for range t.wake {
		t.mu.Lock()
		queue := t.queue
		t.queue = nil
		t.mu.Unlock()
		for _, id := range queue {
			t.server.InodeNotify(id, 0, 0) // ENOENT: the kernel does not know it, all the better
		}
	}
}

// inode makes the kernel forget the attributes and the pages of an inode.
func (t *notifier) inode(ids ...uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake == nil {
		return
	}
	t.queue = append(t.queue, ids...)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// stop ends the goroutine and waits for it.
func (t *notifier) stop() {
	t.mu.Lock()
	wake, done := t.wake, t.done
	t.wake = nil
	t.mu.Unlock()
	if wake != nil {
		close(wake)
		<-done
	}
}

// resized is told by the account that the size of a file (or, with no box, of
// every whole message) is not what the kernel may have been told.
func (f *FS) resized(box *cache.Box, file cache.File) {
	var ids []uint64
	for _, p := range f.places.all() {
		switch {
		case p.box == nil || box != nil && p.box != box:
		case box != nil:
			ids = append(ids, f.idsOf(p, file)...)
		default:
			l, _ := p.box.Known()
			for _, uid := range l.UIDs {
				ids = append(ids, f.idsOf(p, cache.File{UID: uid, Part: cache.Outer, Kind: cache.Whole})...)
			}
		}
	}
	f.notifier.inode(ids...)
}

// idsOf returns the node ids under which the kernel may know a file.
func (f *FS) idsOf(p *place, file cache.File) (ids []uint64) {
	kinds := map[cache.Kind]kind{cache.Whole: kindEML, cache.Header: kindHeader, cache.Body: kindPart}
	for _, v := range []view{viewRoot, viewParts, viewEML} {
		n := node{v, kinds[file.Kind], p, file.UID, file.Part}
		id, ok := n.pack()
		if !ok {
			id, ok = f.dynamic.id(n)
		}
		if ok {
			ids = append(ids, id)
		}
	}
	return ids
}
