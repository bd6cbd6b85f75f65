package imapbackend

import (
	"context"
	"fmt"
	"sync"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// numbering knows under which UIDVALIDITY each mailbox was opened last.
//
// It is for servers that make up UIDs for EXAMINE and do not keep them, which
// RFC 9051, section 2.3.1.1, forbids: Courier and GNU Mailutils number new mail
// for good only in SELECT. On two connections, one UID is two messages then, in
// Courier even under one UIDVALIDITY. So there, the mailbox is opened by SELECT
// for a moment. That marks nothing as read, it takes \Recent away.
type numbering struct {
	mu       sync.Mutex
	validity map[cache.ID]uint32 // guarded by mu
}

// opened notes the UIDVALIDITY of a mailbox, and returns the one of the time
// before, 0 at the first.
func (n *numbering) opened(id cache.ID, validity uint32) (was uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.validity == nil {
		n.validity = make(map[cache.ID]uint32)
	}
	was, n.validity[id] = n.validity[id], validity
	return was
}

// madeUp reports whether what EXAMINE has shown as UIDs may be others next time.
// UIDVALIDITY hardly ever changes elsewhere.
func (s *session) madeUp(id cache.ID, state cache.State) bool {
	was := s.numbering.opened(id, state.Validity)
	courier := s.courier()
	return was != state.Validity && (courier || was != 0) || courier && s.recent.Load() > 0
}

// courier reports whether the server is Courier.
func (s *session) courier() bool { return s.has("ACL2=UNION") } // nobody else has it

// closedTo reports whether the server would store no message in a mailbox: Courier
// does not where it is open read-only.
func (s *session) closedTo(id cache.ID) bool {
	return s.courier() && s.selected && s.mailbox == id && !s.writable
}

// examine opens a mailbox read-only. The caller is the session's only user.
func (s *session) examine(ctx context.Context, id cache.ID) (cache.State, error) {
	state, err := s.open(ctx, id, true)
	for range 3 { // new mail may come between SELECT and EXAMINE
		if err != nil || !s.madeUp(id, state) {
			break
		}
		// A refusal leaves no mailbox open, and numbers as good as before.
		if _, err := s.open(ctx, id, false); s.conn.Err() != nil || ctx.Err() != nil {
			return state, err
		}
		state, err = s.open(ctx, id, true)
	}
	if err == nil && state.Next == 0 {
		// Courier does not tell UIDNEXT, which says what this session can see.
		state.Next, err = s.afterLast(ctx, state.Count)
	}
	return state, err
}

// selectMailbox opens a mailbox for writing. The caller is the session's only user.
func (s *session) selectMailbox(ctx context.Context, id cache.ID) (cache.State, error) {
	state, err := s.open(ctx, id, false)
	if err == nil {
		s.numbering.opened(id, state.Validity)
	}
	if err == nil && state.Next == 0 {
		state.Next, err = s.afterLast(ctx, state.Count)
	}
	return state, err
}

// afterLast returns the UID after that of the last message.
func (s *session) afterLast(ctx context.Context, count uint32) (uint32, error) {
	if count == 0 {
		return 1, nil
	}
	next := uint32(0)
	_, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:    imap.UIDSet{{Start: 0, Stop: 0}}, // *
		Items:   "(UID)",
		Message: func(m *guard.Message) { next = m.UID + 1 },
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("open: %w", s.kind(err))
	case next == 0:
		return 0, fmt.Errorf("open: %w: no last message of %d", cache.ErrProtocol, count)
	}
	return next, nil
}
