package main

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// condition is what a line is like.
type condition struct {
	name string
	rtt  time.Duration
	mbps float64 // megabits a second in each direction, 0 for no limit
}

// unlimitedWindow is how much may be under way in one direction of a connection
// of a line that has no rate to compute it from.
const unlimitedWindow = 16 << 20

// window is how much may be under way in one direction of a connection: twice
// what fills the line. More would hide from a server for seconds that nobody
// reads any more, as no real network does.
func (c condition) window() int64 {
	if c.mbps == 0 {
		return unlimitedWindow
	}
	return max(1<<20, int64(2*c.rate()*c.rtt.Seconds()))
}

// rate is octets a second, 0 for no limit.
func (c condition) rate() float64 { return c.mbps * 1e6 / 8 }

// traffic is what passed a line.
type traffic struct {
	down, up int64 // octets to and from the client, those that arrived
	fetches  int64 // FETCH commands
	bodies   int64 // those of them that ask for content
}

func (t traffic) since(before traffic) traffic {
	return traffic{t.down - before.down, t.up - before.up, t.fetches - before.fetches, t.bodies - before.bodies}
}

// line is a wide-area line to a server on this machine. Every octet arrives half
// a round trip late, and all connections together share the rate of each
// direction. It is safe for concurrent use.
type line struct {
	addr string
	to   string
	cond condition

	up, down        direction
	fetches, bodies atomic.Int64

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	ln    net.Listener // nil: connections are refused
	conns map[net.Conn]struct{}
}

// direction is one way of a line.
type direction struct {
	rate   float64
	octets atomic.Int64

	mu   sync.Mutex
	free time.Time // when all that was queued is on its way
}

// newLine starts a line. It ends with close.
func newLine(to string, c condition) (*line, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{addr: ln.Addr().String(), to: to, cond: c, ln: ln, conns: map[net.Conn]struct{}{}}
	l.up.rate, l.down.rate = c.rate(), c.rate()
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.running.Go(func() { l.accept(ln) })
	return l, nil
}

// close ends the line and all connections.
func (l *line) close() {
	l.cut()
	l.running.Wait()
}

// cut ends all connections; new ones are refused.
func (l *line) cut() {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ln.Close()
	for c := range l.conns {
		c.Close()
	}
}

// passed is what has passed since the line was made.
func (l *line) passed() traffic {
	return traffic{l.down.octets.Load(), l.up.octets.Load(), l.fetches.Load(), l.bodies.Load()}
}

// settle waits until nothing has arrived for two round trips, and at least for
// 150 ms: then what was fetched ahead is here, too. It gives up after 10 s.
func (l *line) settle(ctx context.Context) {
	quiet := max(150*time.Millisecond, 2*l.cond.rtt)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, since, end := l.passed().down, time.Now(), time.Now().Add(10*time.Second)
	for now := range tick.C {
		if d := l.passed().down; d != last {
			last, since = d, now
		}
		if now.Sub(since) > quiet || now.After(end) || ctx.Err() != nil {
			return
		}
	}
}

func (l *line) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.serve(c.(*net.TCPConn)) })
	}
}

func (l *line) serve(client *net.TCPConn) {
	defer client.Close()
	if !l.sleep(time.Now().Add(l.cond.rtt)) { // what the handshake takes
		return
	}
	c, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	server := c.(*net.TCPConn)
	defer server.Close()
	if !l.add(client, server) {
		return
	}
	defer l.remove(client, server)
	var both sync.WaitGroup
	both.Go(func() { l.carry(server, client, &l.up, &commands{line: l}) })
	both.Go(func() { l.carry(client, server, &l.down, io.Discard) })
	both.Wait()
}

func (l *line) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return l.ctx.Err() == nil
}

func (l *line) remove(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

// sleep waits until a moment; false: the line has ended.
func (l *line) sleep(until time.Time) bool {
	d := time.Until(until)
	if d <= 0 {
		return l.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// parcelOctets is how much travels together at most: 1 ms at 100 Mbit/s.
const parcelOctets = 16 << 10

type parcel struct {
	due  time.Time
	data []byte
}

// carry takes one direction of a connection from src to dst, and shows it to
// seen.
func (l *line) carry(dst, src *net.TCPConn, way *direction, seen io.Writer) {
	defer dst.CloseWrite()
	if l.cond.rtt == 0 && l.cond.mbps == 0 {
		l.pass(dst, src, way, seen)
		return
	}
	room := semaphore.NewWeighted(l.cond.window())
	queue := make(chan parcel, l.cond.window()/parcelOctets+1)
	ctx, stop := context.WithCancel(l.ctx)
	defer stop()
	l.running.Go(func() {
		defer close(queue)
		for {
			buf := make([]byte, parcelOctets)
			n, err := src.Read(buf)
			if n > 0 {
				seen.Write(buf[:n])
				if room.Acquire(ctx, int64(n)) != nil {
					return
				}
				select {
				case queue <- parcel{way.send(n).Add(l.cond.rtt / 2), buf[:n]}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range queue {
		if !l.sleep(p.due) {
			return
		}
		n, err := dst.Write(p.data)
		way.octets.Add(int64(n))
		if err != nil {
			src.CloseRead()
			return
		}
		room.Release(int64(len(p.data)))
	}
}

// pass is carry without delay.
func (l *line) pass(dst, src *net.TCPConn, way *direction, seen io.Writer) {
	buf := make([]byte, 256<<10)
	for {
		n, err := src.Read(buf)
		seen.Write(buf[:n])
		m, werr := dst.Write(buf[:n])
		way.octets.Add(int64(m))
		if err != nil || werr != nil {
			src.CloseRead()
			return
		}
	}
}

// send puts n octets on the way, behind all others. It returns when the last of
// them has left.
func (d *direction) send(n int) time.Time {
	now := time.Now()
	if d.rate == 0 {
		return now
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.free.Before(now) {
		d.free = now
	}
	d.free = d.free.Add(time.Duration(float64(n) / d.rate * float64(time.Second)))
	return d.free
}
