package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// attempts is how many connections an operation may lose before it fails. One
// is lost whenever a server restarts or a NAT forgets, without anyone's fault.
const attempts = 3

// collateral is how many it may lose beside them to answers about messages that
// it did not ask for: others use the same connections.
const collateral = 12

// anywhere runs an operation that needs no mailbox.
func (c *Client) anywhere(ctx context.Context, do func(*session) error) error {
	return c.retry(ctx, c.pool.acquire, do)
}

// inside runs an operation in a mailbox, which is opened with EXAMINE; newest
// is the highest UID that it is about.
func (c *Client) inside(ctx context.Context, id cache.ID, validity, newest uint32, do func(*session) error) error {
	acquire := func(ctx context.Context) (*session, error) {
		return c.pool.acquireMailbox(ctx, id, validity, newest)
	}
	for pause := firstLag; ; pause *= 2 {
		err := c.retry(ctx, acquire, do)
		if !errors.Is(err, errLagging) {
			return err
		}
		if pause > lastLag {
			return cache.ErrNotExist
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errLagging: the server has told of a message on one connection, and on
// another its UIDNEXT is still below it. Dovecot does so for up to a second
// after mail was put into a Maildir. The message is not gone.
var errLagging = errors.New("the server lags behind itself")

const firstLag, lastLag = 50 * time.Millisecond, 2 * time.Second

// atFault marks the end of a connection that came amid an answer about a message
// that the operation asked for.
type atFault struct{ error }

func (a atFault) Unwrap() error { return a.error }

// blame marks err if it is the fault of one of these messages.
func blame(err error, uids ...uint32) error {
	var fault *guard.MessageError
	if errors.As(err, &fault) && slices.Contains(uids, fault.UID) {
		return atFault{err}
	}
	return err
}

// retry runs do on a session, and again on another if the connection is lost.
func (c *Client) retry(ctx context.Context, acquire func(context.Context) (*session, error), do func(*session) error) error {
	var err error
	first := true // a server that is silent on a new connection, too, has had its time
	for own, others := 0, 0; own < attempts && others < collateral; {
		var s *session
		if s, err = acquire(ctx); err == nil {
			err = do(s)
			c.pool.release(s)
		}
		if err == nil || ctx.Err() != nil || !errors.As(err, new(lost)) || errors.Is(err, context.DeadlineExceeded) && !first {
			break
		}
		first = false
		switch mine := errors.As(err, new(atFault)); {
		case mine && errors.Is(err, guard.ErrMalformed):
			own = attempts // it would be again
		case !mine && errors.As(err, new(*guard.MessageError)):
			others++
		default:
			own++
		}
		c.opts.Log.Debug("connection lost, trying again", "server", c.opts.Address, "error", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.As(err, new(atFault)) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %v", cache.ErrProtocol, err) // not offline: the server is there
	}
	return err
}
