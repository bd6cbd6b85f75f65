package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

const (
	// batch is how many summaries one command asks for, unless the server
	// limits it to less. A batch is what a broken connection costs.
	batch = 500
	// ahead is how many batches are asked for at once, so that the line is
	// never idle between them.
	ahead = 4

	summaryItems = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
	// bareItems are what a server can tell of a message that it cannot parse.
	bareItems = "(UID FLAGS INTERNALDATE RFC822.SIZE)"
	flagItems = "(UID FLAGS)"
)

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

// search returns the UIDs of all messages.
func (s *session) search(ctx context.Context) ([]uint32, error) {
	extended := s.has("ESEARCH") || s.has("IMAP4REV2") // 1:100000 instead of 700 kB
	var uids []uint32
	err := s.throughout(func(r uidRange) (guard.Status, error) {
		found, st, err := s.conn.Search(ctx, r.key(), extended)
		if err == nil && found == nil && r == everything {
			err = fmt.Errorf("%w: no result for a mailbox with %d messages", cache.ErrProtocol, s.state.Count)
		}
		uids = append(uids, found...)
		return st, err
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", s.kind(err))
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

// Summaries implements cache.Source. A message that breaks the connection, or
// that the server refuses to describe, is found by asking for fewer and fewer
// at once; it is then described by what can be had of it.
func (c *Client) Summaries(ctx context.Context, id cache.ID, validity uint32, uids []uint32, yield func(*cache.Message)) error {
	size, refused, doubts := batch, 0, 0
	for len(uids) > 0 {
		rest, fault, err := c.describe(ctx, id, validity, uids, size, yield)
		if err != nil {
			return err
		}
		switch {
		case len(rest) < len(uids):
			uids, refused, doubts = rest, 0, 0
		case size > 1:
			size = max(size/8, 1)
		case doubts < maxDoubts && errors.Is(fault, cache.ErrOffline):
			if !sleep(ctx, firstPause<<doubts) {
				return ctx.Err()
			}
			doubts++
		default:
			doubts = 0
			known, err := c.describeBare(ctx, id, validity, uids[0], yield)
			if refused++; known || err == nil {
				refused = 0
			}
			// One message of which the server says nothing is odd; if it is so
			// with one after another, it is the server, and may pass.
			if err != nil && (!errors.Is(err, cache.ErrProtocol) || refused > maxRefused) {
				return err
			}
			uids, size = uids[1:], batch
		}
	}
	return nil
}

// maxDoubts is how often a connection may end, or the server be unavailable,
// over one message before that is taken for the message's fault: a bad line ends
// one connection after another, too, and what blames a message names it for ever.
const maxDoubts = 3

// describe asks for summaries, size to a command, on one connection, and
// returns the UIDs of which nothing came. That the connection was lost, or that
// the server refused, is no error: it shows in what is left, and fault is why.
func (c *Client) describe(ctx context.Context, id cache.ID, validity uint32, uids []uint32, size int, yield func(*cache.Message)) (rest []uint32, fault, err error) {
	var mu sync.Mutex
	described := make(map[uint32]bool, len(uids))
	err = c.inside(ctx, id, validity, slices.Max(uids), false, func(s *session) error {
		size := min(size, s.messageLimit())
		var group errgroup.Group
		group.SetLimit(min(ahead, size)) // one by one, the first left is the one at fault
		for chunk := range slices.Chunk(uids, size) {
			group.Go(func() error {
				_, err := s.conn.Fetch(ctx, guard.Fetch{
					UIDs:  uidSet(chunk),
					Items: s.items(summaryItems, "X-GM-MSGID X-GM-THRID X-GM-LABELS"),
					Message: func(m *guard.Message) {
						mu.Lock()
						defer mu.Unlock()
						described[m.UID] = true
						yield(&m.Message)
					},
				})
				if err = s.kind(err); err != nil {
					c.opts.Log.Debug("fetch of summaries", "mailbox", id.Name, "first", chunk[0], "count", len(chunk), "error", err)
					mu.Lock()
					defer mu.Unlock()
					if fault == nil {
						fault = err
					}
				}
				return ctx.Err()
			})
		}
		return group.Wait()
	})
	if err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(slices.Clone(uids), func(uid uint32) bool { return described[uid] }), fault, nil
}

// maxRefused is how many messages in a row a server may refuse to describe.
const maxRefused = 2

// describeBare describes a message that the server cannot describe in full, and
// reports whether the server knew anything about it. With ErrProtocol, it did
// not, and the message has been described by its UID alone.
func (c *Client) describeBare(ctx context.Context, id cache.ID, validity uint32, uid uint32, yield func(*cache.Message)) (known bool, err error) {
	var found *cache.Message
	err = c.inside(ctx, id, validity, uid, false, func(s *session) error {
		_, err := s.conn.Fetch(ctx, guard.Fetch{
			UIDs:    uidSet([]uint32{uid}),
			Items:   bareItems,
			Message: func(m *guard.Message) { found = &m.Message },
		})
		if err == nil && found == nil && uid >= s.state.Next {
			return errLagging
		}
		return s.kind(err)
	})
	known = found != nil
	switch {
	case ctx.Err() != nil:
		return known, ctx.Err()
	case known:
		err = nil
	case err == nil || errors.Is(err, cache.ErrNotExist):
		return false, nil // it has gone
	case !errors.Is(err, cache.ErrProtocol):
		return false, err // it says nothing about the message, and a name is for ever
	default:
		// Not even this: but a message that the server lists is not lost.
		found = &cache.Message{UID: uid, Size: -1, Defects: cache.DefectDate | cache.DefectSize}
	}
	found.Defects |= cache.DefectEnvelope | cache.DefectStructure
	c.opts.Log.Warn("the server cannot describe a message", "mailbox", printable(id.Name), "uid", uid, "error", err)
	yield(found)
	return known, err
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
