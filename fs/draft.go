package fs

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// A file that is being written is a draft: in a file of this machine's, until it
// is stored on the server, by the close of a file with a lasting name or by
// the rename of one with a temporary name. It stays for a moment after that, for
// those who set its times then; after that its name is that of the message.

// draft is such a file. What changes is guarded by drafts.mu.
type draft struct {
	number  uint32 // in node ids, never used again
	content *cache.Draft

	storing sync.Mutex // held while it is being stored

	at      draftKey
	place   *place
	listed  bool // it has its name
	opens   int  // descriptors, and renames
	pending int  // stores begun and not ended
	written time.Time
	date    time.Time // as set by utimens; zero: it was not
	flags   []string
	change  int // raised with every change that has to be stored
	stored  int // change as of the last time that it was
	where   *cache.Box
	as      cache.Stored
	// replaces is the message whose name it takes, once it is stored.
	replaces *message
	idle     *time.Timer // ends it; nil while it is in use
}

// message is one in a mailbox.
type message struct {
	box *cache.Box
	uid uint32
}

// draftKey is where a draft is: by the layout, since that is what names are for.
type draftKey struct {
	layout Layout
	dir    string // key of the place
	name   string
}

// drafts are those there are. It is safe for concurrent use.
type drafts struct {
	mu     sync.Mutex
	last   uint32
	number map[uint32]*draft
	named  map[draftKey]*draft
	// failed is, by place, why one could not be stored of which nobody has been
	// told yet.
	failed map[string]error
	behind behind
	count  atomic.Int32 // of number
	ending sync.WaitGroup

	goneMu sync.Mutex
	gone   map[message]bool // that were moved or deleted and may still be listed
	goners atomic.Int32
}

// settleFor is how long a draft stays after it was stored.
const settleFor = 5 * time.Second

// get returns the draft of a node.
func (s *drafts) get(n node) (*draft, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.number[n.uid]
	return d, ok
}

// find returns the draft of a name.
func (s *drafts) find(at draftKey) *draft {
	if s.count.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named[at]
}

// in lists the names of the drafts in a directory, sorted.
func (s *drafts) in(layout Layout, dir string) (names []string) {
	if s.count.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.named {
		if at.layout == layout && at.dir == dir {
			names = append(names, at.name)
		}
	}
	slices.Sort(names)
	return names
}

// stands reports whether a draft stands for a message: one that it is stored as,
// or whose name it takes.
func (s *drafts) stands(layout Layout, m message) bool {
	if s.count.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.named {
		if d.at.layout == layout && (d.where == m.box && d.as.UID == m.uid || d.replaces != nil && *d.replaces == m) {
			return true
		}
	}
	return false
}

// over returns the draft, open now, that is to replace a message; nil: there is
// none.
func (s *drafts) over(m message) *draft {
	if s.count.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.named {
		if d.opens > 0 && d.replaces != nil && *d.replaces == m {
			return d
		}
	}
	return nil
}

// addDraft makes a draft. EEXIST is the caller's to see.
func (f *FS) addDraft(at draftKey, p *place) (*draft, error) {
	content, err := f.account.NewDraft()
	if err != nil {
		return nil, err
	}
	s := &f.drafts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named[at] != nil {
		content.Close()
		return nil, cache.ErrExist
	}
	if s.number == nil {
		s.number, s.named, s.failed = make(map[uint32]*draft), make(map[draftKey]*draft), make(map[string]error)
	}
	s.last++
	d := &draft{number: s.last, content: content, at: at, place: p, listed: true, written: time.Now()}
	s.number[d.number], s.named[at] = d, d
	s.count.Add(1)
	return d, nil
}

// unlist takes its name away. mu is held.
func (s *drafts) unlist(d *draft) {
	if d.listed {
		d.listed = false
		delete(s.named, d.at)
	}
}

// relist gives it another name, which no other has. mu is held.
func (s *drafts) relist(d *draft, at draftKey, p *place) {
	s.unlist(d)
	d.at, d.place, d.listed = at, p, true
	s.named[at] = d
}

// settle ends a draft that is no longer of use, now or in a moment. mu is held.
func (s *drafts) settle(d *draft) {
	if d.idle != nil {
		d.idle.Stop()
		d.idle = nil
	}
	if d.opens > 0 || d.pending > 0 {
		return
	}
	switch {
	case !d.listed:
		s.end(d)
	case d.as.UID != 0 || d.where != nil: // stored
		d.idle = time.AfterFunc(settleFor, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if d.opens+d.pending == 0 && d.stored == d.change && d.idle != nil {
				s.unlist(d)
				s.end(d)
			}
		})
	}
}

// end drops a draft. mu is held.
func (s *drafts) end(d *draft) {
	if s.number[d.number] == d {
		delete(s.number, d.number)
		s.count.Add(-1)
		s.ending.Go(func() {
			d.storing.Lock() // it may be under way
			defer d.storing.Unlock()
			d.content.Close()
		})
	}
}

// endAll ends all drafts: nobody can come back to them. What has not been stored
// stays in the recovery folder.
func (s *drafts) endAll() {
	s.mu.Lock()
	for _, d := range s.number {
		if d.idle != nil {
			d.idle.Stop()
		}
		if d.stored == d.change || d.content.Size() == 0 {
			s.unlist(d)
			s.end(d)
		}
	}
	s.mu.Unlock()
	s.ending.Wait()
}

// changed notes a change that has to be stored.
func (s *drafts) changed(d *draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.change++
	d.written = time.Now()
}

// node is the draft's node in a view.
func (d *draft) node(v view, p *place) node {
	return node{view: v, kind: kindDraft, place: p, uid: d.number, part: cache.Outer}
}

// draftAttr fills in a draft's attributes, which never hold for longer than the
// answer.
func (f *FS) draftAttr(n node, out *fuse.Attr) error {
	d, ok := f.drafts.get(n)
	if !ok {
		return cache.ErrStale
	}
	f.drafts.mu.Lock()
	when := d.date
	if when.IsZero() {
		when = d.written
	}
	links := uint32(1)
	if !d.listed {
		links = 0
	}
	f.drafts.mu.Unlock()
	f.fill(n, "", when, d.content.Size(), out)
	out.Nlink = links
	return nil
}
