package fs

import (
	"context"
	"slices"
	"strings"
	"sync"

	"imapfs/cache"
)

// place is a directory of the mailbox tree, as it is at one UIDVALIDITY of its
// mailbox. It is never changed.
type place struct {
	// number packs into node ids; 0: there are too many places for that.
	number uint16
	// key is the path below the top of a view, without a slash at its ends.
	key string
	// mailbox is what LIST says of it; nil for a level of hierarchy that the
	// server does not list itself.
	mailbox *cache.Mailbox
	// box holds its messages; nil where there can be none.
	box *cache.Box
}

// validity is UIDVALIDITY, 0 while it is not known.
func (p *place) validity() uint32 {
	if p.box == nil {
		return 0
	}
	return p.box.Validity()
}

// tree is the directories that one list of mailboxes makes.
type tree struct {
	list     []cache.Mailbox
	children map[string][]string       // key to the names of its children, sorted
	mailbox  map[string]*cache.Mailbox // key to what is listed there
}

func newTree(list []cache.Mailbox) *tree {
	t := &tree{list: list, children: make(map[string][]string), mailbox: make(map[string]*cache.Mailbox)}
	seen := make(map[string]bool)
	for i := range list {
		path := mailboxPath(&list[i])
		key := strings.Join(path, "/")
		t.mailbox[key] = &list[i]
		parent, end := "", 0
		for _, name := range path {
			end += len(name)
			if level := key[:end]; !seen[level] {
				seen[level] = true
				t.children[parent] = append(t.children[parent], name)
			}
			parent = key[:end]
			end += len("/")
		}
	}
	for _, names := range t.children {
		slices.Sort(names)
	}
	return t
}

// has reports whether there is a directory with this key.
func (t *tree) has(key string) bool {
	return key == "" || t.mailbox[key] != nil || t.children[key] != nil
}

// places gives each directory of the tree its place, and the places their
// numbers. It is safe for concurrent use.
type places struct {
	account *cache.Account

	mu       sync.Mutex
	tree     *tree             // guarded by mu
	told     *tree             // guarded by mu; as the kernel knows it
	current  map[string]*place // guarded by mu; by key
	numbered []*place          // guarded by mu; number-1 is the index
}

// now returns the tree as it is on the server, at most a poll interval late.
func (p *places) now(ctx context.Context) (*tree, error) {
	list, err := p.account.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// The account gives the same slice until the server's list is another.
	if p.tree == nil || len(list) != len(p.tree.list) || len(list) > 0 && &list[0] != &p.tree.list[0] {
		p.tree = newTree(list)
	}
	if p.told == nil {
		p.told = p.tree
	}
	return p.tree, nil
}

// at returns the place with this key in t, or nil. A mailbox with a new
// UIDVALIDITY, or that has become another one, is a new place.
func (p *places) at(t *tree, key string) *place {
	if !t.has(key) {
		return nil
	}
	m := t.mailbox[key]
	var box *cache.Box
	if m != nil && !m.NoSelect {
		box = p.account.Box(m.ID())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.current[key]; old != nil && old.box == box && sameMailbox(old.mailbox, m) {
		return old
	}
	found := &place{key: key, mailbox: m, box: box}
	if len(p.numbered) < lastPlace {
		p.numbered = append(p.numbered, found)
		found.number = uint16(len(p.numbered))
	}
	p.current[key] = found
	return found
}

func sameMailbox(a, b *cache.Mailbox) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// numberedAt returns the place with this number, or nil.
func (p *places) numberedAt(number uint16) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number == 0 || int(number) > len(p.numbered) {
		return nil
	}
	return p.numbered[number-1]
}

// known returns the place with this key, nil if nobody has asked for it.
func (p *places) known(key string) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current[key]
}

// of returns the places of a mailbox.
func (p *places) of(box *cache.Box) []*place {
	return slices.DeleteFunc(p.all(), func(p *place) bool { return p.box != box })
}

// keyed returns the places with this key: the present one, and those before it
// that the kernel may still know.
func (p *places) keyed(key string) []*place {
	return slices.DeleteFunc(p.all(), func(p *place) bool { return p.key != key })
}

// renew returns the tree as the kernel knows it, nil if it has seen none, and as
// it is, which it is about to be told.
func (p *places) renew() (old, now *tree) {
	list := p.account.KnownMailboxes()
	p.mu.Lock()
	defer p.mu.Unlock()
	if old = p.told; old != nil {
		p.tree = newTree(list)
		p.told = p.tree
	}
	return old, p.told
}

// all returns the places that may be in use.
func (p *places) all() []*place {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(p.numbered)
	for _, one := range p.current {
		if one.number == 0 {
			all = append(all, one)
		}
	}
	return all
}
