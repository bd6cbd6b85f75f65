package cache

import (
	"container/list"
	"sync"
)

// lru keeps what was used last, under a bound in bytes. The zero value with a
// limit is ready; it is safe for concurrent use. Unlike memory it forgets
// nothing that there is room for: a listing goes through frames in order, and
// must find the one that it has just read.
type lru[K comparable, V any] struct {
	limit int64

	mu    sync.Mutex
	at    map[K]*list.Element // guarded by mu
	order list.List           // guarded by mu; of *lruEntry, the last used at the front
	size  int64               // guarded by mu
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
	size  int64
}

func (c *lru[K, V]) get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[k]
	if e == nil {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).value, true
}

func (c *lru[K, V]) set(k K, v V, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = make(map[K]*list.Element)
	}
	if e := c.at[k]; e != nil {
		c.remove(e)
	}
	c.at[k] = c.order.PushFront(&lruEntry[K, V]{k, v, size})
	for c.size += size; c.size > c.limit && c.order.Len() > 1; {
		c.remove(c.order.Back())
	}
}

// remove drops an entry. mu is held.
func (c *lru[K, V]) remove(e *list.Element) {
	one := c.order.Remove(e).(*lruEntry[K, V])
	c.size -= one.size
	delete(c.at, one.key)
}
