package guard

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
)

// command is a command on the wire, or about to be: the engine's or our own.
type command struct {
	tag  string
	name string // in upper case, without UID

	// Of the engine's.
	ours    bool
	results int // responses that it has got, and their octets; of the reading goroutine
	octets  int
	failure string // why OK becomes NO: its result had to be dropped

	interrupted bool // its ctx ended; guarded by Conn.mu

	// Of ours. mu is held during callbacks, and to set dead.
	mu    sync.Mutex
	dead  atomic.Bool // the caller is gone; what arrives is dropped
	fetch *Fetch
	wants wanted
	take  func(name string, line []byte) bool
	lost  error // the first item that could not be delivered
	// What it has got; of the reading goroutine.
	given     map[answer]bool
	described imap.UIDSet
	limit     *Status // that not all was done, in a response of its own; of the reading goroutine
	// Of an Edit.
	edits  bool
	copied *Status // COPYUID in a response of its own; guarded by Conn.mu until done

	// Of an IDLE, and of an APPEND that asks first.
	goAhead chan struct{} // closed when the server agrees
	agreed  bool          // it has; guarded by Conn.mu
	idling  bool          // it has, and owes no answer; guarded by Conn.mu

	done   chan struct{}
	status Status // these two are valid once done is closed
	err    error
}

// selects are the engine's commands that change the selected mailbox.
var selects = []string{"SELECT", "EXAMINE", "UNSELECT", "CLOSE"}

func (cmd *command) selects() bool { return !cmd.ours && slices.Contains(selects, cmd.name) }

func (cmd *command) finish(st Status, err error) {
	if cmd.ours {
		cmd.status, cmd.err = st, err
		close(cmd.done)
	}
}

// Do sends a command of our own: NOOP, or what the engine does not know. take,
// if not nil, sees the untagged responses that arrive meanwhile, except FETCH
// and status responses, and keeps them from the engine and the hooks by
// returning true; line is valid during the call. NO and BAD are returned as an
// error that is the Status. Do returns at once when ctx ends, and take is not
// called afterwards; the command itself cannot be recalled.
func (c *Conn) Do(ctx context.Context, cmd string, take func(name string, line []byte) bool) (Status, error) {
	name, _, _ := strings.Cut(cmd, " ")
	return c.do(ctx, &command{name: strings.ToUpper(name), take: take}, cmd)
}

func (c *Conn) do(ctx context.Context, cmd *command, line string) (Status, error) {
	cmd.ours, cmd.done = true, make(chan struct{})
	stop := context.AfterFunc(ctx, func() { c.interrupt(cmd) })
	defer stop()
	if err := c.begin(ctx, cmd); err != nil {
		return Status{}, err
	}
	c.log.client([]byte(cmd.tag + " " + line))
	if err := c.send(cmd, []byte(cmd.tag+" "+line+"\r\n")); err != nil {
		cmd.abandon()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return Status{}, err
	}
	c.written()
	if cmd.fetch != nil && cmd.fetch.Sent != nil {
		cmd.fetch.Sent()
	}
	select {
	case <-cmd.done:
	case <-ctx.Done():
	}
	cmd.abandon()
	select {
	case <-cmd.done:
	default:
		c.mu.Lock()
		c.cond.Broadcast() // a SELECT need not wait for this one any more
		c.mu.Unlock()
		return Status{}, ctx.Err()
	}
	if err := cmd.result(); err != nil {
		return cmd.status, err
	}
	return cmd.status, cmd.lost
}

// abandon makes sure that nothing of the caller's is used any more.
func (cmd *command) abandon() {
	cmd.mu.Lock()
	cmd.dead.Store(true)
	cmd.mu.Unlock()
}

// interrupt wakes cmd, which waits for its turn or writes into a full socket.
// The latter costs the connection: half a command cannot be taken back.
func (c *Conn) interrupt(cmd *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd.interrupted = true
	if c.writing == cmd {
		c.nc.SetWriteDeadline(time.Unix(1, 0))
	}
	c.cond.Broadcast()
}

// begin waits until it is cmd's turn to write, and puts it into the queue.
func (c *Conn) begin(ctx context.Context, cmd *command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.selects() {
		c.selecting++
	}
	for c.err == nil && ctx.Err() == nil && !c.turn(cmd) {
		c.cond.Wait()
	}
	if c.err != nil {
		return c.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if cmd.ours {
		c.tags++
		cmd.tag = "G" + strconv.Itoa(c.tags)
	}
	c.writing = cmd
	c.pending = append(c.pending, cmd)
	c.meter.commands[cmd.category()].Add(1)
	if !c.armed {
		c.arm(c.firstByte)
	}
	return nil
}

// turn reports whether cmd may be written now. Our commands and the engine's
// SELECT exclude each other: FETCH answers are told apart by UID, and UIDs mean
// nothing across mailboxes. Of cancelled ones nobody reads the answers, and a
// server answers all of them before it goes on to the SELECT (RFC 9051, section
// 5.5). The caller holds mu.
func (c *Conn) turn(cmd *command) bool {
	switch {
	case c.writing != nil:
		return false
	case cmd.ours:
		return c.selecting == 0
	case cmd.selects():
		return !slices.ContainsFunc(c.pending, func(p *command) bool { return p.ours && !p.dead.Load() })
	}
	return true
}

// written ends the turn of the command that was being written.
func (c *Conn) written() {
	c.mu.Lock()
	c.writing = nil
	c.cond.Broadcast()
	c.mu.Unlock()
}

// send writes a part of cmd to the socket, in pieces that a slow line manages in
// time. It is called without mu: the server may wait for us to read.
func (c *Conn) send(cmd *command, b []byte) error {
	for len(b) > 0 {
		c.mu.Lock()
		nc := c.nc
		if !cmd.interrupted {
			nc.SetWriteDeadline(time.Now().Add(c.progress))
		}
		c.mu.Unlock()
		n, err := nc.Write(b[:min(len(b), bufferSize)])
		if err != nil {
			return c.fail(fmt.Errorf("send: %w", err))
		}
		b = b[n:]
	}
	return nil
}

// answer removes the command with this tag from the queue; nil: there is none.
func (c *Conn) answer(tag []byte) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, cmd := range c.pending {
		if cmd.tag == string(tag) {
			c.pending = slices.Delete(c.pending, i, i+1)
			if cmd.selects() {
				c.selecting--
			}
			c.cond.Broadcast()
			return cmd
		}
	}
	return nil
}

// beginsResponse reports whether a line is the beginning of a response rather
// than the continuation of one with a stray line break.
func (c *Conn) beginsResponse(line []byte) bool {
	if len(line) > 1 && (line[0] == '*' || line[0] == '+') && line[1] == ' ' {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.pending, func(cmd *command) bool { return cmd.ends(line) })
}

// ends reports whether a line has the command's tag.
func (cmd *command) ends(line []byte) bool {
	n := len(cmd.tag)
	return len(line) > n && line[n] == ' ' && string(line[:n]) == cmd.tag
}

// taken offers an untagged response to our raw commands.
func (c *Conn) taken(name string) bool {
	c.mu.Lock()
	var takers []*command
	for _, cmd := range c.pending {
		if cmd.take != nil {
			takers = append(takers, cmd)
		}
	}
	c.mu.Unlock()
	if takers == nil {
		return false
	}
	c.lex.finish()
	for _, cmd := range takers {
		cmd.mu.Lock()
		ok := !cmd.dead.Load() && cmd.take(name, c.lex.b)
		cmd.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

// dropped makes the engine's commands of these names fail: their result could
// not be passed on, and must not look like an empty one.
func (c *Conn) dropped(why string, names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.pending {
		if !cmd.ours && slices.Contains(names, cmd.name) {
			cmd.failure = why
		}
	}
}

// arrived notes that a result of so many octets came for the engine's commands
// of these names. False: it is more than they may have.
func (c *Conn) arrived(names []string, octets int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	within := true
	for _, cmd := range c.pending {
		if !cmd.ours && slices.Contains(names, cmd.name) {
			c.answering = true
			cmd.results++
			cmd.octets += octets
			c.strayed = 0
			within = within && cmd.results <= maxResults && cmd.octets <= maxResult
		}
	}
	return within
}

// owesResult reports whether a server that says OK must have sent a result
// (RFC 9051, section 6.3.2).
func (cmd *command) owesResult() bool {
	return cmd.name == "SELECT" || cmd.name == "EXAMINE"
}
