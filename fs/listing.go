package fs

import (
	"context"
	"sync"
)

// listing is what a message directory holds.
type listing struct {
	entries []entry
	index   map[string]int // by name
}

// listings keeps a few listings of message directories: every lookup in one
// needs its names, and there are messages with thousands. It is safe for
// concurrent use.
type listings struct {
	mu   sync.Mutex
	kept map[node]*listing // guarded by mu
	size int               // guarded by mu; entries in kept
}

// keptEntries bounds the entries that are kept.
const keptEntries = 1 << 14

// of returns the listing of the message directory n.
func (c *listings) of(ctx context.Context, n node) (*listing, error) {
	c.mu.Lock()
	l := c.kept[n]
	c.mu.Unlock()
	if l != nil {
		return l, nil
	}
	m, err := n.place.box.Structured(ctx, n.uid)
	if err != nil {
		return nil, err
	}
	l = &listing{entries: entries(m.Parts, int(n.part))}
	l.index = make(map[string]int, len(l.entries))
	for i, e := range l.entries {
		l.index[e.name] = i
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size += len(l.entries); c.size > keptEntries || c.kept == nil {
		c.kept, c.size = make(map[node]*listing), len(l.entries)
	}
	c.kept[n] = l
	return l, nil
}
