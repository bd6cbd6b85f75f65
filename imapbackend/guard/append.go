package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Append is an APPEND (RFC 9051, section 6.3.12): a message for a mailbox.
type Append struct {
	// Mailbox is the mailbox as on the wire, see Conn.Mailbox.
	Mailbox string
	Flags   []string
	// Date is INTERNALDATE; zero leaves it to the server.
	Date time.Time
	// Size is how many octets Message gives, no more and no less.
	Size    int64
	Message io.Reader
	// Binary sends a literal8, for messages with NUL (RFC 3516).
	Binary bool
	// Unasked sends the literal without waiting for the server's consent
	// (RFC 7888), so that several can be on their way.
	Unasked bool
}

// line is the command up to its literal.
func (a *Append) line() string {
	line := "APPEND " + a.Mailbox + " " + flagList(a.Flags) + " "
	if len(a.Flags) == 0 {
		line = "APPEND " + a.Mailbox + " "
	}
	if !a.Date.IsZero() {
		line += a.Date.UTC().Format(`"_2-Jan-2006 15:04:05 -0700"`) + " "
	}
	if a.Binary {
		line += "~"
	}
	plus := ""
	if a.Unasked {
		plus = "+"
	}
	return line + fmt.Sprintf("{%d%s}", a.Size, plus)
}

// ErrUnsent is why an Append failed of which the server has not got the whole,
// for errors.Is: it has not happened, and will not.
var ErrUnsent = errors.New("not sent as a whole")

// Append sends an APPEND, and returns the server's answer, which may have an
// APPENDUID (RFC 4315). NO and BAD are returned as an error that is the Status.
// Of an error that is neither that nor ErrUnsent, nobody knows whether the
// message is in the mailbox. It returns at once when ctx ends, which may cost the
// connection: a literal that has begun must be sent to its end.
func (c *Conn) Append(ctx context.Context, a Append) (Status, error) {
	cmd := &command{name: "APPEND", ours: true, done: make(chan struct{})}
	if !a.Unasked {
		cmd.goAhead = make(chan struct{})
	}
	stop := context.AfterFunc(ctx, func() { c.interrupt(cmd) })
	defer stop()
	if err := c.begin(ctx, cmd); err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	whole, err := c.sendAppend(ctx, cmd, &a)
	c.written()
	if err == nil && !whole { // refused, or the connection has ended instead
		if cmd.err != nil {
			return Status{}, fmt.Errorf("%w: %w", ErrUnsent, cmd.err)
		}
		return cmd.status, cmd.result()
	}
	if err != nil {
		cmd.abandon()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if whole {
			return Status{}, err
		}
		return Status{}, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	select {
	case <-cmd.done:
	case <-ctx.Done():
	}
	cmd.abandon()
	select {
	case <-cmd.done:
		return cmd.status, cmd.result()
	default:
		return Status{}, ctx.Err()
	}
}

// sendAppend sends all of cmd, unless the server refuses to take the literal.
// whole tells that the server may have got all of it.
func (c *Conn) sendAppend(ctx context.Context, cmd *command, a *Append) (whole bool, err error) {
	line := a.line()
	c.log.client([]byte(cmd.tag + " " + line))
	if err := c.send(cmd, []byte(cmd.tag+" "+line+"\r\n")); err != nil {
		return false, err
	}
	if cmd.goAhead != nil {
		select {
		case <-cmd.goAhead:
		case <-cmd.done:
			return false, nil
		case <-ctx.Done():
			return false, c.fail(ctx.Err()) // the next line would be taken for the literal
		}
	}
	sent, chunk := int64(0), make([]byte, bufferSize)
	for sent < a.Size {
		n, err := a.Message.Read(chunk[:min(a.Size-sent, bufferSize)])
		if n > 0 {
			if err := c.send(cmd, chunk[:n]); err != nil {
				return false, err
			}
			sent += int64(n)
		}
		if err != nil && sent < a.Size {
			return false, c.fail(fmt.Errorf("message to append: %w", unexpected(err)))
		}
	}
	return true, c.send(cmd, []byte("\r\n"))
}

// flagList is flags in parentheses.
func flagList(flags []string) string {
	var b bytes.Buffer
	b.WriteByte('(')
	for i, f := range flags {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f)
	}
	b.WriteByte(')')
	return b.String()
}
