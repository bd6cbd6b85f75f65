package cache

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// growing is the listing that a first sync makes, as far as it has come. It is
// guarded by Box.mu. One that a failed sync has left shows what has come of it,
// for as long as a listing may be late.
type growing struct {
	messages []fresh   // those of the snapshot, ascending; ref is undescribed at first
	from     int       // all from this place on are described
	next     int       // the place after the one that came last
	ended    time.Time // when its sync failed; zero: it goes on
}

// undescribed stands for the place of what has not come yet.
const undescribed = ^ref(0)

// grow makes uids, ascending, the listing that is to come.
func (x *index) grow(uids []uint32) {
	x.settle()
	g := &growing{messages: make([]fresh, len(uids)), from: len(uids)}
	for i, uid := range uids {
		g.messages[i] = fresh{uid: uid, ref: undescribed}
		if j, ok := x.arrived(uid); ok {
			g.messages[i] = x.fresh[j]
		}
	}
	g.advance()
	x.growing = g
}

func (g *growing) place(uid uint32) (int, bool) {
	return slices.BinarySearchFunc(g.messages, uid, func(f fresh, uid uint32) int { return cmp.Compare(f.uid, uid) })
}

// enter takes over where a message is.
func (g *growing) enter(one fresh) {
	i, ok := g.next, g.next < len(g.messages) && g.messages[g.next].uid == one.uid
	if !ok {
		i, ok = g.place(one.uid)
	}
	if ok {
		g.messages[i], g.next = one, i+1
	}
}

// advance notes how far down the messages are described without a gap, and
// reports whether that is news.
func (g *growing) advance() bool {
	was := g.from
	for g.from > 0 && g.messages[g.from-1].ref != undescribed {
		g.from--
	}
	return g.from < was
}

// described returns the UIDs of all messages that have come, ascending.
func (g *growing) described() (uids []uint32) {
	for _, one := range g.messages {
		if one.ref != undescribed {
			uids = append(uids, one.uid)
		}
	}
	return uids
}

// find returns where a message is that may be shown: one of the listing, or of
// the one that the first sync makes.
func (x *index) find(uid uint32) (one fresh, ok bool) {
	if i, ok := x.listed(uid); ok {
		return fresh{uid, x.refs[i], x.flags[i]}, true
	}
	if g := x.growing; g != nil {
		if i, ok := g.place(uid); ok && g.messages[i].ref != undescribed {
			return g.messages[i], true
		}
	}
	return fresh{}, false
}

// beginGrowing shows from now on what the first sync, of these messages, finds.
func (b *Box) beginGrowing(uids []uint32) {
	b.mu.RLock()
	first, before := b.synced.IsZero(), b.index.growing
	var gone []uint32
	if first && before != nil {
		gone = slices.DeleteFunc(before.described(), func(uid uint32) bool {
			_, is := slices.BinarySearch(uids, uid)
			return is
		})
	}
	b.mu.RUnlock()
	if !first {
		return
	}
	shown := b.read(gone) // by the sync that failed; while they can still be read
	b.mu.Lock()
	if b.index.log != nil { // else the box is stale
		b.index.grow(uids)
		b.tellGrowth()
	}
	b.mu.Unlock()
	if len(shown) > 0 {
		b.account.opts.Notify(Event{Kind: MessagesChanged, Box: b, Gone: shown})
	}
}

// endGrowing notes that the sync has ended. After one that did not fail, the
// listing has taken the place of what it made.
func (b *Box) endGrowing() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if g := b.index.growing; g != nil {
		g.ended = time.Now()
	}
}

// tellGrowth wakes those who wait for more of a listing. mu is held.
func (b *Box) tellGrowth() {
	if b.grown != nil {
		close(b.grown)
		b.grown = nil
	}
}

// Early reports whether the message is one that a first sync, which goes on or
// has failed of late, has found: what it has shown can be used before it is
// complete.
func (b *Box) Early(uid uint32) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	g := b.index.growing
	if g == nil || !g.ended.IsZero() && time.Since(g.ended) > b.account.opts.Poll {
		return false
	}
	i, ok := g.place(uid)
	return ok && g.messages[i].ref != undescribed
}

// Growing is a listing that its first sync is still making, for who reads it
// from the newest message to the oldest. While there is one, the sync goes on.
// It is safe for concurrent use.
type Growing struct {
	box    *Box
	cancel context.CancelFunc
	done   chan struct{} // closed when the sync has ended
	// These two are valid then.
	listing Listing
	err     error
}

// Begin is Listing for who can begin with a part of it: of a mailbox that has not
// been synced yet it returns, as soon as the newest messages are known, how to
// get at the rest, which is to be closed. Of any other, that is nil.
func (b *Box) Begin(ctx context.Context) (Listing, *Growing, error) {
	if _, ok := b.Known(); ok || b.stale.Load() {
		l, err := b.Listing(ctx)
		return l, nil, err
	}
	own, cancel := context.WithCancel(urgency(b.account.life, ctx))
	g := &Growing{box: b, cancel: cancel, done: make(chan struct{})}
	b.account.tasks.Go(func() {
		g.listing, g.err = b.Listing(own)
		close(g.done)
	})
	uids, err := g.wait(ctx, 0)
	if err == nil && len(uids) > 0 {
		return Listing{}, g, nil
	}
	g.Close()
	if err != nil {
		return Listing{}, nil, err
	}
	return g.listing, nil, nil
}

// Close ends the use of it. Nobody may wait for more of it.
func (g *Growing) Close() { g.cancel() }

// someUIDs bounds what Below returns at once.
const someUIDs = 1024

// Below returns, ascending, UIDs of messages below uid (0: of the newest there
// are): some, and all in between. It waits until there is at least one, or the
// listing is complete and has none. If the sync fails, so does Below: nothing is
// left out of what ends well, but for messages that went meanwhile.
func (g *Growing) Below(ctx context.Context, uid uint32) ([]uint32, error) {
	if uids := g.Ready(uid); len(uids) > 0 {
		return uids, nil
	}
	return g.wait(ctx, uid)
}

// Ready is what Below returns without waiting.
func (g *Growing) Ready(below uint32) []uint32 {
	select {
	case <-g.done:
		if g.err == nil {
			return lastBelow(g.listing.UIDs, below)
		}
	default:
	}
	b := g.box
	b.mu.RLock()
	defer b.mu.RUnlock()
	now := b.index.growing
	if now == nil || !now.ended.IsZero() {
		return nil
	}
	end := len(now.messages)
	if below != 0 {
		end, _ = now.place(below)
	}
	var uids []uint32
	for _, one := range now.messages[min(max(now.from, end-someUIDs), end):end] {
		uids = append(uids, one.uid)
	}
	return uids
}

// lastBelow returns the last of uids that are below one of them; 0: below none.
func lastBelow(uids []uint32, below uint32) []uint32 {
	end := len(uids)
	if below != 0 {
		end, _ = slices.BinarySearch(uids, below)
	}
	return uids[max(0, end-someUIDs):end]
}

// wait is Below where nothing is ready. A listing of which all is described is
// about to be complete, and is waited for.
func (g *Growing) wait(ctx context.Context, below uint32) ([]uint32, error) {
	b := g.box
	for {
		b.mu.Lock()
		if b.grown == nil {
			b.grown = make(chan struct{})
		}
		grown := b.grown
		whole := b.index.growing != nil && b.index.growing.from == 0
		b.mu.Unlock()
		if b.stale.Load() {
			return nil, b.failed("list", 0, ErrStale)
		}
		if !whole {
			if uids := g.Ready(below); len(uids) > 0 {
				return uids, nil
			}
		}
		select {
		case <-g.done:
			return g.Ready(below), g.err
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
