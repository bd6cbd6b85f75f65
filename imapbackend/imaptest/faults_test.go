package imaptest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestLinkCut ends a connection at the octet that was said.
func TestLinkCut(t *testing.T) {
	l := Proxy(t, echo(t))
	for _, one := range []struct {
		cut  func(int64)
		want error
	}{{l.ResetAfter, syscall.ECONNRESET}, {l.CloseAfter, io.ErrUnexpectedEOF}} {
		c := dial(t, l)
		ping(t, c)
		one.cut(6)
		ping(t, c)
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(c, make([]byte, 4)); n != 2 || !errors.Is(err, one.want) {
			t.Errorf("%d bytes, %v, want 2, %v", n, err, one.want)
		}
		ping(t, dial(t, l))
	}
}

// TestLinkLose delivers nothing on the old connections, and all on new ones.
func TestLinkLose(t *testing.T) {
	l := Proxy(t, echo(t))
	c := dial(t, l)
	ping(t, c)
	l.Lose()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	ping(t, dial(t, l))
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 4)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("%d bytes came through, %v", n, err)
	}
}

// TestLinkRefuse accepts no connections for a while.
func TestLinkRefuse(t *testing.T) {
	l := Proxy(t, echo(t))
	c := dial(t, l)
	ping(t, c)
	l.Refuse()
	l.Refuse()
	if _, err := net.Dial("tcp", l.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
	ping(t, c)
	for range 2 {
		if err := l.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	ping(t, dial(t, l))
}

// TestDovecotAgain starts a Dovecot again, with its mail.
func TestDovecotAgain(t *testing.T) {
	s := Dovecot(t)
	s.Deliver("INBOX", []byte("Subject: a\r\n\r\n"), date)
	s.Client()
	s.Stop()
	s.Stop()
	if _, err := net.Dial("tcp", s.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after Stop: %v", err)
	}
	s.Password = "another"
	s.Start()
	if list := fetchAll(t, s.Client(), "INBOX"); len(list) != 1 {
		t.Errorf("got %+v", list)
	}
}
