package cache

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"imapfs/cache/content"
)

// fake is a Source with one mailbox, INBOX, whose sections a test sets.
type fake struct {
	mu       sync.Mutex
	state    State
	messages map[uint32]*Message
	sections map[uint32]map[string][]byte // nil: NIL
	fetches  int
	requests []Request                             // of all fetches
	refuses  bool                                  // to fetch ahead
	hang     chan struct{}                         // Fetch waits for it, if set
	tell     func(context.Context) (string, error) // answers Detail, and Quota with what is used
	down     error                                 // what everything fails with, if set
	breaks   int                                   // after how many summaries the connection breaks, if set
	asked    int                                   // for how many summaries
	last     int64                                 // for a test to remember
	more     []Mailbox                             // beside INBOX
	listing  chan struct{}                         // the next list is told of here, and waits, if set
}

func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

func newFake() *fake {
	return &fake{state: State{Validity: 1, Next: 1}, messages: make(map[uint32]*Message), sections: make(map[uint32]map[string][]byte)}
}

// add adds a message of these sections; "" is the whole of it.
func (f *fake) add(m Message, sections map[string][]byte) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.UID = f.state.Next
	f.state.Next++
	f.state.Count++
	f.messages[m.UID], f.sections[m.UID] = &m, sections
	return m.UID
}

func (f *fake) Mailboxes(context.Context) ([]Mailbox, error) {
	f.mu.Lock()
	list, err, listing := append([]Mailbox{{Name: "INBOX"}}, f.more...), f.down, f.listing
	f.listing = nil
	f.mu.Unlock()
	if listing != nil {
		listing <- struct{}{}
		<-listing
	}
	return list, err
}

func (f *fake) Snapshot(context.Context, ID, State) (Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Snapshot{State: f.state, UIDs: slices.Sorted(maps.Keys(f.messages))}, f.down
}

func (f *fake) Summaries(_ context.Context, _ ID, _ uint32, uids []uint32, yield func(*Message)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, uid := range uids {
		if f.breaks > 0 && i == f.breaks {
			return ErrOffline
		}
		if m := f.messages[uid]; m != nil && f.down == nil {
			f.asked++
			yield(m)
		}
	}
	return f.down
}

func (f *fake) Flags(_ context.Context, _ ID, _ uint32, _ uint64, yield func(*Message)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	for _, m := range f.messages {
		yield(&Message{UID: m.UID, Flags: m.Flags, Gmail: m.Gmail})
	}
	return nil
}

func (f *fake) Newest(context.Context, ID) (uint32, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 1, time.Time{}, f.down
}

func (f *fake) States(_ context.Context, ids []ID) (map[ID]State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return map[ID]State{ids[0]: f.state}, f.down
}

func (f *fake) Detail(ctx context.Context, id ID, what Detail) (string, error) {
	f.mu.Lock()
	tell := f.tell
	f.mu.Unlock()
	if tell == nil {
		return "", errors.ErrUnsupported
	}
	return tell(ctx)
}

func (f *fake) Quota(ctx context.Context) (Quota, error) {
	used, err := f.Detail(ctx, ID{}, 0)
	n, _ := strconv.ParseInt(used, 10, 64)
	return Quota{n, 100}, err
}

func (f *fake) Idle(ctx context.Context, _ ID, news News) error {
	news.Started()
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) Fetch(ctx context.Context, _ ID, validity uint32, requests []Request, take Taker) error {
	f.mu.Lock()
	hang := f.hang
	f.fetches++
	f.requests = append(f.requests, requests...)
	if f.refuses && UrgencyOf(ctx) == FetchAhead {
		f.mu.Unlock()
		return ErrOffline
	}
	f.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	if validity != f.state.Validity {
		return ErrStale
	}
	for i, r := range requests {
		sections, ok := f.sections[r.UID]
		if !ok {
			take.Answer(i, nil, ErrNotExist)
			continue
		}
		data := sections[r.Section]
		if r.Length > 0 && data != nil {
			start := min(r.Offset, int64(len(data)))
			data = data[start:min(start+r.Length, int64(len(data)))]
		}
		take.Answer(i, bytes.Clone(data), nil)
	}
	return nil
}

// fetched is how often Fetch has been called.
func (f *fake) fetched() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetches
}

// open makes an account of f and returns its INBOX, listed.
func open(t *testing.T, f Source, notify func(Event)) *Box {
	t.Helper()
	a, err := New(f, Options{Memory: 8 << 20, Poll: time.Hour, Notify: notify})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	b := a.Box(ID{Name: "INBOX"})
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// read opens a file and reads all of it; size is what Size said before.
func read(t *testing.T, b *Box, f File) (size int64, data []byte, err error) {
	t.Helper()
	s, err := b.Size(t.Context(), f)
	if err != nil {
		return 0, nil, err
	}
	r, err := b.Open(t.Context(), f)
	if err != nil {
		return s.N, nil, err
	}
	data = make([]byte, r.Size()+1)
	n, err := r.ReadAt(t.Context(), data, 0)
	return s.N, data[:n], err
}

// single is the part table of a message that is one part.
func single(mediaType string, encoding content.Encoding, octets int) []content.Part {
	return []content.Part{{Section: "1", Parent: -1, Type: mediaType, Encoding: encoding, Named: true, Name: "x", Octets: int64(octets)}}
}
