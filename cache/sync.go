package cache

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
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
		err := b.absent(ctx, b.sync(ctx))
		b.noteSync(err)
		if err != nil {
			return struct{}{}, b.failed("sync", 0, err)
		}
		return struct{}{}, nil
	})
	return err
}

func (b *Box) sync(ctx context.Context) error {
	select { // one that was cancelled may not have ended yet
	case b.syncing <- struct{}{}:
		defer func() { <-b.syncing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	src := b.account.src
	started, wanted, edits := time.Now(), b.wanted.Load(), b.edits.Load()
	state, uids, err := b.snapshot(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	if b.index.log == nil && !b.stale.Load() {
		b.index.begin(b.account.opts.Disk, b.id, state.Validity)
	}
	// Some may be known from a first sync that failed, under no ModSeq yet.
	validity, modseq, known := b.index.validity, b.state.ModSeq, b.index.known()
	b.mu.Unlock()
	if state.Validity != validity {
		return ErrStale
	}

	// Both at once: a round trip is most of what it takes to show new mail.
	both, asking := errgroup.WithContext(ctx)
	if b.flagsDue(modseq, state.ModSeq, known) {
		both.Go(func() error {
			asked := time.Now()
			if err := src.Flags(asking, b.id, validity, modseq, b.setFlags); err != nil {
				return err
			}
			b.mu.Lock()
			b.flagged = asked
			b.mu.Unlock()
			return nil
		})
	}
	b.beginGrowing(uids)
	defer b.endGrowing()
	both.Go(func() error { return b.fetchSummaries(asking, validity, uids) })
	if err := both.Wait(); err != nil {
		return cmp.Or(ctx.Err(), err)
	}

	if err := b.apply(ctx, state, uids, started); err != nil {
		return err
	}
	b.covered.Store(wanted)
	b.settled.Store(edits)
	b.tidy(ctx)
	return nil
}

// snapshot returns the mailbox's state, and all UIDs in it.
func (b *Box) snapshot(ctx context.Context) (State, []uint32, error) {
	b.mu.RLock()
	known, listed := b.state, b.index.uids
	// Not what lacks messages that went before they could be described, nor
	// what a server that tells no UIDNEXT left open.
	use := !b.synced.IsZero() && int(known.Count) == len(listed) && (known.Next > 1 || known.Count == 0)
	b.mu.RUnlock()
	if !use {
		known = State{}
	}
	snap, err := b.account.src.Snapshot(ctx, b.id, known)
	if err != nil {
		return State{}, nil, err
	}
	uids := snap.over(listed)
	if use && snap.State.Validity == known.Validity && len(uids) != int(snap.State.Count) {
		// It does not add up: the whole is asked for, and taken as it is.
		if snap, err = b.account.src.Snapshot(ctx, b.id, State{}); err != nil {
			return State{}, nil, err
		}
		uids = snap.UIDs
	}
	return snap.State, uids, nil
}

// over returns the UIDs of all messages, if before were those in the known state.
func (s *Snapshot) over(before []uint32) []uint32 {
	if s.From <= 1 {
		return s.UIDs
	}
	slices.SortFunc(s.Gone, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	gone := s.Gone
	uids := make([]uint32, 0, len(before)+len(s.UIDs))
	for _, uid := range before {
		for len(gone) > 0 && gone[0].Last < uid {
			gone = gone[1:]
		}
		if uid < s.From && (len(gone) == 0 || uid < gone[0].First) {
			uids = append(uids, uid)
		}
	}
	return append(uids, s.UIDs...)
}

const (
	// tidyAgain is the pause between two attempts to rewrite a log.
	tidyAgain = 10 * time.Minute
	// mendings is how many damaged frames are fetched again for one.
	mendings = 16
)

// tidy rewrites the index's log if half of it is history.
func (b *Box) tidy(ctx context.Context) {
	b.mu.RLock()
	wasteful := b.index.wasteful()
	b.mu.RUnlock()
	if !wasteful || time.Since(b.tidied) < tidyAgain {
		return
	}
	b.tidied = time.Now()
	err := b.rewrite()
	for range mendings {
		var bad *unreadable
		if !errors.As(err, &bad) || b.describeAgain(ctx, bad.uid) != nil {
			break
		}
		err = b.rewrite()
	}
	if err != nil {
		b.account.opts.Log.Debug("rewrite of an index", "mailbox", b.id.Name, "error", err)
	}
}

// apply makes state and uids, as of started, the box's own.
func (b *Box) apply(ctx context.Context, state State, uids []uint32, started time.Time) error {
	b.mu.Lock()
	goneUIDs := b.index.gone(uids)
	b.mu.Unlock()
	gone := b.read(goneUIDs) // while they can still be read
	b.mu.Lock()
	if err := ctx.Err(); err != nil { // whoever cancelled it may have begun another
		b.mu.Unlock()
		return err
	}
	x := &b.index
	if x.log == nil { // the box is stale
		b.mu.Unlock()
		return ErrStale
	}
	was, first := x.uids, b.synced.IsZero()
	x.list(uids) // without those that were expunged after Snapshot
	b.forgetSizes(goneUIDs)
	changed := !slices.Equal(was, x.uids)
	state.Unseen = x.unseen
	if last := b.state; changed || first || len(x.changed)+len(goneUIDs) > 0 || last.ModSeq != state.ModSeq || last.Next != state.Next {
		frame := x.syncFrame(synced{state, started}, true, goneUIDs)
		x.log.Append(frame)
		x.dead += int64(len(frame)) + int64(len(goneUIDs))*meanRecord
		x.changed, b.saved = nil, started
	}
	b.state, b.synced, b.current = state, started, true
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
	b.index, b.sizes = index{validity: b.index.validity}, nil
	b.tellGrowth()
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
	b.mu.RLock()
	defer b.mu.RUnlock()
	// Not where there is CONDSTORE: this sync's HIGHESTMODSEQ would stand for
	// flags that nobody has asked for.
	return now > 0 || messages <= manyFlags || time.Since(b.flagged) >= b.account.opts.Poll
}

// unchanged reports whether the state that the server told, when asked, is that
// of the last sync, which thereby is as good as repeated.
func (b *Box) unchanged(now State, asked time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.state
	// A message that could not be described at the last sync may be so by now.
	same := int(now.Count) == len(b.index.uids) && was.Validity == now.Validity && was.Next == now.Next && was.Count == now.Count &&
		was.ModSeq == now.ModSeq && was.Unseen == now.Unseen
	if same {
		b.synced, b.current = asked, true
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
	b.mu.Lock()
	missing := b.index.missing(uids)
	b.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	news := batch{box: b}
	defer news.flush()
	return b.account.src.Summaries(ctx, b.id, validity, missing, news.add)
}

// setFlags takes over what can change of a message that is known: its flags and
// labels.
func (b *Box) setFlags(now *Message) {
	b.mu.Lock()
	was, known := b.index.flagsOf(now.UID)
	b.index.setFlags(now.UID, now.marks(), now.Gmail != nil)
	b.mu.Unlock()
	// Where we delete, what is marked so is not listed.
	if b.account.Writable() && known && slices.Contains(was, deletedFlag) != slices.Contains(now.Flags, deletedFlag) {
		if m := b.known(now.UID); m != nil {
			b.account.opts.Notify(Event{Kind: Marked, Box: b, Gone: []*Message{m}})
		}
	}
}

const deletedFlag = `\Deleted`

// flagsOf returns the marks of a message in the listing.
func (x *index) flagsOf(uid uint32) ([]string, bool) {
	i, ok := x.listed(uid)
	if !ok {
		return nil, false
	}
	return x.sets.sets[x.flags[i]], true
}
