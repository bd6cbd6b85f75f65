package imaptest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Link is a line between a client and a server that can fail. It is safe for
// concurrent use.
type Link struct {
	// Addr is host:port for the client.
	Addr string

	to       string
	running  sync.WaitGroup
	up, down atomic.Int64
	accepted atomic.Int64

	mu     sync.Mutex
	ln     net.Listener // nil: connections are refused
	delay  time.Duration
	gate   chan struct{} // closed: bytes pass
	pairs  map[*pair]struct{}
	cut    *cut // nil: none is to come
	closed bool
}

// pair is one connection through the link.
type pair struct {
	client, server *net.TCPConn
	done           chan struct{} // closed by reset
	once           sync.Once
	lost           atomic.Bool // nothing is delivered any more
}

// Proxy starts a link to a server. It ends with the test, and with it every
// connection.
func Proxy(t testing.TB, to string) *Link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Addr: ln.Addr().String(), to: to, ln: ln, gate: make(chan struct{}), pairs: map[*pair]struct{}{}}
	close(l.gate)
	l.running.Go(func() { l.accept(ln) })
	t.Cleanup(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.Refuse()
		l.Reset()
		l.running.Wait()
	})
	return l
}

// Hang makes the link a black hole: it accepts connections and bytes, and
// delivers none.
func (l *Link) Hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open() {
		l.gate = make(chan struct{})
	}
}

// Resume ends a Hang: what was held back is delivered.
func (l *Link) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open() {
		close(l.gate)
	}
}

// open reports whether bytes pass; mu is held.
func (l *Link) open() bool {
	select {
	case <-l.gate:
		return true
	default:
		return false
	}
}

// Reset ends all connections with RST. New ones are accepted.
func (l *Link) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pairs {
		p.reset()
	}
}

// Delay makes every byte that comes from now on arrive so much later, in both
// directions: a round trip takes twice as long.
func (l *Link) Delay(oneWay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = oneWay
}

// Up counts the bytes that clients have sent.
func (l *Link) Up() int64 { return l.up.Load() }

// Down counts the bytes that the server has sent.
func (l *Link) Down() int64 { return l.down.Load() }

// Connections counts the connections that there have been.
func (l *Link) Connections() int64 { return l.accepted.Load() }

func (l *Link) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		l.accepted.Add(1)
		l.running.Go(func() { l.serve(c.(*net.TCPConn)) })
	}
}

func (l *Link) serve(client *net.TCPConn) {
	s, err := net.Dial("tcp", l.to)
	if err != nil {
		client.Close()
		return
	}
	p := &pair{client: client, server: s.(*net.TCPConn), done: make(chan struct{})}
	l.mu.Lock()
	l.pairs[p] = struct{}{}
	if l.closed {
		p.reset()
	}
	l.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { l.pump(p, p.server, p.client, &l.up) })
	both.Go(func() { l.pump(p, p.client, p.server, &l.down) })
	both.Wait()
	p.client.Close()
	p.server.Close()
	p.reset() // one direction may have ended before all was taken in
	l.mu.Lock()
	delete(l.pairs, p)
	l.mu.Unlock()
}

func (p *pair) reset() {
	p.once.Do(func() {
		close(p.done)
		for _, c := range []*net.TCPConn{p.client, p.server} {
			c.SetLinger(0)
			c.Close()
		}
	})
}

type chunk struct {
	due  time.Time
	data []byte
}

// pump carries one direction. Its queue is what lets bytes be on the way while
// others are taken in.
func (l *Link) pump(p *pair, dst, src *net.TCPConn, count *atomic.Int64) {
	queue := make(chan chunk, 1024)
	l.running.Go(func() {
		defer close(queue)
		for {
			buf := make([]byte, 32<<10)
			n, err := src.Read(buf)
			if n > 0 {
				count.Add(int64(n))
				l.mu.Lock()
				due := time.Now().Add(l.delay)
				l.mu.Unlock()
				select {
				case queue <- chunk{due, buf[:n]}:
				case <-p.done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for c := range queue {
		if !l.wait(p, c.due) {
			return
		}
		if p.lost.Load() {
			continue
		}
		data, end := c.data, (func(*pair))(nil)
		if dst == p.client {
			data, end = l.cutting(data)
		}
		if _, err := dst.Write(data); err != nil {
			p.reset()
			return
		}
		if end != nil {
			end(p)
			return
		}
	}
	if l.wait(p, time.Time{}) && !p.lost.Load() {
		dst.CloseWrite()
	}
}

// wait waits until what is due at a time may be delivered; false: the
// connection is gone.
func (l *Link) wait(p *pair, due time.Time) bool {
	if d := time.Until(due); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.done:
			return false
		}
	}
	l.mu.Lock()
	gate := l.gate
	l.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-p.done:
		return false
	}
}
