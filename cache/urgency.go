package cache

import "context"

type backgroundKey struct{}

// Background marks what is done under ctx as work that nobody waits for: a
// Source keeps it out of the way of the rest.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// IsBackground reports whether nobody waits for what is done under ctx.
func IsBackground(ctx context.Context) bool { return ctx.Value(backgroundKey{}) != nil }

// urgency is life as urgent as of.
func urgency(life, of context.Context) context.Context {
	if IsBackground(of) {
		return Background(life)
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
