package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// Fetch implements cache.Source: one UID FETCH a message, all in one round trip.
func (c *Client) Fetch(ctx context.Context, id cache.ID, validity uint32, requests []cache.Request) ([][]byte, error) {
	if err := c.budget.allow(ctx); err != nil {
		return nil, err
	}
	results := make([][]byte, len(requests))
	newest := uint32(0)
	for _, r := range requests {
		newest = max(newest, r.UID)
	}
	err := c.inside(ctx, id, validity, newest, true, func(s *session) error {
		var group errgroup.Group
		first := 0
		for i := range requests {
			if i+1 == len(requests) || requests[i+1].UID != requests[i].UID {
				of, into := requests[first:i+1], results[first:i+1]
				group.Go(func() error { return s.bodies(ctx, of, into) })
				first = i + 1
			}
		}
		return group.Wait()
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// bodies fetches octets of one message.
func (s *session) bodies(ctx context.Context, requests []cache.Request, results [][]byte) error {
	clear(results) // of what a connection that was lost has left
	uid, answered, only := requests[0].UID, false, ""
	items := make([]string, len(requests))
	sinks := make(map[string]*sink, len(requests))
	for i, r := range requests {
		items[i] = "BODY.PEEK[" + r.Section + "]"
		name, limit := "BODY["+strings.ToUpper(r.Section)+"]", int64(cache.MaxWhole)
		if r.Length > 0 {
			items[i] += fmt.Sprintf("<%d.%d>", r.Offset, r.Length)
			name, limit = fmt.Sprintf("%s<%d>", name, r.Offset), r.Length
		}
		sinks[name] = &sink{into: &results[i], limit: limit}
		only = name
	}
	st, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:    imap.UIDSetNum(imap.UID(uid)),
		Items:   "(UID " + strings.Join(items, " ") + ")",
		Message: func(*guard.Message) { answered = true },
		Literal: func(_ imap.UID, item string, size int64) io.Writer {
			if len(requests) == 1 {
				item = only // there are servers that leave the origin out
			}
			sink := sinks[item]
			if sink == nil {
				return nil
			}
			sink.expect(size)
			return sink
		},
	})
	switch {
	case err != nil && s.left(ctx, err):
		return fmt.Errorf("%w: %w", cache.ErrNotExist, err)
	case err != nil:
		return blame(s.kind(err), uid)
	case st.Code == expungeIssued && slices.ContainsFunc(results, func(b []byte) bool { return b == nil }):
		// Dovecot serves NIL for a message that this session has yet to be told
		// of; asked again, it says what is true.
		return errLagging
	case answered:
		return nil
	case uid >= s.state.Next:
		return errLagging
	}
	return s.unanswered(ctx, uid)
}

// left reports whether a refusal that the server explains in words only is because
// the mailbox has been deleted, as by Cyrus.
func (s *session) left(ctx context.Context, err error) bool {
	var st guard.Status
	return errors.As(err, &st) && st.Type == "NO" && st.Code == "" &&
		errors.Is(s.unexplained(ctx, s.engineName(s.mailbox)), cache.ErrNotExist)
}

// unanswered tells why the server did not send what was asked of a message: it
// has gone, or the answer was none.
func (s *session) unanswered(ctx context.Context, uid uint32) error {
	exists := false
	_, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:    imap.UIDSetNum(imap.UID(uid)),
		Items:   "(UID FLAGS)",
		Message: func(*guard.Message) { exists = true },
	})
	switch {
	case err != nil:
		return s.kind(err)
	case exists:
		return fmt.Errorf("%w: no body in the answer about message %d", cache.ErrProtocol, uid)
	}
	return cache.ErrNotExist
}

// sink takes the octets of one body item into memory.
type sink struct {
	into  *[]byte
	limit int64
}

// firstRoom is how much memory a server is believed to need for a literal
// before it has sent any of it.
const firstRoom = 1 << 20

func (k *sink) expect(size int64) {
	*k.into = make([]byte, 0, min(size, k.limit, firstRoom))
}

// Room implements guard.Filler.
func (k *sink) Room(n int64) []byte {
	have := int64(len(*k.into))
	if n > k.limit-have {
		return nil // Write says what is wrong
	}
	if int64(cap(*k.into)) == have {
		*k.into = slices.Grow(*k.into, int(min(n, max(have, firstRoom))))
	}
	return (*k.into)[have:cap(*k.into)]
}

// Filled implements guard.Filler.
func (k *sink) Filled(n int) { *k.into = (*k.into)[:len(*k.into)+n] }

func (k *sink) Write(p []byte) (int, error) {
	if int64(len(*k.into)+len(p)) > k.limit {
		if k.limit == cache.MaxWhole {
			return 0, cache.ErrTooLarge
		}
		return 0, fmt.Errorf("%w: more than %d octets were asked for", cache.ErrProtocol, k.limit)
	}
	*k.into = append(*k.into, p...)
	return len(p), nil
}
