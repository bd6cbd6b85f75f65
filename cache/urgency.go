package cache

import "context"

// Urgency is how much somebody waits for what is asked of a Source.
type Urgency uint8

const (
	// Waiting: somebody waits for it.
	Waiting Urgency = iota
	// FetchAhead: somebody is going to, soon, and did not ask for it yet.
	FetchAhead
	// Idle: nobody waits for it.
	Idle
)

type urgencyKey struct{}

// WithUrgency marks what is done under ctx: a Source keeps what is less urgent
// out of the way of the rest.
func WithUrgency(ctx context.Context, u Urgency) context.Context {
	return context.WithValue(ctx, urgencyKey{}, u)
}

// UrgencyOf is how urgent what is done under ctx is.
func UrgencyOf(ctx context.Context) Urgency {
	u, _ := ctx.Value(urgencyKey{}).(Urgency)
	return u
}

// Background marks what is done under ctx as work that nobody waits for.
func Background(ctx context.Context) context.Context { return WithUrgency(ctx, Idle) }

// IsBackground reports whether nobody waits for what is done under ctx.
func IsBackground(ctx context.Context) bool { return UrgencyOf(ctx) == Idle }

// atOnce is how many octets that nobody waits for may be asked for at once, where
// they would be so many but for Options.Rate: at least those of a block.
func (a *Account) atOnce(octets int64) int64 {
	if a.opts.Rate == 0 {
		return octets
	}
	return min(octets, max(a.opts.Rate, blockSize))
}

// urgency is life as urgent as of.
func urgency(life, of context.Context) context.Context {
	if u := UrgencyOf(of); u != Waiting {
		return WithUrgency(life, u)
	}
	return life
}

type streamKey struct{}

type streamed struct {
	id   uint64
	sent func()
}

// stream marks what is fetched under ctx as a part of one reading of a file from
// the front to the back, id. The next part waits until sent has been called.
func stream(ctx context.Context, id uint64, sent func()) context.Context {
	return context.WithValue(ctx, streamKey{}, streamed{id, sent})
}

// Stream tells which reading, of a file from the front to the back, what is
// fetched under ctx belongs to; 0: none. A Source had better ask for all of one
// on one connection, and in order: a server that goes through the message from
// its beginning to find a range of it need not do so for the next.
func Stream(ctx context.Context) uint64 {
	s, _ := ctx.Value(streamKey{}).(streamed)
	return s.id
}

// Sent is called by a Source once it has asked for what is fetched under ctx.
func Sent(ctx context.Context) {
	if s, ok := ctx.Value(streamKey{}).(streamed); ok {
		s.sent()
	}
}
