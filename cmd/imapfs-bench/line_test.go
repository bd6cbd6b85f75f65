package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that says what it is told, and ends with the test.
func echo(t *testing.T) string {
	t.Helper()
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
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

var testLines = map[string]condition{
	"loopback":  {},
	"delayed":   {rtt: 10 * time.Millisecond},
	"wide area": {rtt: 10 * time.Millisecond, mbps: 200},
}

func TestLineCarriesAndCounts(t *testing.T) {
	for name, c := range testLines {
		t.Run(name, func(t *testing.T) {
			l, err := newLine(echo(t), c)
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			conn, err := net.Dial("tcp", l.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			const commands = "a UID FETCH 1:* (FLAGS)\r\nb fetch 1 BODY.PEEK[]\r\nc NOOP\r\nd UID SEARCH ALL\r\ne UID FETCH 2 (BODY.PEEK[1])\r\n"
			sent := append([]byte(commands), bytes.Repeat([]byte("0123456789abcde\n"), 64<<10)...)
			go func() {
				conn.Write(sent)
				conn.(*net.TCPConn).CloseWrite()
			}()
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d octets of %d arrived, or not as they were sent: %v", len(got), len(sent), err)
			}
			want := traffic{down: int64(len(sent)), up: int64(len(sent)), fetches: 3, bodies: 2}
			if p := l.passed(); p != want {
				t.Errorf("it counted %+v, want %+v", p, want)
			}
		})
	}
}

// No octet comes back before a round trip has passed; how much later it may
// come, a test cannot tell.
func TestLineDelays(t *testing.T) {
	const rtt = 30 * time.Millisecond
	l, err := newLine(echo(t), condition{rtt: rtt})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for range 3 {
		start := time.Now()
		io.WriteString(conn, "x\n")
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < rtt {
			t.Errorf("the answer came after %v, before %v", took, rtt)
		}
	}
}

func TestDirectionSharesItsRate(t *testing.T) {
	d := direction{rate: 1000}
	first := d.send(500)
	if second := d.send(250); second.Sub(first) != 250*time.Millisecond {
		t.Errorf("250 octets take %v at 1000 a second", second.Sub(first))
	}
}

// A client that goes away, or a line that is cut, leaves nothing behind that
// close would wait for.
func TestLineCut(t *testing.T) {
	for name, c := range testLines {
		l, err := newLine(echo(t), c)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", l.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "x")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		l.cut()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: the connection survived", name)
		}
		if other, err := net.Dial("tcp", l.addr); err == nil {
			other.Close()
			t.Errorf("%s: a new connection was accepted", name)
		}
		conn.Close()
		l.close()
	}
}

// What a server says too much stays there while nobody reads it.
func TestLineIsBounded(t *testing.T) {
	c := condition{rtt: time.Millisecond, mbps: 100}
	l, err := newLine(echo(t), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Now()) })
	n, err := conn.Write(make([]byte, 256<<20))
	if err == nil {
		t.Errorf("all of %d octets found room", n)
	}
}
