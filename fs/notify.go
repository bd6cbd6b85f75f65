package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// notifier tells the kernel to forget what it has cached.
//
// A notification takes the kernel's lock of the inode that it is for, and waits
// there for the requests that are under way on it: a LOOKUP or READDIR that
// waits for the network, in a directory; a READ, in a file. So none is sent
// from inside a request or by who reads the server's answers; each inode has a
// queue and, while there is something in it, a goroutine of its own, so that a
// slow mailbox holds up no other; and while requests are under way, the queue
// is held back, since new ones would wait behind the notification. It is safe
// for concurrent use.
type notifier struct {
	mu      sync.Mutex
	server  *fuse.Server           // guarded by mu; nil before the mount and after it
	queues  map[uint64]*inodeQueue // guarded by mu; of inodes with requests or notifications
	sending int                    // guarded by mu; goroutines at work
	waiting []uint64               // guarded by mu; inodes that wait for one
	senders sync.WaitGroup
}

// maxSenders bounds the goroutines: when a server turns out to lie about sizes,
// there is something to say of every message at once.
const maxSenders = 1024

// inodeQueue is what concerns one inode. It is guarded by notifier.mu.
type inodeQueue struct {
	requests int      // under way
	sending  bool     // a goroutine is at work
	inode    bool     // attributes and pages, or the listing, are to be forgotten
	names    []string // entries to be forgotten
}

func (t *notifier) start(server *fuse.Server) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.server, t.queues = server, make(map[uint64]*inodeQueue)
}

// stop waits for what is being sent; the rest is of no use any more.
func (t *notifier) stop() {
	t.mu.Lock()
	t.server = nil
	t.mu.Unlock()
	t.senders.Wait()
}

// begin and end frame a request on an inode.
func (t *notifier) begin(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server != nil {
		t.queue(id).requests++
	}
}

func (t *notifier) end(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := t.queues[id]; q != nil && q.requests > 0 {
		q.requests--
		t.next(id, q)
	}
}

// inode makes the kernel forget the attributes of an inode, and its pages or,
// of a directory, its listing.
func (t *notifier) inode(ids ...uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server == nil {
		return
	}
	for _, id := range ids {
		q := t.queue(id)
		q.inode = true
		t.next(id, q)
	}
}

// entries makes the kernel forget names in a directory, what is below them,
// and the directory's listing.
func (t *notifier) entries(dir uint64, names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server == nil {
		return
	}
	q := t.queue(dir)
	q.inode, q.names = true, append(q.names, names...)
	t.next(dir, q)
}

// queue returns the queue of an inode. mu is held.
func (t *notifier) queue(id uint64) *inodeQueue {
	q := t.queues[id]
	if q == nil {
		q = new(inodeQueue)
		t.queues[id] = q
	}
	return q
}

// next sends what is due, or drops an empty queue. mu is held.
func (t *notifier) next(id uint64, q *inodeQueue) {
	due := q.inode || len(q.names) > 0
	switch {
	case q.requests > 0 || q.sending:
	case due && t.server != nil && t.sending == maxSenders:
		t.waiting = append(t.waiting, id)
	case due && t.server != nil:
		q.sending = true
		t.sending++
		t.senders.Add(1)
		go t.send(id, q, t.server)
	default:
		delete(t.queues, id)
	}
}

func (t *notifier) send(id uint64, q *inodeQueue, server *fuse.Server) {
	defer t.senders.Done()
	t.mu.Lock()
	names, inode := q.names, q.inode
	q.names, q.inode = nil, false
	t.mu.Unlock()
	// ENOENT from any of these is as good: the kernel does not know it.
	for _, name := range names {
		server.EntryNotify(id, name)
	}
	if inode {
		server.InodeNotify(id, 0, 0)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q.sending = false
	t.sending--
	t.next(id, q)
	for len(t.waiting) > 0 && t.sending < maxSenders {
		id, t.waiting = t.waiting[0], t.waiting[1:]
		if q := t.queues[id]; q != nil {
			t.next(id, q)
		}
	}
}
