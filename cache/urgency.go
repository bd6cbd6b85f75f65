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
