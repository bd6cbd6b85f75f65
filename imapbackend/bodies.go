package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// Fetch implements cache.Source. Messages of which the same is asked for are
// in one UID FETCH; all commands are sent at once.
func (c *Client) Fetch(ctx context.Context, id cache.ID, validity uint32, requests []cache.Request, take cache.Taker) error {
	if err := c.budget.allow(ctx); err != nil {
		return err
	}
	f := bodies{take: take}
	newest := uint32(0)
	for i, r := range requests {
		newest = max(newest, r.UID)
		if i == 0 || requests[i-1].UID != r.UID {
			f.messages = append(f.messages, newWanted(r.UID, i))
		}
		f.messages[len(f.messages)-1].add(r, f.progress)
	}
	return c.inside(ctx, id, validity, newest, true, func(s *session) error {
		defer func() { f.again = true }()
		return f.fetch(ctx, s)
	})
}

// bodies is one call of Fetch.
type bodies struct {
	messages []*wanted
	again    bool // it has been tried before

	mu   sync.Mutex // held while take is called
	take cache.Taker
}

// wanted is what is asked for of one message.
type wanted struct {
	uid     uint32
	first   int // index of its first request
	items   []string
	sinks   map[string]*sink // by the items' names in the answer
	only    string           // the last such name
	results [][]byte
	spoilt  bool // an answer was not what it announced
	told    bool // its results have been given; guarded by bodies.mu
}

func newWanted(uid uint32, first int) *wanted {
	return &wanted{uid: uid, first: first, sinks: make(map[string]*sink)}
}

func (m *wanted) add(r cache.Request, progress func(octets int)) {
	item := "BODY.PEEK[" + r.Section + "]"
	name, limit := "BODY["+strings.ToUpper(r.Section)+"]", int64(cache.MaxWhole)
	if r.Length > 0 {
		item += fmt.Sprintf("<%d.%d>", r.Offset, r.Length)
		name, limit = fmt.Sprintf("%s<%d>", name, r.Offset), r.Length
	}
	m.items = append(m.items, item)
	m.sinks[name] = &sink{limit: limit, index: len(m.results), progress: progress}
	m.only, m.results = name, append(m.results, nil)
}

// query is the list of items, the same for all of which the same is asked for.
func (m *wanted) query() string { return "(UID " + strings.Join(m.items, " ") + ")" }

// reset forgets what a connection that was lost has left.
func (m *wanted) reset() {
	clear(m.results)
	m.spoilt = false
	for _, sink := range m.sinks {
		sink.octets = nil
	}
}

// complete takes over what has come; false: not all has.
func (m *wanted) complete() bool {
	whole := true
	for _, sink := range m.sinks {
		m.results[sink.index] = sink.octets
		whole = whole && sink.octets != nil && !sink.overflowed
	}
	return whole
}

// progress tells that octets have come.
func (f *bodies) progress(octets int) {
	if f.take.Progress != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.take.Progress(octets)
	}
}

// tell gives the results of a message, unless it has been done.
func (f *bodies) tell(m *wanted, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.told {
		return
	}
	m.told = true
	for i := range m.results {
		if err != nil {
			f.take.Answer(m.first+i, nil, err)
		} else {
			f.take.Answer(m.first+i, m.results[i], nil)
		}
	}
}

// left returns the messages that have got no answer.
func (f *bodies) left(messages []*wanted) []*wanted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(messages), func(m *wanted) bool { return m.told })
}

// fetch asks for what has not been answered. A message that its command says
// nothing good of is asked for alone; so is each once a connection was lost.
func (f *bodies) fetch(ctx context.Context, s *session) error {
	left := f.left(f.messages)
	var group errgroup.Group
	for _, messages := range together(left, s.messageLimit(), f.again) {
		group.Go(func() error {
			if len(messages) > 1 {
				err := f.many(ctx, s, messages)
				if err = s.kind(err); ctx.Err() != nil || errors.As(err, new(lost)) || errors.As(err, new(busy)) {
					return err
				}
				messages = f.left(messages)
			}
			for _, m := range messages {
				err := s.body(ctx, m)
				if ctx.Err() != nil || errors.As(err, new(lost)) || errors.As(err, new(busy)) || errors.Is(err, errLagging) {
					return err
				}
				f.tell(m, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// together divides messages into commands: in each, those of which the same is
// asked for, at most limit; each alone if apart.
func together(messages []*wanted, limit int, apart bool) (commands [][]*wanted) {
	if apart {
		limit = 1
	}
	open := make(map[string]int) // command that more of the same may join
	for _, m := range messages {
		query := m.query()
		at, ok := open[query]
		if !ok || len(commands[at]) >= limit {
			at = len(commands)
			commands = append(commands, nil)
			open[query] = at
		}
		commands[at] = append(commands[at], m)
	}
	return commands
}

// many fetches the same of several messages. Only what came whole is taken.
func (f *bodies) many(ctx context.Context, s *session, messages []*wanted) error {
	byUID := make(map[imap.UID]*wanted, len(messages))
	var set imap.UIDSet
	for _, m := range messages {
		m.reset()
		byUID[imap.UID(m.uid)] = m
		set.AddNum(imap.UID(m.uid))
	}
	_, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:  set,
		Items: messages[0].query(),
		Message: func(answer *guard.Message) {
			m := byUID[imap.UID(answer.UID)]
			if m == nil {
				return
			}
			// What is lost may be in one answer, and the rest in another.
			if m.spoilt = m.spoilt || len(answer.Lost) > 0; !m.spoilt && m.complete() {
				f.tell(m, nil)
			}
		},
		Literal: func(uid imap.UID, item string, size int64) io.Writer { return byUID[uid].literal(item, size) },
	})
	return err
}

// literal is where an item's octets go, nil for one that nobody wants.
func (m *wanted) literal(item string, size int64) io.Writer {
	if m == nil {
		return nil
	}
	if len(m.sinks) == 1 {
		item = m.only // there are servers that leave the origin out
	}
	sink := m.sinks[item]
	if sink == nil {
		return nil
	}
	sink.expect(size)
	return sink
}

// body fetches what is asked for of one message.
func (s *session) body(ctx context.Context, m *wanted) error {
	m.reset()
	answered := false
	st, err := s.conn.Fetch(ctx, guard.Fetch{
		UIDs:    imap.UIDSetNum(imap.UID(m.uid)),
		Items:   m.query(),
		Sent:    func() { cache.Sent(ctx) },
		Message: func(*guard.Message) { answered = true },
		Literal: func(_ imap.UID, item string, size int64) io.Writer { return m.literal(item, size) },
	})
	whole := m.complete()
	switch {
	case err != nil && s.left(ctx, err):
		return fmt.Errorf("%w: %w", cache.ErrNotExist, err)
	case err != nil:
		return blame(s.kind(err), m.uid)
	case st.Code == expungeIssued && !whole:
		// Dovecot serves NIL for a message that this session has yet to be told
		// of; asked again, it says what is true.
		return errLagging
	case answered:
		return nil
	case m.uid >= s.state.Next:
		return errLagging
	}
	return s.unanswered(ctx, m.uid)
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
	index      int // of its request, among those of the message
	octets     []byte
	limit      int64
	overflowed bool
	progress   func(octets int)
}

// firstRoom is how much memory a server is believed to need for a literal
// before it has sent any of it.
const firstRoom = 2 << 20

func (k *sink) expect(size int64) {
	k.octets, k.overflowed = make([]byte, 0, min(size, k.limit, firstRoom)), false
}

// Room implements guard.Filler.
func (k *sink) Room(n int64) []byte {
	have := int64(len(k.octets))
	if n > k.limit-have {
		return nil // Write says what is wrong
	}
	if int64(cap(k.octets)) == have {
		k.octets = slices.Grow(k.octets, int(min(n, max(have, firstRoom))))
	}
	return k.octets[have:cap(k.octets)]
}

// Filled implements guard.Filler.
func (k *sink) Filled(n int) {
	k.octets = k.octets[:len(k.octets)+n]
	k.progress(n)
}

func (k *sink) Write(p []byte) (int, error) {
	if int64(len(k.octets)+len(p)) > k.limit {
		k.overflowed = true
		if k.limit == cache.MaxWhole {
			return 0, cache.ErrTooLarge
		}
		return 0, fmt.Errorf("%w: more than %d octets were asked for", cache.ErrProtocol, k.limit)
	}
	k.octets = append(k.octets, p...)
	k.progress(len(p))
	return len(p), nil
}
