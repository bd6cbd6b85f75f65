package guard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is why a connection ended that was closed on our side.
var ErrClosed = errors.New("connection closed")

// Hooks receive what is not the answer to a command. They run on the reading
// goroutine and must not block; nil ones are skipped.
type Hooks struct {
	// Update receives a FETCH response that answers no Fetch.
	Update func(*Message)
	// Untagged receives what the engine does not know or could not read,
	// VANISHED for example: its name in upper case and the whole response.
	Untagged func(name string, line []byte)
	// Exists receives the number of messages of EXISTS.
	Exists func(n uint32)
	// Recent receives the number of messages of RECENT.
	Recent func(n uint32)
	// Expunge receives the sequence number of EXPUNGE.
	Expunge func(seq uint32)
	// Mailbox receives the name in every LIST and STATUS response, asked for or
	// not (RFC 5465): decoded, or, if raw, the octets that the server sent.
	// listed tells LIST from STATUS.
	Mailbox func(name string, raw, listed bool)
	// Status receives every status response, with code and text as they came but
	// for the password, which some servers repeat.
	Status func(st Status, tagged bool)
}

// Options are a connection's hooks and time limits.
type Options struct {
	Hooks Hooks
	// FirstByte is how long an answer may take to begin, 60 s if 0. Progress is
	// how long the server may pause within one, 30 s if 0. Both start again
	// with every byte, so no answer is too long.
	FirstByte, Progress time.Duration
	// Meter counts what is transferred, if set.
	Meter *Meter
	// Rate, if set, bounds how fast that is.
	Rate *Rate
	// Log, if set, receives the lines both ways, with credentials and literals
	// left out.
	Log io.Writer
}

// Conn is a guarded connection: a net.Conn for the engine, and Fetch and Do for
// us. One goroutine reads (the engine's; before that, the one in Prologue); all
// other methods are safe for concurrent use. It must not be given FETCH, IDLE
// or anything that changes the state of the connection by the engine.
type Conn struct {
	hooks               Hooks
	heard               atomic.Int64 // when the last octets came, ns since started
	received            atomic.Int64 // octets
	meter               *Meter
	rate                *Rate
	pacing              atomic.Bool // the reading goroutine waits for rate
	firstByte, progress time.Duration
	log                 *protocolLog

	// Of the reading goroutine.
	frames    frames
	lex       lexer
	out       []byte // responses for the engine
	unread    []byte // what it has still to read of out
	answering bool   // the server has begun to answer a command
	midFrame  bool   // a response has begun and not ended
	utf8      bool   // UTF8=ACCEPT is on
	caps      []string
	offered   []string      // capabilities before the login
	enabled   []string      // what ENABLE has enabled, in upper case
	deflated  bool          // COMPRESS is on
	asked     time.Time     // when Prologue last sent something
	quickest  time.Duration // the shortest that it has waited for an answer, 0: for none yet
	login     login
	address   string    // host:port, as it was dialled
	tail      []byte    // what the socket gave last
	strayed   int       // octets of lines since the last that somebody waited for
	due       time.Time // when what has been read is paid for, by rate

	// Of the goroutine that writes for the engine.
	line    []byte   // its command line so far
	rest    int64    // octets to come of its literal
	current *command // its command that has not been written to the end

	mu        sync.Mutex
	cond      *sync.Cond // err, writing, selecting or pending changed, or a ctx ended
	nc        net.Conn   // replaced by STARTTLS
	err       error      // why the connection ended
	pending   []*command // sent and not answered, in order
	writing   *command   // whose turn it is to write
	selecting int        // engine's SELECTs and the like, waiting or pending
	awaited   int        // continuation requests that the engine waits for
	prologue  bool       // Prologue runs: an answer is always due
	armed     bool       // the socket has a read deadline
	tags      int

	ended chan struct{} // closed with err
}

var _ net.Conn = (*Conn)(nil)

// New guards nc. Nothing is read until Prologue.
func New(nc net.Conn, o Options) *Conn {
	if o.FirstByte == 0 {
		o.FirstByte = 60 * time.Second
	}
	if o.Progress == 0 {
		o.Progress = 30 * time.Second
	}
	if o.Meter == nil {
		o.Meter = new(Meter)
	}
	c := &Conn{
		hooks: o.Hooks, firstByte: o.FirstByte, progress: o.Progress,
		log: newLog(o.Log), meter: o.Meter, rate: o.Rate, nc: &wire{nc, o.Meter, o.Rate},
		ended: make(chan struct{}),
	}
	c.cond = sync.NewCond(&c.mu)
	c.frames = frames{
		br:     bufio.NewReaderSize((*socket)(c), bufferSize),
		log:    c.log,
		begins: c.beginsResponse,
	}
	c.lex.frames = &c.frames
	return c
}

// socket is the reading side of the connection under the rolling deadline.
type socket Conn

func (s *socket) Read(p []byte) (int, error) {
	c := (*Conn)(s)
	if c.rate != nil {
		if !c.pace() {
			return 0, c.Err()
		}
		p = p[:min(len(p), c.rate.burst)]
	}
	limit := c.firstByte
	if c.midFrame || c.answering {
		limit = c.progress
	}
	c.mu.Lock()
	nc := c.nc
	swallowed := c.swallowed()
	if swallowed {
		limit = min(limit, swallowedWait)
	}
	c.arm(limit)
	c.mu.Unlock()
	n, err := nc.Read(p)
	if n > 0 {
		c.midFrame = true
		c.remember(p[:n])
		c.received.Add(int64(n))
		c.meter.received.Add(int64(n))
		if c.rate != nil {
			c.due = c.rate.spend(n)
		}
		c.heard.Store(int64(time.Since(started)))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if swallowed {
			return n, errSwallowed
		}
		err = fmt.Errorf("no answer from the server for %v: %w", limit, os.ErrDeadlineExceeded)
	}
	return n, err
}

// ErrMalformed is why a connection ended of which what the server sends can no
// longer be told apart.
var ErrMalformed = errors.New("malformed answer")

// errSwallowed: a literal was announced longer than it is, and has taken the
// end of the answer in.
var errSwallowed = fmt.Errorf("%w: more octets announced than sent", ErrMalformed)

// swallowed reports whether the last line of the server is the end of a command,
// and was read as something else, since the command still waits. It may be a
// line of a mail; more of it is on its way then. The caller holds mu.
func (c *Conn) swallowed() bool {
	b, ok := bytes.CutSuffix(c.tail, []byte{'\n'})
	if !ok {
		return false
	}
	line := b[bytes.LastIndexByte(b, '\n')+1:]
	return slices.ContainsFunc(c.pending, func(cmd *command) bool { return cmd.ends(line) })
}

// remember keeps the end of what the socket gave.
func (c *Conn) remember(b []byte) {
	if keep := maxTail - len(b); keep > 0 {
		b = append(c.tail[max(0, len(c.tail)-keep):], b...)
	}
	c.tail = append(c.tail[:0], b[max(0, len(b)-maxTail):]...)
}

// arm sets the read deadline while an answer is due, and lifts it else. The
// caller holds mu.
func (c *Conn) arm(limit time.Duration) {
	owes := func(cmd *command) bool { return !cmd.idling }
	switch due := c.prologue || slices.ContainsFunc(c.pending, owes); {
	case due:
		c.nc.SetReadDeadline(time.Now().Add(limit))
		c.armed = true
	case c.armed:
		c.nc.SetReadDeadline(time.Time{})
		c.armed = false
	}
}

// readFrame reads the next response's line into the lexer.
func (c *Conn) readFrame() error {
	c.midFrame = c.frames.br.Buffered() > 0
	line, err := c.frames.line()
	if err != nil {
		return err
	}
	if c.strayed += len(line); c.strayed > maxStray {
		return fmt.Errorf("%w: nothing but what was not asked for", ErrMalformed)
	}
	c.lex.reset(line)
	return nil
}

// Read gives the engine responses that it can read. What is ours is dealt with
// on the way.
func (c *Conn) Read(p []byte) (int, error) {
	for len(c.unread) == 0 {
		if err := c.Err(); err != nil {
			return 0, err
		}
		if cap(c.out) > keepBuffer {
			c.out = nil
		}
		c.out = c.out[:0]
		err := c.readFrame()
		if err == nil {
			err = c.response()
		}
		if err != nil {
			return 0, c.fail(err)
		}
		c.unread = c.out
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// fail ends the connection. The first reason stays, and is returned.
func (c *Conn) fail(err error) error {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		close(c.ended)
	}
	err = c.err
	for _, cmd := range c.pending {
		cmd.finish(Status{}, err)
	}
	c.pending = nil
	c.cond.Broadcast()
	nc := c.nc
	c.mu.Unlock()
	nc.Close() // without mu: TLS may take a while to say goodbye
	return err
}

// Err returns why the connection ended, nil while it lives: a Status where the
// server said BYE, os.ErrDeadlineExceeded where it fell silent, ErrClosed after
// Close.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// started is what Heard is kept relative to: a clock that is set is no matter.
var started = time.Now()

// Heard returns when the server last sent anything; before the connection, if it
// has not yet. While it is us who do not listen, for the sake of Options.Rate, that
// is now.
func (c *Conn) Heard() time.Time {
	if c.pacing.Load() {
		return time.Now()
	}
	return started.Add(time.Duration(c.heard.Load()))
}

// Close ends the connection and everything that waits for it.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	return nil
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.socket().LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.socket().RemoteAddr() }

func (c *Conn) socket() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nc
}

// SetDeadline does nothing: the engine's time limits are absolute (5 minutes
// for a literal, however fast it flows), so the guard keeps its own.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, as SetDeadline.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, as SetDeadline.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
