package guard

import (
	"bufio"
	"context"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// counted counts at the other end of a connection.
type counted struct {
	net.Conn
	in, out *int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	*c.in += int64(n)
	return n, err
}

func (c counted) Write(p []byte) (int, error) {
	*c.out += int64(len(p))
	return c.Conn.Write(p)
}

// TestMeter adds up two connections, the first of which has ended, and agrees
// with what the server has counted.
func TestMeter(t *testing.T) {
	var meter Meter
	var in, out int64 // of the server
	var last int64
	for range 2 {
		played := make(chan struct{})
		read := meter.Received()
		c, engine := session(t, Options{Meter: &meter}, func(s *server) {
			defer close(played)
			out += int64(len("* PREAUTH [CAPABILITY IMAP4rev1 IDLE ESEARCH UIDPLUS NAMESPACE] ready\r\n"))
			s.nc = counted{s.nc, &in, &out}
			s.br = bufio.NewReader(s.nc)
			// A literal, a quoted string, a body before its UID, and one that nobody
			// asked for.
			s.answer("UID FETCH 1:2 (UID BODY.PEEK[1] BODY.PEEK[2])",
				"* 1 FETCH (UID 1 BODY[1] {5}\r\nhello BODY[2] \"four\")\r\n"+
					"* 2 FETCH (BODY[1] {3}\r\nabc UID 2 BODY[2] NIL)\r\n"+
					"* 3 FETCH (UID 9 BODY[1] {8}\r\nnobody's)\r\n%T OK done\r\n")
			s.answer("UID FETCH 1 (UID RFC822.SIZE)", "* 1 FETCH (UID 1 RFC822.SIZE 7)\r\n%T OK done\r\n")
			s.answer("UID FETCH 1 (UID FLAGS)", "* 1 FETCH (UID 1 FLAGS ())\r\n%T OK done\r\n")
			s.answer("UID SEARCH ALL", "* SEARCH 1\r\n%T OK done\r\n")
			s.answer("EXAMINE INBOX", "* 1 EXISTS\r\n%T OK done\r\n")
			tag := s.expect("IDLE")
			s.send("+ idling\r\n")
			s.line()
			s.send("%s OK done\r\n", tag)
			s.ok("NAMESPACE")
		})
		if got := c.Doing(); got != "" {
			t.Errorf("doing %q", got)
		}
		var got collector
		for _, items := range []string{"(UID BODY.PEEK[1] BODY.PEEK[2])", "(UID RFC822.SIZE)", "(UID FLAGS)"} {
			f := got.fetch(items, 1)
			if items[1:9] == "UID BODY" {
				f = got.fetch(items, 1, 2)
			}
			if _, err := c.Fetch(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := c.Search(t.Context(), "ALL", false); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		err := c.Idle(ctx, func() {
			if got := c.Doing(); got != "IDLE" {
				t.Errorf("doing %q in IDLE", got)
			}
			stop()
		}, patience(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(t.Context(), "NAMESPACE", nil); err != nil {
			t.Fatal(err)
		}
		<-played
		c.Close()
		if last = c.Received(); last != meter.Received()-read {
			t.Errorf("%d octets on the connection, and %d by the meter", last, meter.Received()-read)
		}
	}
	if meter.Received() != out || meter.Sent() != in || out != 2*last {
		t.Errorf("received %d, sent %d; the server sent %d and received %d", meter.Received(), meter.Sent(), out, in)
	}
	if want := int64(2 * len("hello"+"four"+"abc")); meter.Bodies() != want {
		t.Errorf("%d octets of bodies, want %d", meter.Bodies(), want)
	}
	want := map[string]int64{
		"FETCH bodies": 2, "FETCH summaries": 2, "FETCH flags": 2, "SEARCH": 2, "EXAMINE": 2, "IDLE": 2, "other": 2,
	}
	if got := meter.Commands(); !maps.Equal(got, want) {
		t.Errorf("commands %v, want %v", got, want)
	}
}
