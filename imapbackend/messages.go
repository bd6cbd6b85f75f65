package imapbackend

import (
	"context"
	"errors"
	"fmt"
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

// Snapshot implements cache.Source.
func (c *Client) Snapshot(ctx context.Context, id cache.ID) (state cache.State, uids []uint32, err error) {
	err = c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireFresh(ctx, id)
	}, func(s *session) error {
		state = s.state
		uids = nil
		if state.Count == 0 {
			return nil
		}
		uids, err = s.search(ctx)
		return err
	})
	return state, uids, err
}

// slack is how many messages more than EXAMINE counted may have come by the time
// of the search.
const slack = 1000

// search returns the UIDs of all messages. A search that contradicts the number
// of messages is not believed: each is asked for then.
func (s *session) search(ctx context.Context) ([]uint32, error) {
	extended := s.has("ESEARCH") || s.has("IMAP4REV2") // 1:100000 instead of 700 kB
	var uids []uint32
	err := s.throughout(func(r uidRange) (guard.Status, error) {
		found, st, err := s.conn.Search(ctx, r.key(), extended)
		uids = append(uids, found...)
		return st, err
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", s.kind(err))
	}
	if len(uids) == 0 || uint64(len(uids)) > 2*uint64(s.state.Count)+slack {
		return s.enumerate(ctx)
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
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

// Changes implements cache.Source.
func (c *Client) Changes(ctx context.Context, id cache.ID, validity uint32, since uint64, next uint32,
	changed func(*cache.Message), gone func(first, last uint32)) error {
	if since == 0 || next < 2 {
		return errors.ErrUnsupported
	}
	return c.inside(ctx, id, validity, 0, false, func(s *session) error {
		if !s.resyncs {
			return errors.ErrUnsupported
		}
		st, err := s.conn.Fetch(ctx, guard.Fetch{
			UIDs:     imap.UIDSet{{Start: 1, Stop: imap.UID(next - 1)}},
			Items:    s.items(flagItems, "X-GM-LABELS"),
			Modifier: fmt.Sprintf("(CHANGEDSINCE %d VANISHED)", since),
			Message: func(m *guard.Message) {
				if m.Have&guard.HaveFlags != 0 {
					changed(&m.Message)
				}
			},
			Vanished: gone,
		})
		if st.Code == "MESSAGELIMIT" {
			return errors.ErrUnsupported // there is more
		}
		return s.kind(err)
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
