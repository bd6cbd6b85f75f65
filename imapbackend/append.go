package imapbackend

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// settling is how long a server gets to end what a connection that died had asked
// it for, before it is asked whether it did.
const settling = time.Second

// unaskedLimit is what LITERAL- lets a client send without asking (RFC 7888).
const unaskedLimit = 4096

// Append implements cache.Editor. If the connection ends between the message and
// the answer, it is found out whether it was stored before it is sent again.
func (c *Client) Append(ctx context.Context, id cache.ID, m cache.Outgoing) (cache.Stored, error) {
	for _, f := range m.Flags {
		if _, ok := guard.FlagList([]string{f}); !ok {
			return cache.Stored{}, fmt.Errorf("append: flag %q: %w", f, cache.ErrInvalid)
		}
	}
	doubt := error(nil) // it may have been stored
	var at cache.Stored
	err := c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireAppending(ctx, id)
	}, func(s *session) error {
		defer c.pool.appended(s)
		if doubt != nil {
			found, err := c.settled(ctx, id, m.Sought)
			if err != nil || found.UID != 0 {
				at = found
				return err
			}
			c.opts.Log.Warn("a message is sent again whose first sending was not answered and left no trace; should it be there twice, this is why",
				"mailbox", id.Name, "message_id", m.MessageID, "error", doubt)
			doubt = nil
		}
		st, err := s.append(ctx, id, m)
		switch {
		case err == nil:
			at.Validity, at.UID, _ = st.Appended()
			return nil
		case errors.As(err, new(guard.Status)) && s.answered(err), errors.Is(err, guard.ErrUnsent), errors.Is(err, errUnstarted):
		default:
			doubt = err
		}
		return s.refused(err)
	})
	if err != nil && doubt != nil {
		return cache.Stored{}, fmt.Errorf("append: %w: %w", cache.ErrUncertain, err)
	}
	if err != nil {
		return cache.Stored{}, fmt.Errorf("append: %w", err)
	}
	if at.UID == 0 {
		at, _ = c.Find(ctx, id, m.Sought) // it is there, only which it is was not said
	}
	return at, nil
}

// answered reports whether an error is the server's answer to a command, and not
// its farewell.
func (s *session) answered(err error) bool {
	var st guard.Status
	return errors.As(err, &st) && (st.Type == "NO" || st.Type == "BAD")
}

// errUnstarted: nothing has been sent.
var errUnstarted = errors.New("not begun")

func (s *session) append(ctx context.Context, id cache.ID, m cache.Outgoing) (guard.Status, error) {
	name, err := s.wireName(id)
	if err != nil {
		return guard.Status{}, fmt.Errorf("%w: %w", errUnstarted, err)
	}
	if limit := s.appendLimit(); limit > 0 && m.Size > limit {
		return guard.Status{}, fmt.Errorf("%w: %d octets, at most %d: %w", cache.ErrTooBig, m.Size, limit, errUnstarted)
	}
	if m.Binary && !s.has("BINARY") && !s.has("IMAP4REV2") {
		return guard.Status{}, fmt.Errorf("%w: a NUL in the message, which this server cannot be sent: %w", cache.ErrInvalid, errUnstarted)
	}
	octets, err := m.Open()
	if err != nil {
		return guard.Status{}, fmt.Errorf("%w: %w", errUnstarted, err)
	}
	defer octets.Close()
	return s.conn.Append(ctx, guard.Append{
		Mailbox: name, Flags: m.Flags, Date: m.Date, Size: m.Size, Message: octets, Binary: m.Binary,
		Unasked: s.has("LITERAL+") || (s.has("LITERAL-") || s.has("IMAP4REV2")) && m.Size <= unaskedLimit,
	})
}

// appendLimit is APPENDLIMIT (RFC 7889), 0 if there is none for all mailboxes.
func (s *session) appendLimit() int64 {
	for _, name := range s.caps {
		if digits, ok := strings.CutPrefix(name, "APPENDLIMIT="); ok {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}

// settled is Find for what a connection that has died may still be doing.
func (c *Client) settled(ctx context.Context, id cache.ID, m cache.Sought) (at cache.Stored, err error) {
	for range 2 {
		if !sleep(ctx, settling) {
			return at, ctx.Err()
		}
		if at, err = c.Find(ctx, id, m); err != nil || at.UID != 0 {
			break
		}
	}
	return at, err
}

// Find implements cache.Editor: it looks for a message of the same octets, or at
// least with the same Message-ID and size.
func (c *Client) Find(ctx context.Context, id cache.ID, m cache.Sought) (at cache.Stored, err error) {
	err = c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireFresh(ctx, id)
	}, func(s *session) error {
		at = cache.Stored{}
		if s.state.Count == 0 || s.state.Next <= m.Next && s.state.Next != 0 {
			return nil
		}
		similar, err := s.similar(ctx, m)
		if err != nil {
			return err
		}
		for _, one := range similar {
			same := m.Sum == [32]byte{} // then Message-ID, size and date have to do
			if !same {
				if same, err = s.same(ctx, one.UID, m); err != nil {
					return err
				}
			}
			if same && (m.Claim == nil || m.Claim(s.state.Validity, one.UID)) {
				at = cache.Stored{Validity: s.state.Validity, UID: one.UID}
				return nil
			}
		}
		return nil
	})
	return at, err
}

// similar returns the messages that came since and may be the one.
func (s *session) similar(ctx context.Context, m cache.Sought) (found []cache.Message, err error) {
	_, err = s.conn.Fetch(ctx, guard.Fetch{
		UIDs:  uidRange{max(m.Next, 1), 1<<32 - 1}.set(),
		Items: "(UID RFC822.SIZE INTERNALDATE ENVELOPE)",
		Message: func(one *guard.Message) {
			// The last message answers, whatever its UID.
			if one.UID < m.Next {
				return
			}
			if one.Size != m.Size && (m.MessageID == "" || one.MessageID != m.MessageID) {
				return
			}
			if m.Sum == [32]byte{} && (one.MessageID != m.MessageID || one.Size != m.Size || !one.Date.Equal(m.Date)) {
				return
			}
			found = append(found, one.Message)
		},
	})
	slices.SortFunc(found, func(a, b cache.Message) int { return int(int64(b.UID) - int64(a.UID)) })
	return found, s.kind(err)
}

// same reports whether a message has the octets that are sought. Where the server
// changes what it stores, the Message-ID and the size decide.
func (s *session) same(ctx context.Context, uid uint32, m cache.Sought) (bool, error) {
	body := newWanted(uid, 0)
	body.add(cache.Request{UID: uid}, func(int) {})
	if err := s.body(ctx, body); err != nil {
		if errors.Is(err, cache.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	if sha256.Sum256(body.results[0]) == m.Sum {
		return true, nil
	}
	id, size := "", int64(0)
	_, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs: imap.UIDSetNum(imap.UID(uid)), Items: "(UID RFC822.SIZE ENVELOPE)",
		Message: func(one *guard.Message) { id, size = one.MessageID, one.Size },
	})
	return m.MessageID != "" && id == m.MessageID && size == m.Size, s.kind(err)
}
