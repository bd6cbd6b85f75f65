package fs

import "sync"

// dynamic is the table of nodes that do not fit into a node id: parts beyond
// the thousandth, and places beyond the 65,000th. They are counted, as the
// kernel counts them, by lookups and forgets. It is safe for concurrent use.
type dynamic struct {
	mu    sync.Mutex
	last  uint64              // guarded by mu
	nodes map[uint64]*entryOf // guarded by mu
	ids   map[node]uint64     // guarded by mu
}

type entryOf struct {
	node    node
	lookups uint64
}

// lookup returns the id of n, and counts one lookup.
func (d *dynamic) lookup(n node) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.ids[n]
	if !ok {
		if d.nodes == nil {
			d.nodes, d.ids = make(map[uint64]*entryOf), make(map[node]uint64)
		}
		d.last++
		id = dynamicIDs | d.last
		d.ids[n], d.nodes[id] = id, &entryOf{node: n}
	}
	d.nodes[id].lookups++
	return id
}

// get returns the node with this id.
func (d *dynamic) get(id uint64) (node, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.nodes[id]; e != nil {
		return e.node, true
	}
	return node{}, false
}

// id returns n's id if the kernel knows it.
func (d *dynamic) id(n node) (uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.ids[n]
	return id, ok
}

// forget takes back lookups.
func (d *dynamic) forget(id, lookups uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.nodes[id]
	if e == nil {
		return
	}
	if e.lookups -= min(lookups, e.lookups); e.lookups == 0 {
		delete(d.nodes, id)
		delete(d.ids, e.node)
	}
}
