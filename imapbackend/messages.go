package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// maxMessages bounds what a mailbox may claim to hold.
const maxMessages = 1 << 23

const flagItems = "(UID FLAGS)"

// Snapshot implements cache.Source. What came since the known state is told by
// UIDNEXT, that nothing went by the number of messages; what went, by servers that
// keep a record of it (QRESYNC, RFC 7162), by others with a search for all.
func (c *Client) Snapshot(ctx context.Context, id cache.ID, known cache.State) (snap cache.Snapshot, err error) {
	err = c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireFresh(ctx, id)
	}, func(s *session) (err error) {
		ok := false
		if snap, ok, err = s.differences(ctx, known); ok || err != nil {
			return err
		}
		snap = cache.Snapshot{State: s.state, From: 1}
		if s.state.Count > 0 {
			snap.UIDs, err = s.search(ctx)
		}
		return err
	})
	return snap, err
}

// differences tells what is different from the known state, if it can be told from that.
func (s *session) differences(ctx context.Context, known cache.State) (snap cache.Snapshot, ok bool, err error) {
	now := s.state
	if known.Validity != now.Validity || known.Next == 0 || now.Next < known.Next || known.Next == 1 && known.Count > 0 {
		return snap, false, nil
	}
	snap = cache.Snapshot{State: now, From: known.Next}
	if came := now.Next - known.Next; came <= slack && now.Count == known.Count+came {
		// There are as many more as there can be: none has gone, and each of these
		// UIDs is a message. A search would take a round trip.
		for uid := known.Next; uid < now.Next; uid++ {
			snap.UIDs = append(snap.UIDs, uid)
		}
		return snap, true, nil
	}
	if now.Next > known.Next && now.Count > 0 {
		found, st, err := s.conn.Search(ctx, uidRange{known.Next, math.MaxUint32}.key(), s.searchesExtended())
		if _, limited := st.Limit(); limited || errors.Is(err, guard.ErrSearch) {
			return snap, false, nil
		}
		if err != nil {
			return snap, false, s.kind(err)
		}
		// The last message answers, whatever its UID (RFC 9051, section 6.4.9).
		snap.UIDs = slices.DeleteFunc(found, func(uid uint32) bool { return uid < known.Next })
	}
	switch went := int64(known.Count) + int64(len(snap.UIDs)) - int64(now.Count); {
	case went == 0:
		return snap, true, nil
	case went > 0 && s.resyncs && known.ModSeq > 0 && known.Next > 1:
		snap.Gone, ok, err = s.vanished(ctx, known)
	}
	return snap, ok, err
}

// vanished tells what went of what was there in the known state.
func (s *session) vanished(ctx context.Context, known cache.State) (gone []cache.Range, ok bool, err error) {
	st, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:     imap.UIDSet{{Start: 1, Stop: imap.UID(known.Next - 1)}},
		Items:    "(UID)",
		Modifier: fmt.Sprintf("(CHANGEDSINCE %d VANISHED)", known.ModSeq),
		Vanished: func(first, last uint32) { gone = append(gone, cache.Range{First: first, Last: last}) },
	})
	_, limited := st.Limit()
	if refused := errors.As(err, new(guard.Status)); refused && s.conn.Err() == nil {
		return nil, false, nil // a search tells, too
	}
	return gone, err == nil && !limited, s.kind(err)
}

func (s *session) searchesExtended() bool {
	return s.has("ESEARCH") || s.has("IMAP4REV2") // 1:100000 instead of 700 kB
}

// slack is how many messages more than EXAMINE counted may have come by the time
// of the search.
const slack = 1000

// search returns the UIDs of all messages. A search that contradicts the number
// of messages is not believed: each is asked for then.
func (s *session) search(ctx context.Context) ([]uint32, error) {
	extended := s.searchesExtended()
	var uids []uint32
	err := s.throughout(func(r uidRange) (guard.Status, error) {
		found, st, err := s.conn.Search(ctx, r.key(), extended)
		uids = append(uids, found...)
		return st, err
	})
	switch {
	case errors.Is(err, guard.ErrSearch) || err == nil && !s.plausible(len(uids)):
		all, err := s.enumerate(ctx)
		if err == nil && len(all) < int(s.state.Count) && len(all) != len(uids) {
			err = fmt.Errorf("%w: %d messages are announced, %d found, %d served", cache.ErrProtocol, s.state.Count, len(uids), len(all))
		}
		return all, err
	case err != nil:
		return nil, fmt.Errorf("search: %w", s.kind(err))
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// plausible reports whether a search may have found so many messages: none has
// gone since EXAMINE in what this session is shown.
func (s *session) plausible(found int) bool {
	count := uint64(s.state.Count)
	return uint64(found) >= count && uint64(found) <= 2*count+slack
}

// enumerate returns the UIDs of all messages without a search.
func (s *session) enumerate(ctx context.Context) ([]uint32, error) {
	var uids []uint32
	err := s.throughout(func(r uidRange) (guard.Status, error) {
		return s.conn.Fetch(ctx, guard.Fetch{
			UIDs:  r.set(),
			Items: flagItems,
			Message: func(m *guard.Message) {
				if m.UID != 0 && len(uids) < maxMessages {
					uids = append(uids, m.UID)
				}
			},
		})
	})
	if err != nil {
		return nil, s.kind(err)
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// Newest implements cache.Source.
func (c *Client) Newest(ctx context.Context, id cache.ID) (validity uint32, when time.Time, err error) {
	err = c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireFresh(ctx, id)
	}, func(s *session) error {
		validity = s.state.Validity
		if s.state.Count == 0 {
			return nil
		}
		_, err := s.conn.Fetch(ctx, guard.Fetch{
			UIDs:    imap.UIDSet{{Start: 0, Stop: 0}}, // *
			Items:   "(UID INTERNALDATE)",
			Message: func(m *guard.Message) { when = m.Date },
		})
		return s.kind(err)
	})
	return validity, when, err
}

// Flags implements cache.Source.
func (c *Client) Flags(ctx context.Context, id cache.ID, validity uint32, since uint64, yield func(*cache.Message)) error {
	return c.inside(ctx, id, validity, 0, false, func(s *session) error {
		f := guard.Fetch{
			Items: s.items(flagItems, "X-GM-LABELS"),
			Message: func(m *guard.Message) {
				if m.Have&guard.HaveFlags != 0 {
					yield(&m.Message)
				}
			},
		}
		if since > 0 && s.has("CONDSTORE") {
			f.Modifier = fmt.Sprintf("(CHANGEDSINCE %d)", since)
		}
		return s.kind(s.throughout(func(r uidRange) (guard.Status, error) {
			f.UIDs = r.set()
			return s.conn.Fetch(ctx, f)
		}))
	})
}

// items adds to a list of items what only Gmail has, if the server is Gmail.
func (s *session) items(list, ofGmail string) string {
	if !s.has("X-GM-EXT-1") {
		return list
	}
	return strings.TrimSuffix(list, ")") + " " + ofGmail + ")"
}

func uidSet(uids []uint32) imap.UIDSet {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	return set
}
