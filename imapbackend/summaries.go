package imapbackend

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

const (
	// batch is how many summaries one command asks for, unless the server
	// limits it to less. A batch is what a broken connection costs. A multiple
	// of what the cache puts into a frame, so that no message waits for the
	// next batch.
	batch = 512
	// firstBatch is for how many the first command asks, so that somebody who
	// lists a mailbox soon sees something.
	firstBatch = 128
	// ahead is how many batches are asked for at once, so that the line is
	// never idle between them.
	ahead = 4
	// fewer is by how much less is asked for at once when a command failed, and
	// nothing tells which message it is about.
	fewer = 8
	// carefully is how many commands for less than a batch are sent before more
	// is tried again.
	carefully = 32
	// maxRefused is how many messages in a row a server may refuse to describe,
	// before it has to prove that it still describes others.
	maxRefused = 2

	// maxStrikes is how often a connection may end, or the server be unavailable,
	// over one message that is asked for alone, before that is taken for the
	// message's fault: a bad line ends one connection after another, too, and
	// what blames a message names it for ever. It is twice as often while there
	// is no other message to ask for in between.
	maxStrikes = 3

	// fewSilent is how many messages left out of an answer are asked for one by one.
	fewSilent = 32

	summaryItems = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
	// bareItems are what a server can tell of a message that it cannot parse.
	bareItems = "(UID FLAGS INTERNALDATE RFC822.SIZE)"
)

// summaries is one call of Summaries.
type summaries struct {
	c        *Client
	id       cache.ID
	validity uint32
	yield    func(*cache.Message)
	refused  int    // messages in a row of which the server said nothing
	total    int    // messages that are to be described
	begun    bool   // the first batch has been asked for
	proof    uint32 // one that it did describe, 0: none yet
}

// Summaries implements cache.Source. A message that ends the connection, or
// that the server refuses to describe, costs that and itself: it is asked for
// alone, and then described by what can be had of it. Which it is tells the
// guard, or the order of the answers; else it is found by asking for fewer and
// fewer at once.
func (c *Client) Summaries(ctx context.Context, id cache.ID, validity uint32, uids []uint32, yield func(*cache.Message)) error {
	s := &summaries{c: c, id: id, validity: validity, yield: yield, total: len(uids)}
	for size := batch; len(uids) > 0; {
		round, rest := uids, []uint32(nil)
		if size < batch { // not all of them by little and little
			round, rest = uids[:min(len(uids), carefully*size)], uids[min(len(uids), carefully*size):]
		}
		out, err := s.describe(ctx, round, size)
		if err != nil {
			return err
		}
		if err := s.settle(ctx, out.silent); err != nil {
			return err
		}
		progress := len(out.left) < len(round)
		uids = append(out.left, rest...)
		suspect := out.suspect
		if suspect == 0 && size == 1 && !progress {
			suspect = uids[0]
		}
		found, cleared := false, false
		if suspect != 0 {
			if found, err = s.single(ctx, suspect); err != nil {
				return err
			}
			uids = slices.DeleteFunc(uids, func(uid uint32) bool { return uid == suspect })
			cleared = !found
		}
		switch {
		case found:
			size = batch
		case cleared && progress: // the connection ended by chance
		case !progress || suspect != 0:
			size = max(size/fewer, 1)
		default:
			size = min(size*fewer, batch)
		}
	}
	return nil
}

// outcome is what became of a request for summaries.
type outcome struct {
	// silent are messages about which the server answered nothing, though it
	// answered; left those of which a command failed.
	silent, left []uint32
	// suspect is the message in left that ended the connection, as far as can
	// be told; 0: nothing tells.
	suspect uint32
	fault   error // why commands failed
}

// describe asks for summaries, size to a command, on one connection. That the
// connection was lost, or that the server refused, is no error: it shows in
// what is left.
func (s *summaries) describe(ctx context.Context, uids []uint32, size int) (outcome, error) {
	var chunks []*chunk
	err := s.c.inside(ctx, s.id, s.validity, slices.Max(uids), false, func(session *session) error {
		chunks = s.chunks(uids, min(size, session.messageLimit()))
		var group errgroup.Group
		group.SetLimit(min(ahead, size)) // one by one, the first left is the one at fault
		for _, c := range chunks {
			sent := make(chan struct{})
			group.Go(func() error {
				done := sync.OnceFunc(func() { close(sent) })
				defer done() // if it could not be sent
				s.fetch(ctx, session, c, done)
				return ctx.Err()
			})
			<-sent // the newest come first
		}
		return group.Wait()
	})
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	var faults []error
	for _, c := range chunks {
		if c.proof != 0 {
			s.refused, s.proof = 0, c.proof
		}
		switch {
		case len(c.silent) == 0:
		case c.failure == nil:
			out.silent = append(out.silent, c.silent...)
		default:
			if out.suspect == 0 && len(out.left) == 0 {
				out.suspect = suspect(c.failure, c.uids, c.silent)
			}
			out.left = append(out.left, c.silent...)
		}
		faults = append(faults, c.failure)
	}
	out.fault = errors.Join(faults...)
	return out, nil
}

// chunk is what one command asks for, and what became of it.
type chunk struct {
	uids    []uint32
	silent  []uint32 // about which nothing came
	proof   uint32   // one about which something did, 0: none
	failure error
}

// chunks divides uids, size to a command.
func (s *summaries) chunks(uids []uint32, size int) (chunks []*chunk) {
	if !s.begun && len(uids) > 0 {
		first := min(firstBatch, size, len(uids))
		chunks = append(chunks, &chunk{uids: uids[:first], silent: uids[:first]})
		uids = uids[first:]
	}
	s.begun = true
	for part := range slices.Chunk(uids, size) {
		chunks = append(chunks, &chunk{uids: part, silent: part})
	}
	return chunks
}

// fetch asks for the summaries of a chunk, and calls sent when it has.
func (s *summaries) fetch(ctx context.Context, session *session, c *chunk, sent func()) {
	var mu sync.Mutex
	described := make(map[uint32]*guard.Message, len(c.uids))
	states := make(map[uint32]*guard.Message) // that came before the rest
	_, err := session.conn.Fetch(ctx, guard.Fetch{
		Sent:  sent,
		UIDs:  uidSet(c.uids),
		Items: session.items(summaryItems, "X-GM-MSGID X-GM-THRID X-GM-LABELS"),
		Message: func(m *guard.Message) {
			mu.Lock()
			defer mu.Unlock()
			if before := described[m.UID]; before != nil {
				m = m.Beside(before)
			}
			if early := states[m.UID]; early != nil {
				m = early.Beside(m)
			}
			described[m.UID] = m
			s.yield(&m.Message)
		},
		State: func(m *guard.Message) {
			mu.Lock()
			defer mu.Unlock()
			before := described[m.UID]
			switch {
			case before == nil && len(states) < 2*batch:
				states[m.UID] = m
			case before != nil && before.Have&guard.HaveFlags == 0:
				m = m.Beside(before)
				described[m.UID] = m
				s.yield(&m.Message)
			}
		},
	})
	mu.Lock()
	defer mu.Unlock()
	if err != nil {
		c.failure = session.kind(err)
		s.c.opts.Log.Debug("fetch of summaries", "mailbox", s.id.Name, "first", c.uids[0], "count", len(c.uids), "error", c.failure)
	}
	c.silent = nil
	for _, uid := range c.uids {
		if described[uid] == nil {
			c.silent = append(c.silent, uid)
		} else {
			c.proof = uid
		}
	}
}

// suspect tells which of the messages without an answer has ended the
// connection, 0 if it has not ended. Where the guard does not know, it is the
// one behind the last that came: servers answer in the order of the UIDs.
func suspect(err error, chunk, silent []uint32) uint32 {
	var at *guard.MessageError
	switch {
	case !errors.As(err, new(lost)):
		return 0
	case errors.As(err, &at) && slices.Contains(silent, at.UID):
		return at.UID
	}
	last := uint32(0)
	for _, uid := range chunk {
		if uid > last && !slices.Contains(silent, uid) {
			last = uid
		}
	}
	next := uint32(0)
	for _, uid := range silent {
		if uid > last && (next == 0 || uid < next) {
			next = uid
		}
	}
	return next
}

// settle finds out what about messages that the server left out of an answer
// that it called complete: Exchange does so with those that it cannot parse, and
// any server with those that have gone.
func (s *summaries) settle(ctx context.Context, uids []uint32) error {
	if len(uids) == 0 {
		return nil
	}
	// Or the answer was taken for a part of the one before it.
	size := 1
	if len(uids) > fewSilent {
		size = fewer
	}
	out, err := s.describe(ctx, uids, size)
	if err != nil {
		return err
	}
	return s.bareOrOdd(ctx, append(out.silent, out.left...))
}

// bareOrOdd describes messages by less than a summary.
func (s *summaries) bareOrOdd(ctx context.Context, uids []uint32) error {
	for chunk := range slices.Chunk(uids, batch) {
		err := s.bare(ctx, chunk)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			continue
		}
		for _, uid := range chunk {
			if err := s.odd(ctx, uid); err != nil {
				return err
			}
		}
	}
	return nil
}

// single describes one message on its own, and reports whether it was at fault:
// a connection may as well have ended by chance.
func (s *summaries) single(ctx context.Context, uid uint32) (found bool, err error) {
	for strikes := 1; ; strikes++ {
		enough := maxStrikes
		if s.proof == 0 {
			enough *= 2
		}
		out, err := s.describe(ctx, []uint32{uid}, 1)
		switch {
		case err != nil:
			return false, err
		case len(out.silent) > 0:
			return false, s.bareOrOdd(ctx, out.silent)
		case len(out.left) == 0:
			return false, nil
		case strikes >= enough || !errors.Is(out.fault, cache.ErrOffline) || errors.Is(out.fault, guard.ErrMalformed):
			return true, s.odd(ctx, uid)
		}
		// Or is it the line, or the server? Another message tells.
		if s.proof == 0 {
			if !sleep(ctx, firstPause<<min(strikes, maxStrikes)) {
				return false, ctx.Err()
			}
		} else if err := s.ask(ctx, []uint32{s.proof}, func(*guard.Message) {}); err != nil {
			return false, err
		}
	}
}

// odd describes a message that the server cannot describe in full. One of which
// it says nothing at all is described by its UID alone; but only if it still has
// something to say of another, or the mailbox has hardly any: else it may be the
// server, and pass.
func (s *summaries) odd(ctx context.Context, uid uint32) error {
	err := s.bare(ctx, []uint32{uid})
	died := errors.As(err, new(lost)) && !errors.Is(err, context.DeadlineExceeded)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil || errors.Is(err, cache.ErrNotExist):
		s.refused = 0
		return nil
	case !errors.Is(err, cache.ErrProtocol) && !died:
		return err // it says nothing about the message, and a name is for ever
	}
	if s.proof != 0 {
		if s.ask(ctx, []uint32{s.proof}, func(*guard.Message) {}) != nil {
			return err
		}
	} else if s.refused++; s.refused > maxRefused || s.total > maxRefused {
		return err
	}
	// Not even this: but a message that the server lists is not lost.
	s.describedBare(&cache.Message{UID: uid, Size: -1, Defects: cache.DefectDate | cache.DefectSize}, err)
	return nil
}

// bare describes messages by what any server can tell of them; those about which
// it says nothing have gone.
func (s *summaries) bare(ctx context.Context, uids []uint32) error {
	found := make(map[uint32]*cache.Message)
	err := s.ask(ctx, uids, func(m *guard.Message) { found[m.UID] = &m.Message })
	for _, m := range found {
		s.describedBare(m, err)
	}
	if len(found) == len(uids) || errors.Is(err, cache.ErrNotExist) {
		return nil
	}
	return err
}

// ask fetches what any server can tell of messages.
func (s *summaries) ask(ctx context.Context, uids []uint32, take func(*guard.Message)) error {
	newest := slices.Max(uids)
	return s.c.inside(ctx, s.id, s.validity, newest, false, func(session *session) error {
		seen := false
		_, err := session.conn.Fetch(ctx, guard.Fetch{
			UIDs:  uidSet(uids),
			Items: bareItems,
			Message: func(m *guard.Message) {
				seen = seen || m.UID == newest
				take(m)
			},
		})
		if err == nil && !seen && newest >= session.state.Next {
			return errLagging
		}
		return blame(session.kind(err), uids...)
	})
}

func (s *summaries) describedBare(m *cache.Message, err error) {
	m.Defects |= cache.DefectEnvelope | cache.DefectStructure
	s.c.opts.Log.Warn("the server cannot describe a message", "mailbox", printable(s.id.Name), "uid", m.UID, "error", err)
	s.yield(m)
}
