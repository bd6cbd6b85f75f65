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
	// A sync that is under way may have asked the server before this call.
	for want := b.wanted.Add(1); ; {
		if err := b.joinSync(ctx); err != nil || b.covered.Load() >= want {
			return err
		}
	}
}

// joinSync waits for a sync, one that is under way if there is one.
func (b *Box) joinSync(ctx context.Context) error {
	if b.stale.Load() {
		return b.failed("sync", 0, ErrStale)
	}
	_, err := b.account.syncs.do(ctx, b.account, b, func(ctx context.Context) (struct{}, error) {
		err := b.sync(ctx)
		b.noteSync(err)
		if err != nil {
			return struct{}{}, b.failed("sync", 0, err)
		}
		return struct{}{}, nil
	})
	return err
}

func (b *Box) sync(ctx context.Context) error {
	src := b.account.src
	started, wanted := time.Now(), b.wanted.Load()
	state, uids, err := src.Snapshot(ctx, b.id)
	if err != nil {
		return err
	}
	b.mu.Lock()
	if b.messages == nil {
		b.validity = state.Validity
		b.messages = make(map[uint32]*Message)
		b.sizes = make(map[File]*size)
	}
	// Some may be known from a first sync that failed, under no ModSeq yet.
	validity, modseq, known := b.validity, b.state.ModSeq, len(b.messages)
	b.mu.Unlock()
	if state.Validity != validity {
		return ErrStale
	}

	if b.flagsDue(modseq, state.ModSeq, known) {
		if err := src.Flags(ctx, b.id, validity, modseq, b.setFlags); err != nil {
			return err
		}
	}
	if err := b.fetchSummaries(ctx, validity, uids); err != nil {
		return err
	}

	if err := b.apply(ctx, state, uids, started); err != nil {
		return err
	}
	b.covered.Store(wanted)
	return nil
}

// apply makes state and uids, as of started, the box's own.
func (b *Box) apply(ctx context.Context, state State, uids []uint32, started time.Time) error {
	b.mu.Lock()
	if err := ctx.Err(); err != nil { // whoever cancelled it may have begun another
		b.mu.Unlock()
		return err
	}
	// A message that was expunged after Snapshot has no summary.
	uids = slices.DeleteFunc(uids, func(uid uint32) bool { return b.messages[uid] == nil })
	var gone []*Message
	if len(b.messages) > len(uids) {
		for uid, m := range b.messages {
			if _, ok := slices.BinarySearch(uids, uid); !ok {
				gone = append(gone, m)
				b.forget(m)
			}
		}
	}
	first, changed := b.synced.IsZero(), !slices.Equal(b.uids, uids)
	if changed { // else readers can see that it is the same
		b.uids = uids
	}
	for _, m := range b.messages {
		if !slices.Contains(m.Flags, `\Seen`) {
			state.Unseen++
		}
	}
	b.state, b.synced = state, started
	b.mu.Unlock()
	if changed && !first {
		b.account.opts.Notify(Event{Kind: MessagesChanged, Box: b, Gone: gone})
	}
	return nil
}

// empty forgets all messages: a stale box may be held for as long as the mount.
func (b *Box) empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uids, b.messages, b.sizes = nil, make(map[uint32]*Message), make(map[File]*size)
}

// forget drops all that is known of a message. mu is held.
func (b *Box) forget(m *Message) {
	delete(b.messages, m.UID)
	for part := Outer; part < len(m.Parts); part++ {
		for _, kind := range []Kind{Whole, Header, Body} {
			delete(b.sizes, File{m.UID, int32(part), kind})
		}
	}
}

// manyFlags is for how many messages it matters that a server without CONDSTORE
// has to send all their flags to tell of one.
const manyFlags = 5000

// flagsDue reports whether flags are to be asked for: where HIGHESTMODSEQ is
// the same, none has changed (RFC 7162, section 3.1.2.1).
func (b *Box) flagsDue(modseq, now uint64, messages int) bool {
	if messages == 0 || modseq != 0 && modseq == now {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if modseq == 0 && messages > manyFlags && time.Since(b.flagged) < b.account.opts.Poll {
		return false
	}
	b.flagged = time.Now()
	return true
}

// unchanged reports whether the state that the server told, when asked, is that
// of the last sync, which thereby is as good as repeated.
func (b *Box) unchanged(now State, asked time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.state
	same := was.Validity == now.Validity && was.Next == now.Next && was.Count == now.Count &&
		was.ModSeq == now.ModSeq && was.Unseen == now.Unseen
	if same {
		b.synced = asked
	}
	return same
}

// flagsWanted reports whether somebody has used the mailbox since its flags
// were last asked for, on a server whose STATUS does not tell of their changes.
func (b *Box) flagsWanted() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.state.ModSeq == 0 && b.used.Load() > b.flagged.UnixNano()
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

// setFlags takes over what can change of a message that is known: its flags and
// labels.
func (b *Box) setFlags(now *Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.messages[now.UID]
	if m == nil {
		return
	}
	gmail := m.Gmail
	if now.Gmail != nil {
		gmail = now.Gmail
		if m.Gmail != nil {
			gmail = &Gmail{m.Gmail.ID, m.Gmail.Thread, now.Gmail.Labels}
		}
	}
	relabeled := gmail != m.Gmail && (m.Gmail == nil || *gmail != *m.Gmail)
	if !relabeled && slices.Equal(m.Flags, now.Flags) {
		return
	}
	changed := *m
	changed.Flags, changed.ModSeq, changed.Gmail = now.Flags, now.ModSeq, gmail
	b.messages[now.UID] = &changed
}
