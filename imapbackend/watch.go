package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

const (
	// renewal is how long an IDLE lasts. RFC 2177 allows 29 minutes; but a line
	// that died silently (a NAT that forgot, a suspended laptop) is noticed
	// only by asking.
	renewal = 2 * time.Minute
	// renewalAnswer is how long the server has to answer that question.
	renewalAnswer = 10 * time.Second
	// partingAnswer is how long it has when nobody wants its news any more.
	partingAnswer = time.Second
	// clockCheck is how often the clock is compared with the time that has
	// passed; one that jumps tells of a suspend, after which no line can be
	// trusted, as after a change of the network.
	clockCheck = 5 * time.Second
	clockJump  = 5 * time.Second
)

// watcher is the connection that waits for news, beside the pool. It is used
// by one Idle at a time.
type watcher struct {
	mu       sync.Mutex
	session  *session               // guarded by mu; nil until it is needed
	notified bool                   // guarded by mu; NOTIFY is on, or refused
	overflow atomic.Bool            // the server has turned NOTIFY off
	open     atomic.Pointer[idling] // where it waits; nil: it does not

	changes sync.Mutex
	news    *cache.News // guarded by changes; who is told
}

// idling is an Idle under way.
type idling struct {
	mailbox cache.ID
	session *session
}

// hooks tell of news: in the mailbox that is open, and elsewhere by NOTIFY.
func (w *watcher) hooks() guard.Hooks {
	tell := func(of func(*cache.News)) {
		w.changes.Lock()
		defer w.changes.Unlock()
		if w.news != nil {
			of(w.news)
		}
	}
	here := func(n *cache.News) { n.Changed() }
	return guard.Hooks{
		Exists:   func(uint32) { tell(here) },
		Expunge:  func(uint32) { tell(here) },
		Update:   func(*guard.Message) { tell(here) },
		Untagged: func(string, []byte) { tell(here) }, // VANISHED
		Mailbox: func(name string, raw, listed bool) {
			tell(func(n *cache.News) {
				if listed {
					n.Listed()
				} else {
					n.Elsewhere(mailboxID(name, raw))
				}
			})
		},
		Status: func(st guard.Status, _ bool) {
			if st.Code == "NOTIFICATIONOVERFLOW" { // RFC 5465, section 5.8
				w.overflow.Store(true)
				tell(func(n *cache.News) { n.Listed() })
			}
		},
	}
}

func (w *watcher) tell(news *cache.News) {
	w.changes.Lock()
	defer w.changes.Unlock()
	w.news = news
}

// everywhere makes the server tell of changes in all mailboxes of the user, the
// same that IDLE tells of the one that is open (RFC 5465). It lasts as long as
// the connection.
const everywhere = "NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))" +
	" (personal (MessageNew MessageExpunge FlagChange MailboxName))"

// notify turns NOTIFY on, where there is one. A server that refuses leaves the
// other mailboxes to the poll.
func (w *watcher) notify(ctx context.Context, s *session) error {
	if w.notified && !w.overflow.Swap(false) || !s.has("NOTIFY") {
		return nil
	}
	_, err := s.conn.Do(ctx, everywhere, nil)
	if err != nil && s.conn.Err() != nil {
		return s.kind(err)
	}
	w.notified = ctx.Err() == nil
	return ctx.Err()
}

func (w *watcher) close() {
	w.mu.Lock() // once Idle has ended, which it does with the pool
	defer w.mu.Unlock()
	if w.session != nil {
		w.session.conn.Close()
	}
}

// Idle implements cache.Source, with IDLE and NOTIFY on a connection of its own.
func (c *Client) Idle(ctx context.Context, id cache.ID, news cache.News) error {
	if c.opts.MaxConnections < 2 {
		return errors.ErrUnsupported // an IDLE would leave none for anything else
	}
	w := &c.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != nil && w.session.conn.Err() != nil {
		w.session.conn.Close()
		w.session = nil
	}
	if w.session == nil {
		// Not by the pool's attempts: a server that has no room for one more
		// connection must not keep the pool from replacing one that it lost.
		// But while there is no way to the server, it is the pool that looks for one.
		if err := c.pool.online(ctx); err != nil {
			return err
		}
		if err := c.pool.mayLogin(); err != nil {
			return err
		}
		s, err := c.connect(ctx, w.hooks(), false)
		if err != nil {
			c.pool.noted(err)
			if unheard(err) {
				c.pool.suspect()
			}
			return err
		}
		w.session, w.notified = s, false
	}
	s := w.session
	if !s.has("IDLE") && !s.has("IMAP4REV2") {
		s.conn.Close() // a server has only so many for a user
		return errors.ErrUnsupported
	}
	stop := context.AfterFunc(c.pool.life, func() { s.conn.Close() })
	defer stop()
	if _, err := s.examine(ctx, id); err != nil {
		s.conn.Close() // whatever it has open is not what is wanted
		return err
	}
	w.tell(&news)
	defer w.tell(nil)
	if err := w.notify(ctx, s); err != nil {
		s.conn.Close() // what it would tell is not known
		return err
	}
	w.open.Store(&idling{id, s})
	defer w.open.Store(nil)
	answer := func() time.Duration {
		if ctx.Err() != nil {
			return partingAnswer
		}
		return renewalAnswer
	}
	started := news.Started
	for ctx.Err() == nil {
		err := func() error {
			round, cancel := context.WithTimeout(ctx, renewal)
			defer cancel()
			go watchNetwork(round, clockCheck, func() {
				c.pool.suspect()
				cancel()
			})
			return s.conn.Idle(round, started, answer)
		}()
		if err != nil {
			return fmt.Errorf("idle: %w", s.kind(err))
		}
		if ctx.Err() == nil {
			if err := w.notify(ctx, s); err != nil {
				return err
			}
		}
		started = func() {} // the line is proven, and nothing was missed
	}
	return ctx.Err()
}
