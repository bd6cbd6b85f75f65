package imapbackend

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// maxMessages bounds what a mailbox may claim to hold.
const maxMessages = 1 << 23

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
	var options *imap.SearchOptions
	if s.has("ESEARCH") || s.has("IMAP4REV2") { // 1:100000 instead of 700 kB
		options = &imap.SearchOptions{ReturnAll: true}
	}
	data, err := await(ctx, s.engine.UIDSearch(&imap.SearchCriteria{}, options).Wait)
	if err != nil {
		return nil, fmt.Errorf("search: %w", s.kind(err))
	}
	set, _ := data.All.(imap.UIDSet)
	most := min(2*uint64(s.state.Count)+slack, maxMessages)
	var uids []uint32
	for _, r := range set {
		if r.Start == 0 || r.Stop < r.Start {
			return nil, fmt.Errorf("%w: messages %v:%v", cache.ErrProtocol, r.Start, r.Stop)
		}
		if uint64(len(uids))+uint64(r.Stop-r.Start) >= most {
			return s.enumerate(ctx)
		}
		for uid := uint64(r.Start); uid <= uint64(r.Stop); uid++ {
			uids = append(uids, uint32(uid))
		}
	}
	if len(uids) == 0 {
		return s.enumerate(ctx)
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// enumerate returns the UIDs of all messages without a search.
func (s *session) enumerate(ctx context.Context) ([]uint32, error) {
	var uids []uint32
	_, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:  imap.UIDSet{{Start: 1, Stop: 0}}, // 1:*
		Items: "(UID FLAGS)",
		Message: func(m *guard.Message) {
			if m.UID != 0 && len(uids) < maxMessages {
				uids = append(uids, m.UID)
			}
		},
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
func (c *Client) Flags(ctx context.Context, id cache.ID, validity uint32, since uint64, yield func(uint32, []string, uint64)) error {
	return c.inside(ctx, id, validity, 0, func(s *session) error {
		f := guard.Fetch{
			UIDs:  imap.UIDSet{{Start: 1, Stop: 0}}, // 1:*
			Items: "(UID FLAGS)",
			Message: func(m *guard.Message) {
				if m.Have&guard.HaveFlags != 0 {
					yield(m.UID, m.Flags, m.ModSeq)
				}
			},
		}
		if since > 0 && s.has("CONDSTORE") {
			f.Modifier = fmt.Sprintf("(CHANGEDSINCE %d)", since)
		}
		_, err := s.conn.Fetch(ctx, f)
		return s.kind(err)
	})
}

func uidSet(uids []uint32) imap.UIDSet {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	return set
}
