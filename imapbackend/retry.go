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
// is the highest UID that it is about, and bodies tells that it fetches some.
func (c *Client) inside(ctx context.Context, id cache.ID, validity, newest uint32, bodies bool, do func(*session) error) error {
	return c.retry(ctx, func(ctx context.Context) (*session, error) {
		return c.pool.acquireMailbox(ctx, id, validity, newest, bodies)
	}, do)
}

// errLagging: the server has told of a message on one connection, and on
// another its UIDNEXT is still below it. Dovecot does so for up to a second
// after mail was put into a Maildir. The message is not gone.
var errLagging = errors.New("the server lags behind itself")

// firstPause and lastPause bound the pauses before an operation is tried again
// that the server refuses for now, or lags behind for: about 3 s together.
const firstPause, lastPause = 50 * time.Millisecond, 2 * time.Second

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

// retry runs do on a session: again on another if the connection is lost, and
// again after a pause if what is wrong may pass.
func (c *Client) retry(ctx context.Context, acquire func(context.Context) (*session, error), do func(*session) error) error {
	own, others, pause := 0, 0, firstPause
	for {
		err := func() error {
			s, err := acquire(ctx)
			if err != nil {
				return err
			}
			defer c.pool.release(s) // whatever happens: somebody else may wait for it alone
			return do(s)
		}()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, new(lost)):
			mine := errors.As(err, new(atFault))
			silent := errors.Is(err, context.DeadlineExceeded)
			// A server that is silent on a new connection, too, has had its time.
			late := silent && own+others > 0
			if !mine && errors.As(err, new(*guard.MessageError)) {
				others++
			} else {
				own++
			}
			again := mine && errors.Is(err, guard.ErrMalformed) // it would be the same
			if late || again || own == attempts || others == collateral {
				return fault(err)
			}
			if silent {
				c.pool.distrust()
			}
		case pause <= lastPause && (errors.As(err, new(busy)) || errors.Is(err, errLagging)):
			if !sleep(ctx, pause) {
				return ctx.Err()
			}
			pause *= 2
		case errors.Is(err, errLagging):
			return cache.ErrNotExist
		default:
			return err
		}
		c.opts.Log.Debug("trying again", "server", c.opts.Address, "error", err)
	}
}

// fault is what to say of a connection that ended over and over again: if it is
// always over the message that was asked for, the server is not out of reach.
func fault(err error) error {
	if errors.As(err, new(atFault)) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %v", cache.ErrProtocol, err)
	}
	return err
}

// sleep waits, and reports whether ctx lives on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
