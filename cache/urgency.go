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
	if IsBackground(of) {
		return Background(life)
	}
	return life
}
