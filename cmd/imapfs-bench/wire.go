package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// wire is the fastest client there can be on one connection: it sends all of its
// commands at once, and reads and drops what comes. It is not safe for
// concurrent use.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	stop func() bool // of what ends conn with the context
	tags int
	// literals counts the octets of the literals read so far.
	literals int64
}

// dialWire connects and signs in. The connection ends with ctx.
func dialWire(ctx context.Context, addr string) (*wire, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, in: bufio.NewReaderSize(conn, 256<<10)}
	w.stop = context.AfterFunc(ctx, func() { conn.Close() })
	if _, err = w.line(); err == nil { // the greeting
		err = w.do("LOGIN " + userName + " " + password)
	}
	if err != nil {
		w.close()
		return nil, fmt.Errorf("wire: %w", err)
	}
	return w, nil
}

func (w *wire) close() {
	w.stop()
	w.conn.Close()
}

// do sends commands, all at once, and returns when all have been answered.
func (w *wire) do(commands ...string) error {
	first := w.tags
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "a%d %s\r\n", w.tags, c)
		w.tags++
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(w.conn, b.String())
		sent <- err
	}()
	for n := first; n < w.tags; {
		l, err := w.line()
		if err != nil {
			return errors.Join(err, w.conn.Close(), <-sent)
		}
		rest, tagged := strings.CutPrefix(l, "a"+strconv.Itoa(n)+" ")
		if !tagged {
			continue
		}
		if !strings.HasPrefix(rest, "OK") {
			return fmt.Errorf("%s: %s", head(commands[n-first], 60), rest)
		}
		n++
	}
	return <-sent
}

// line reads a line of the server's. The literals in it are dropped.
func (w *wire) line() (string, error) {
	for first := ""; ; {
		raw, err := w.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		if first == "" {
			first = string(raw[:min(len(raw), 80)])
		}
		if err != nil {
			continue
		}
		n, ok := literal(raw)
		if !ok {
			return strings.TrimRight(first, "\r\n"), nil
		}
		w.literals += n
		if _, err := io.CopyN(io.Discard, w.in, n); err != nil {
			return "", err
		}
	}
}

// literal returns the length that a line ends with: {123}
func literal(line []byte) (int64, bool) {
	l := len(line)
	if l < 5 || line[l-1] != '\n' || line[l-2] != '\r' || line[l-3] != '}' {
		return 0, false
	}
	i := l - 4
	for i > 0 && line[i] >= '0' && line[i] <= '9' {
		i--
	}
	if line[i] != '{' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(line[i+1:l-3]), 10, 64)
	return n, err == nil
}

// sent is what a wire client fetched.
type fetched struct {
	sample
	literals int64
}

// fetchWire opens a mailbox on a connection of its own, and measures what
// commands take there. Signing in and opening are not counted, as a mount does
// the one before and needs hardly anything for the other.
func fetchWire(ctx context.Context, l *line, mailbox string, commands []string) (fetched, error) {
	w, err := dialWire(ctx, l.addr)
	if err != nil {
		return fetched{}, err
	}
	defer w.close()
	if err := w.do("EXAMINE " + mailbox); err != nil {
		return fetched{}, err
	}
	before, literals, start := l.passed(), w.literals, time.Now()
	if err := w.do(commands...); err != nil {
		return fetched{}, err
	}
	return fetched{sample{took: time.Since(start), traffic: l.passed().since(before)}, w.literals - literals}, nil
}
