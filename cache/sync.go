package cache

import (
	"context"
	"slices"
	"time"
)

// Sync compares the box with the server and takes over what differs: messages
// that arrived or went, and flags. It returns once the listing is what the
// server's was at some moment after the call.
func (b *Box) Sync(ctx context.Context) error {
	if b.stale.Load() {
		return b.failed("sync", 0, ErrStale)
	}
	_, err := b.account.syncs.do(ctx, b.account.life, b, func(ctx context.Context) (struct{}, error) {
		if err := b.sync(ctx); err != nil {
			return struct{}{}, b.failed("sync", 0, err)
		}
		return struct{}{}, nil
	})
	return err
}

func (b *Box) sync(ctx context.Context) error {
	src := b.account.src
	started := time.Now()
	state, uids, err := src.Snapshot(ctx, b.id)
	if err != nil {
		return err
	}
	b.mu.Lock()
	if b.validity == 0 {
		b.validity = state.Validity
		b.messages = make(map[uint32]*Message)
		b.sizes = make(map[File]*size)
	}
	validity, old, modseq := b.validity, b.uids, b.modseq
	b.mu.Unlock()
	if state.Validity != validity {
		return ErrStale
	}

	// HIGHESTMODSEQ unchanged: no flag has changed (RFC 7162, section 3.1.2.1).
	if len(old) > 0 && (modseq == 0 || modseq != state.ModSeq) {
		if err := src.Flags(ctx, b.id, validity, modseq, b.setFlags); err != nil {
			return err
		}
	}
	if err := b.fetchSummaries(ctx, validity, uids); err != nil {
		return err
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	// A message that was expunged after Snapshot has no summary.
	uids = slices.DeleteFunc(uids, func(uid uint32) bool { return b.messages[uid] == nil })
	for _, uid := range old {
		if _, ok := slices.BinarySearch(uids, uid); !ok {
			delete(b.messages, uid)
		}
	}
	if !slices.Equal(b.uids, uids) { // else readers can see that it is the same
		b.uids = uids
	}
	b.modseq, b.synced = state.ModSeq, started
	return nil
}

// fetchSummaries gets what is missing of uids, the newest first. What has come
// is kept even if the rest fails, so that the next try goes on from there.
func (b *Box) fetchSummaries(ctx context.Context, validity uint32, uids []uint32) error {
	b.mu.RLock()
	var missing []uint32
	for _, uid := range slices.Backward(uids) {
		if b.messages[uid] == nil {
			missing = append(missing, uid)
		}
	}
	b.mu.RUnlock()
	if len(missing) == 0 {
		return nil
	}
	return b.account.src.Summaries(ctx, b.id, validity, missing, func(m *Message) {
		b.mu.Lock()
		b.messages[m.UID] = m
		b.mu.Unlock()
	})
}

// setFlags takes over the flags of a message that is known.
func (b *Box) setFlags(uid uint32, flags []string, modseq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.messages[uid]
	if m == nil || slices.Equal(m.Flags, flags) {
		return
	}
	changed := *m
	changed.Flags, changed.ModSeq = flags, modseq
	b.messages[uid] = &changed
}
