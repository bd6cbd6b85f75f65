package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

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
	// trusted.
	clockCheck = 5 * time.Second
	clockJump  = 5 * time.Second
)

// watcher is the connection that waits for news, beside the pool. It is used
// by one Idle at a time.
type watcher struct {
	mu      sync.Mutex
	session *session // guarded by mu; nil until it is needed
	changed func()   // guarded by changes
	changes sync.Mutex
	open    atomic.Pointer[cache.ID] // the mailbox it waits in; nil: it does not
}

// hooks tell of news in the mailbox that is open.
func (w *watcher) hooks() guard.Hooks {
	news := func() {
		w.changes.Lock()
		defer w.changes.Unlock()
		if w.changed != nil {
			w.changed()
		}
	}
	return guard.Hooks{
		Exists:   func(uint32) { news() },
		Expunge:  func(uint32) { news() },
		Update:   func(*guard.Message) { news() },
		Untagged: func(string, []byte) { news() }, // VANISHED
	}
}

func (w *watcher) onChange(f func()) {
	w.changes.Lock()
	defer w.changes.Unlock()
	w.changed = f
}

func (w *watcher) close() {
	w.mu.Lock() // once Idle has ended, which it does with the pool
	defer w.mu.Unlock()
	if w.session != nil {
		w.session.conn.Close()
	}
}

// Idle implements cache.Source, with IDLE on a connection of its own.
func (c *Client) Idle(ctx context.Context, id cache.ID, started, changed func()) error {
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
		if err := c.pool.refused(); err != nil {
			return err
		}
		s, err := c.connect(ctx, w.hooks(), false)
		if err != nil {
			return err
		}
		w.session = s
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
	w.onChange(changed)
	defer w.onChange(nil)
	w.open.Store(&id)
	defer w.open.Store(nil)
	answer := func() time.Duration {
		if ctx.Err() != nil {
			return partingAnswer
		}
		return renewalAnswer
	}
	for ctx.Err() == nil {
		err := func() error {
			round, cancel := context.WithTimeout(ctx, renewal)
			defer cancel()
			go watchClock(round, cancel)
			return s.conn.Idle(round, started, answer)
		}()
		if err != nil {
			return fmt.Errorf("idle: %w", s.kind(err))
		}
		started = func() {} // the line is proven, and nothing was missed
	}
	return ctx.Err()
}

// watchClock calls jumped when the machine seems to have slept.
func watchClock(ctx context.Context, jumped func()) {
	ticker := time.NewTicker(clockCheck)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		// The monotonic clock stands still during a suspend, the other does not.
		if now.Round(0).Sub(last.Round(0))-now.Sub(last) > clockJump {
			jumped()
			return
		}
		last = now
	}
}

// States implements cache.Source, with a pipelined STATUS for each mailbox.
func (c *Client) States(ctx context.Context, ids []cache.ID) (states map[cache.ID]cache.State, err error) {
	err = c.retry(ctx, c.pool.acquireUnselected, func(s *session) error {
		states, err = await(ctx, func() (map[cache.ID]cache.State, error) { return s.states(ids) })
		return s.kind(err)
	})
	return states, err
}

func (s *session) states(ids []cache.ID) (map[cache.ID]cache.State, error) {
	options := &imap.StatusOptions{
		NumMessages: true, UIDNext: true, UIDValidity: true, NumUnseen: true,
		HighestModSeq: s.has("CONDSTORE"),
	}
	commands := make([]*imapclient.StatusCommand, len(ids))
	for i, id := range ids {
		commands[i] = s.engine.Status(s.engineName(id), options)
	}
	states := make(map[cache.ID]cache.State, len(ids))
	for i, id := range ids {
		data, err := commands[i].Wait()
		if err == nil {
			states[id] = state(data)
		} // else the mailbox has gone or is not ours, unless the connection has
	}
	return states, s.conn.Err()
}

func state(data *imap.StatusData) cache.State {
	st := cache.State{Validity: data.UIDValidity, Next: uint32(data.UIDNext), ModSeq: data.HighestModSeq}
	if data.NumMessages != nil {
		st.Count = *data.NumMessages
	}
	if data.NumUnseen != nil {
		st.Unseen = *data.NumUnseen
	}
	return st
}
