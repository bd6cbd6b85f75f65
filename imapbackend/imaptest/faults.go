package imaptest

import (
	"fmt"
	"net"
)

// cut is the end of one connection that is to come.
type cut struct {
	after int64 // octets from the server to clients, on all connections
	end   func(*pair)
}

// ResetAfter ends a connection with RST in the middle of what the server sends:
// the one that carries the octet n from now, counted over all of them.
func (l *Link) ResetAfter(n int64) { l.cutAfter(n, (*pair).reset) }

// CloseAfter is ResetAfter with FIN, which looks like an orderly end.
func (l *Link) CloseAfter(n int64) {
	l.cutAfter(n, func(p *pair) {
		p.client.CloseWrite()
		p.server.Close()
	})
}

func (l *Link) cutAfter(n int64, end func(*pair)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = &cut{n, end}
}

// cutting returns what of data is still delivered, and how the connection ends
// then, nil if it goes on.
func (l *Link) cutting(data []byte) ([]byte, func(*pair)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut == nil {
		return data, nil
	}
	if n := int64(len(data)); n <= l.cut.after {
		l.cut.after -= n
		return data, nil
	}
	data, end := data[:l.cut.after], l.cut.end
	l.cut = nil
	return data, end
}

// Lose makes black holes of the connections that there are, for good, as a
// suspended machine finds them whose NAT has forgotten them: both ends believe
// that they live. New ones work.
func (l *Link) Lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pairs {
		p.lost.Store(true)
	}
}

// Refuse makes new connections fail as if no server were there; those that
// there are go on.
func (l *Link) Refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ln != nil {
		l.ln.Close()
		l.ln = nil
	}
}

// Accept ends a Refuse.
func (l *Link) Accept() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ln != nil || l.closed {
		return nil
	}
	ln, err := net.Listen("tcp", l.Addr)
	if err != nil {
		return fmt.Errorf("accept connections again: %w", err)
	}
	l.ln = ln
	l.running.Go(func() { l.accept(ln) })
	return nil
}
