package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

var _ cache.Editor = (*Client)(nil)

// notices are what is said once in the log.
type notices struct {
	expunge sync.Once // no UIDPLUS
}

// within runs an edit of a message in a mailbox, which is opened with SELECT. What
// do does may be done again on another connection.
func (c *Client) within(ctx context.Context, id cache.ID, validity, uid uint32, do func(*session) error) error {
	return c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireWritable(ctx, id, validity, uid)
	}, do)
}

// edit sends a command, and gives its error a kind.
func (s *session) edit(ctx context.Context, format string, args ...any) (guard.Status, error) {
	st, err := s.conn.Edit(ctx, fmt.Sprintf(format, args...))
	return st, s.refused(err)
}

// refusals are what servers say in words only, of what was to be changed.
var refusals = []struct {
	words []string
	kind  error
}{
	{[]string{"quota"}, cache.ErrQuota},
	{[]string{"too large", "too big", "size limit", "exceeds"}, cache.ErrTooBig},
	{[]string{"already exists", "mailbox exists"}, cache.ErrExist},
	{[]string{"not exist", "doesn't exist", "no such mailbox", "not found"}, cache.ErrNotExist},
}

// refused is kind for what was to be changed: a NO without a code is a refusal.
func (s *session) refused(err error) error {
	kind := s.kind(err)
	var st guard.Status
	if !errors.As(err, &st) || st.Type != "NO" || !errors.Is(kind, cache.ErrProtocol) {
		return kind
	}
	text := strings.ToLower(st.Text)
	for _, r := range refusals {
		if slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(text, w) }) {
			return fmt.Errorf("%w: %w", r.kind, st)
		}
	}
	return fmt.Errorf("%w: %w", cache.ErrPermission, st)
}

// wireName is a mailbox's name in a command line.
func (s *session) wireName(id cache.ID) (string, error) {
	name, ok := s.conn.Mailbox(id.Name, id.Raw)
	if !ok {
		return "", fmt.Errorf("mailbox name: %w", cache.ErrInvalid)
	}
	return name, nil
}

// exists reports whether the message is in the mailbox that is open, and which
// flags it has.
func (s *session) exists(ctx context.Context, uid uint32) (flags []string, modseq uint64, ok bool, err error) {
	items := flagItems
	if s.has("CONDSTORE") {
		items = "(UID FLAGS MODSEQ)"
	}
	_, err = s.conn.Fetch(ctx, guard.Fetch{
		UIDs:  imap.UIDSetNum(imap.UID(uid)),
		Items: items,
		Message: func(m *guard.Message) {
			if m.UID == uid {
				flags, modseq, ok = m.Flags, m.ModSeq, true
			}
		},
	})
	return flags, modseq, ok, s.kind(err)
}

// here is exists for who needs it to.
func (s *session) here(ctx context.Context, uid uint32) error {
	_, _, ok, err := s.exists(ctx, uid)
	if err == nil && !ok {
		err = fmt.Errorf("message %d: %w", uid, cache.ErrStale)
	}
	return err
}

// Move implements cache.Editor: by MOVE (RFC 6851), else by COPY and what Expunge
// does. MOVE may be repeated: of a message that has been moved, it moves nothing.
func (c *Client) Move(ctx context.Context, from cache.ID, validity, uid uint32, to cache.ID, same cache.Sought) (at cache.Stored, err error) {
	moves, first := false, true
	err = c.within(ctx, from, validity, uid, func(s *session) error {
		if moves = s.has("MOVE") || s.has("IMAP4REV2"); !moves {
			return nil
		}
		name, err := s.wireName(to)
		if err != nil {
			return err
		}
		if first {
			if err := s.here(ctx, uid); err != nil {
				return err
			}
		}
		first = false
		st, err := s.edit(ctx, "UID MOVE %d %s", uid, name)
		if err == nil {
			at.Validity, at.UID, _ = st.Copied(uid)
		}
		return err
	})
	if err != nil {
		return at, fmt.Errorf("move: %w", err)
	}
	if !moves {
		if at, err = c.Copy(ctx, from, validity, uid, to, same); err != nil {
			return at, err
		}
		if err := c.Expunge(ctx, from, validity, uid); err != nil {
			c.opts.Log.Warn("a message that was to be moved is in both mailboxes now", "from", from.Name, "uid", uid, "to", to.Name, "error", err)
			return at, fmt.Errorf("move: %w", err)
		}
		return at, nil
	}
	if at.UID == 0 {
		at, err = c.Find(ctx, to, same)
		if err == nil && at.UID == 0 {
			c.opts.Log.Warn("a message was moved, and is not seen where it should be", "from", from.Name, "uid", uid, "to", to.Name)
		}
		err = nil // it was moved
	}
	return at, err
}

// Copy implements cache.Editor. It is not repeated before it is known that it was
// not done.
func (c *Client) Copy(ctx context.Context, from cache.ID, validity, uid uint32, to cache.ID, same cache.Sought) (at cache.Stored, err error) {
	asked := false
	err = c.within(ctx, from, validity, uid, func(s *session) error {
		name, err := s.wireName(to)
		if err != nil {
			return err
		}
		if asked {
			if at, err = c.settled(ctx, to, same); err != nil || at.UID != 0 {
				return err
			}
		}
		if err := s.here(ctx, uid); err != nil {
			return err
		}
		asked = true
		st, err := s.edit(ctx, "UID COPY %d %s", uid, name)
		if err == nil {
			at.Validity, at.UID, _ = st.Copied(uid)
		}
		return err
	})
	if err != nil {
		return at, fmt.Errorf("copy: %w", err)
	}
	if at.UID == 0 {
		at, _ = c.Find(ctx, to, same)
	}
	return at, nil
}

// Expunge implements cache.Editor.
func (c *Client) Expunge(ctx context.Context, id cache.ID, validity, uid uint32) error {
	first := true
	err := c.within(ctx, id, validity, uid, func(s *session) error {
		if first {
			if err := s.here(ctx, uid); err != nil {
				return err
			}
		}
		first = false
		if _, err := s.edit(ctx, `UID STORE %d +FLAGS.SILENT (\Deleted)`, uid); err != nil {
			return err
		}
		if !s.has("UIDPLUS") && !s.has("IMAP4REV2") {
			c.notices.expunge.Do(func() {
				c.opts.Log.Warn(`this server removes messages only together with all others that are marked \Deleted (no UIDPLUS): they are marked, and another program has to remove them`)
			})
			return nil
		}
		_, err := s.edit(ctx, "UID EXPUNGE %d", uid)
		return err
	})
	if err != nil {
		return fmt.Errorf("expunge: %w", err)
	}
	return nil
}

const deletedFlag = `\Deleted`

// SetFlags implements cache.Editor, under UNCHANGEDSINCE (RFC 7162) where there is
// CONDSTORE: what another program changes meanwhile is not undone unseen.
func (c *Client) SetFlags(ctx context.Context, id cache.ID, validity, uid uint32, flags []string) (now []string, err error) {
	if _, ok := guard.FlagList(flags); !ok {
		return nil, fmt.Errorf("flags: %w", cache.ErrInvalid)
	}
	err = c.within(ctx, id, validity, uid, func(s *session) error {
		for range 3 {
			have, modseq, ok, err := s.exists(ctx, uid)
			switch {
			case err != nil:
				return err
			case !ok:
				return fmt.Errorf("message %d: %w", uid, cache.ErrStale)
			}
			want := slices.Clone(flags)
			if slices.Contains(have, deletedFlag) && !slices.Contains(want, deletedFlag) {
				want = append(want, deletedFlag)
			}
			condition := ""
			if modseq > 0 {
				condition = fmt.Sprintf("(UNCHANGEDSINCE %d) ", modseq)
			}
			list, _ := guard.FlagList(want)
			st, err := s.edit(ctx, "UID STORE %d %sFLAGS.SILENT %s", uid, condition, list)
			if err == nil && st.Modified() {
				continue
			}
			if errors.Is(err, cache.ErrProtocol) && s.conn.Err() == nil {
				return fmt.Errorf("%w: %w", cache.ErrInvalid, err) // BAD: no such flag
			}
			if err != nil {
				return err
			}
			if now, _, ok, err = s.exists(ctx, uid); err != nil || !ok {
				return err
			}
			for _, f := range flags {
				if !slices.ContainsFunc(now, func(is string) bool { return strings.EqualFold(is, f) }) {
					return fmt.Errorf("flag %s, which the server does not keep: %w", printable(f), cache.ErrInvalid)
				}
			}
			return nil
		}
		return fmt.Errorf("%w: the flags change all the time", cache.ErrProtocol)
	})
	if err != nil {
		return nil, fmt.Errorf("set flags: %w", err)
	}
	return now, nil
}
