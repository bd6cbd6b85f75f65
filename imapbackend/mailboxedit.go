package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// offers is what the last connection has said of the server.
type offers struct {
	maxMessage atomic.Int64
	rights     atomic.Bool
}

func (o *offers) note(s *session) {
	o.maxMessage.Store(s.appendLimit())
	o.rights.Store(s.has("ACL"))
}

// MaxMessage implements cache.Editor.
func (c *Client) MaxMessage() int64 { return c.offers.maxMessage.Load() }

// HasRights implements cache.Editor.
func (c *Client) HasRights() bool { return c.offers.rights.Load() }

// Create implements cache.Editor.
func (c *Client) Create(ctx context.Context, id cache.ID) error {
	asked := false
	err := c.anywhere(ctx, func(s *session) error {
		name, err := s.wireName(id)
		if err != nil {
			return err
		}
		_, err = s.edit(ctx, "CREATE %s", name)
		if errors.Is(err, cache.ErrExist) && asked {
			err = nil // by the attempt before, whose answer was lost
		}
		asked = true
		if err != nil {
			return err
		}
		// Without a subscription many programs do not show it; where there are
		// none, nothing is missing.
		if _, err := s.edit(ctx, "SUBSCRIBE %s", name); err != nil && s.conn.Err() == nil {
			c.opts.Log.Debug("subscribe", "mailbox", id.Name, "error", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("create mailbox %q: %w", id.Name, err)
	}
	return nil
}

// Delete implements cache.Editor. What is empty is asked on the same connection,
// which has nothing open, right before.
func (c *Client) Delete(ctx context.Context, id cache.ID, delimiter rune) error {
	asked := false
	err := c.retry(ctx, c.pool.acquireUnselected, func(s *session) error {
		name, err := s.wireName(id)
		if err != nil {
			return err
		}
		if err := s.empty(ctx, id, delimiter); err != nil {
			if asked && errors.Is(err, cache.ErrNotExist) {
				return nil // by the attempt before
			}
			return err
		}
		asked = true
		if _, err := s.edit(ctx, "DELETE %s", name); err != nil {
			return err
		}
		if _, err := s.edit(ctx, "UNSUBSCRIBE %s", name); err != nil && s.conn.Err() == nil {
			c.opts.Log.Debug("unsubscribe", "mailbox", id.Name, "error", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete mailbox %q: %w", id.Name, err)
	}
	return nil
}

// empty reports that a mailbox holds a message or has a child.
func (s *session) empty(ctx context.Context, id cache.ID, delimiter rune) error {
	name := s.engineName(id)
	if delimiter != 0 {
		below, err := s.list(ctx, name+string(delimiter)+"*")
		if err != nil {
			return err
		}
		if len(below) > 0 {
			return cache.ErrNotEmpty
		}
	}
	self, err := s.list(ctx, name)
	if err != nil {
		return err
	}
	found := false
	for _, m := range self { // the name may be a pattern, too
		if m.ID() == id {
			if found = true; m.NoSelect {
				return nil
			}
		}
	}
	if !found {
		return cache.ErrNotExist
	}
	status, err := await(ctx, func() (*imap.StatusData, error) {
		return s.engine.Status(name, &imap.StatusOptions{NumMessages: true}).Wait()
	})
	switch {
	case err != nil:
		return s.kind(err)
	case status.NumMessages == nil:
		return fmt.Errorf("%w: how many messages there are is not told", cache.ErrProtocol)
	case *status.NumMessages > 0:
		return cache.ErrNotEmpty
	}
	return nil
}

// Rename implements cache.Editor.
func (c *Client) Rename(ctx context.Context, from, to cache.ID) error {
	asked := false
	err := c.retry(ctx, c.pool.acquireUnselected, func(s *session) error {
		old, err := s.wireName(from)
		if err != nil {
			return err
		}
		name, err := s.wireName(to)
		if err != nil {
			return err
		}
		if asked { // and the answer was lost
			there, err := s.list(ctx, s.engineName(to))
			if err != nil {
				return err
			}
			left, err := s.list(ctx, s.engineName(from))
			if err != nil {
				return err
			}
			if len(there) > 0 && len(left) == 0 {
				return nil
			}
		}
		asked = true
		if _, err = s.edit(ctx, "RENAME %s %s", old, name); err != nil {
			return err
		}
		for _, line := range []string{"SUBSCRIBE " + name, "UNSUBSCRIBE " + old} {
			if _, err := s.edit(ctx, "%s", line); err != nil && s.conn.Err() == nil {
				c.opts.Log.Debug("subscriptions of a renamed mailbox", "error", err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rename mailbox %q: %w", from.Name, err)
	}
	return nil
}

// SetACL implements cache.Editor.
func (c *Client) SetACL(ctx context.Context, id cache.ID, who, rights string) error {
	err := c.anywhere(ctx, func(s *session) error {
		if !s.has("ACL") {
			return fmt.Errorf("the server has no ACL: %w", cache.ErrForbidden)
		}
		name, err := s.wireName(id)
		if err != nil {
			return err
		}
		identifier, ok := guard.Quoted(who)
		value, ok2 := guard.Quoted(rights)
		if !ok || !ok2 {
			return fmt.Errorf("rights of %q: %w", who, cache.ErrInvalid)
		}
		if rights == "" {
			_, err = s.edit(ctx, "DELETEACL %s %s", name, identifier)
		} else {
			_, err = s.edit(ctx, "SETACL %s %s %s", name, identifier, value)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("rights in mailbox %q: %w", id.Name, err)
	}
	return nil
}
