package guard

import (
	"errors"
	"slices"
)

// vanishedEarlier gives a VANISHED (EARLIER) to the Fetch that asked for it, and
// reports whether there is one.
func (c *Conn) vanishedEarlier() bool {
	x := &c.lex
	v, ok := x.value()
	if !ok || !x.isList(v) || !equalFold(x.raw(x.child(v)), "EARLIER") {
		return false
	}
	c.mu.Lock()
	i := slices.IndexFunc(c.pending, func(cmd *command) bool { return cmd.fetch != nil && cmd.fetch.Vanished != nil })
	var cmd *command
	if i >= 0 {
		cmd = c.pending[i]
		c.answering = true
	}
	c.mu.Unlock()
	if cmd == nil {
		return false
	}
	x.space()
	spans, ok := parseSet(string(x.word()))
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	switch {
	case cmd.dead.Load():
	case !ok || c.frames.cut:
		cmd.lose(errors.New("unreadable VANISHED")) // what is gone is not known
	default:
		for _, s := range spans {
			cmd.fetch.Vanished(s.first, s.last)
		}
	}
	return true
}
