package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// Asking is a context that finds out whether what is done under it has to wait
// for the server: whether it is a hit or a miss. It is to be used by pointer. The
// zero value lacks its Context.
type Asking struct {
	context.Context
	asked atomic.Bool
}

// Asked reports whether something that was done under the context so far has
// waited for a question to the Source, be it one of its own or one that was
// under way.
func (a *Asking) Asked() bool { return a.asked.Load() }

type askingKey struct{}

// Value implements context.Context.
func (a *Asking) Value(key any) any {
	if key == (askingKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// noteAsked remembers that what is done under ctx waits for the server.
func noteAsked(ctx context.Context) {
	if a, ok := ctx.Value(askingKey{}).(*Asking); ok {
		a.asked.Store(true)
	}
}

// questions is a Source that notes each question. Idle asks none.
type questions struct{ Source }

func (q questions) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	noteAsked(ctx)
	return q.Source.Mailboxes(ctx)
}

func (q questions) Snapshot(ctx context.Context, id ID, known State) (Snapshot, error) {
	noteAsked(ctx)
	return q.Source.Snapshot(ctx, id, known)
}

func (q questions) Summaries(ctx context.Context, id ID, validity uint32, uids []uint32, yield func(*Message)) error {
	noteAsked(ctx)
	return q.Source.Summaries(ctx, id, validity, uids, yield)
}

func (q questions) Newest(ctx context.Context, id ID) (uint32, time.Time, error) {
	noteAsked(ctx)
	return q.Source.Newest(ctx, id)
}

func (q questions) Flags(ctx context.Context, id ID, validity uint32, since uint64, yield func(*Message)) error {
	noteAsked(ctx)
	return q.Source.Flags(ctx, id, validity, since, yield)
}

func (q questions) States(ctx context.Context, ids []ID) (map[ID]State, error) {
	noteAsked(ctx)
	return q.Source.States(ctx, ids)
}

func (q questions) Detail(ctx context.Context, id ID, what Detail) (string, error) {
	noteAsked(ctx)
	return q.Source.Detail(ctx, id, what)
}

func (q questions) Fetch(ctx context.Context, id ID, validity uint32, requests []Request, take Taker) error {
	noteAsked(ctx)
	return q.Source.Fetch(ctx, id, validity, requests, take)
}
