package imaptest

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo starts a server that sends back what it gets.
func echo(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

func dial(t *testing.T, l *Link) net.Conn {
	c, err := net.Dial("tcp", l.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func ping(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
}

func TestLinkCounts(t *testing.T) {
	l := Proxy(t, echo(t))
	c := dial(t, l)
	ping(t, c)
	ping(t, dial(t, l))
	if l.Up() != 8 || l.Down() != 8 || l.Connections() != 2 {
		t.Errorf("%d up, %d down, %d connections", l.Up(), l.Down(), l.Connections())
	}
	c.(*net.TCPConn).CloseWrite()
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

func TestLinkHang(t *testing.T) {
	l := Proxy(t, echo(t))
	c := dial(t, l)
	ping(t, c)
	l.Hang()
	l.Hang()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	late := dial(t, l)
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 4)); n != 0 || err == nil {
		t.Errorf("%d bytes came through, %v", n, err)
	}
	l.Resume()
	l.Resume()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("after Resume: %v", err)
	}
	ping(t, late)
}

func TestLinkReset(t *testing.T) {
	l := Proxy(t, echo(t))
	c := dial(t, l)
	ping(t, c)
	l.Hang()
	l.Reset()
	if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("after Reset: %v", err)
	}
	l.Resume()
	ping(t, dial(t, l))
}

func TestLinkDelay(t *testing.T) {
	l := Proxy(t, echo(t))
	c := dial(t, l)
	l.Delay(30 * time.Millisecond)
	start := time.Now()
	ping(t, c)
	if d := time.Since(start); d < 60*time.Millisecond {
		t.Errorf("a round trip took %v", d)
	}
}
