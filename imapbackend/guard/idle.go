package guard

import (
	"context"
	"slices"
	"time"
)

// Idle runs IDLE (RFC 2177) until ctx ends: meanwhile the server tells the
// hooks of changes in the selected mailbox, and no other command goes out.
// started is called when it has agreed to. While it is silent then, no deadline
// runs; to end, it has as long as answer says then, or the connection is taken
// for dead. Idle returns nil if it ended as it should.
func (c *Conn) Idle(ctx context.Context, started func(), answer func() time.Duration) error {
	cmd := &command{name: "IDLE", ours: true, done: make(chan struct{}), goAhead: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { c.interrupt(cmd) })
	err := c.begin(ctx, cmd)
	if !stop() && err == nil {
		err = c.fail(ctx.Err())
	}
	if err != nil {
		return err
	}
	defer c.written()
	c.log.client([]byte(cmd.tag + " IDLE"))
	if err := c.send(cmd, []byte(cmd.tag+" IDLE\r\n")); err != nil {
		return err
	}
	select {
	case <-cmd.goAhead:
		started()
	case <-cmd.done:
		return cmd.result()
	case <-ctx.Done():
		return c.fail(ctx.Err()) // DONE would be taken for a command now
	}
	select {
	case <-cmd.done:
		return cmd.result()
	case <-ctx.Done():
	}
	c.mu.Lock()
	cmd.idling = false
	c.arm(answer())
	c.mu.Unlock()
	c.log.client([]byte("DONE"))
	if err := c.send(cmd, []byte("DONE\r\n")); err != nil {
		return err
	}
	<-cmd.done
	return cmd.result()
}

func (cmd *command) result() error {
	switch {
	case cmd.err != nil:
		return cmd.err
	case cmd.status.Type != "OK":
		return cmd.status
	}
	return nil
}

// idles lets an IDLE, or the literal of an APPEND, that waits for it begin. The
// caller holds mu.
func (c *Conn) idles() {
	i := slices.IndexFunc(c.pending, func(cmd *command) bool { return cmd.goAhead != nil && !cmd.agreed })
	if i < 0 {
		return // or a second one
	}
	cmd := c.pending[i]
	cmd.agreed, cmd.idling = true, cmd.name == "IDLE"
	close(cmd.goAhead)
}
