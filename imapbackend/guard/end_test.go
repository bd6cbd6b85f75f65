package guard

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// TestEnd has the ways in which a connection ends, and what a Fetch says then.
func TestEnd(t *testing.T) {
	short := Options{FirstByte: 100 * time.Millisecond, Progress: 50 * time.Millisecond}
	for _, tt := range []struct {
		name, response string
		hold           bool // the server then stays silent
		want           error
		text           string
	}{
		{"cut literal", "* 1 FETCH (UID 1 BODY[] {50}\r\nhello", false, io.ErrUnexpectedEOF, "literal cut at 5 of 50 octets"},
		{"cut nested literal", "* 1 FETCH (UID 1 ENVELOPE ({50}\r\nhello", false, io.ErrUnexpectedEOF, "literal cut at 5 of 50 octets"},
		{"cut line", "* 1 FETCH (UID 1", false, io.ErrUnexpectedEOF, ""},
		{"end", "", false, io.ErrUnexpectedEOF, ""},
		{"BYE", "* BYE [UNAVAILABLE] going \x1bdown\r\n", false, nil, "BYE [UNAVAILABLE] going down"},
		{"huge literal", "* 1 FETCH (UID 1 BODY[] {9999999999}\r\nhello", true, nil, "literal of 9999999999 octets"},
		{"huge nested literal", "* 1 FETCH (UID 1 ENVELOPE ({9999999999}\r\nhello", true, nil, "literal of 9999999999 octets"},
		{"huge literal in LIST", "* LIST () \"/\" {9999999999}\r\nhello", true, nil, "literal of 9999999999 octets"},
		{"silence", "", true, os.ErrDeadlineExceeded, "no answer from the server for 100ms"},
		{"silence within a line", "* 1 FET", true, os.ErrDeadlineExceeded, "for 50ms"},
		{"silence within a literal", "* 1 FETCH (UID 1 BODY[] {50}\r\nhello", true, os.ErrDeadlineExceeded, "literal cut at 5 of 50"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := make(chan struct{})
			c, engine := session(t, short, func(s *server) {
				s.expect("UID FETCH 1 (UID BODY.PEEK[])")
				s.send("%s", tt.response)
				if tt.hold {
					<-done
				}
			})
			var got collector
			_, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[])", 1))
			close(done)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("err = %v", err)
			}
			if c.Err() == nil || c.Err().Error() != err.Error() {
				t.Errorf("Err() = %v, Fetch said %v", c.Err(), err)
			}
			if got.messages != nil {
				t.Errorf("got %s", got.String())
			}
			<-engine.Closed()
			if _, err2 := c.Fetch(t.Context(), got.fetch("(UID FLAGS)", 1)); err2 == nil || err2.Error() != err.Error() {
				t.Errorf("the error did not stick: %v", err2)
			}
		})
	}
}

// TestSlowIsNotDead: the deadline rolls, so that a long answer may take longer
// than either of them.
func TestSlowIsNotDead(t *testing.T) {
	o := Options{FirstByte: 300 * time.Millisecond, Progress: 300 * time.Millisecond}
	const size = 20
	c, _ := session(t, o, func(s *server) {
		tag := s.expect("UID FETCH 1 (UID BODY.PEEK[])")
		s.send("* 1 FETCH (UID 1 BODY[] {%d}\r\n", size)
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for range size {
			<-tick.C
			s.send("x")
		}
		s.send(")\r\n%s OK done\r\n", tag)
	})
	var got collector
	if _, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[])", 1)); err != nil {
		t.Fatal(err)
	}
}

// TestIdleHasNoDeadline: without a command nothing is due.
func TestIdleHasNoDeadline(t *testing.T) {
	o := Options{FirstByte: 50 * time.Millisecond, Progress: 50 * time.Millisecond}
	late := make(chan uint32, 1)
	o.Hooks.Exists = func(n uint32) { late <- n }
	c, _ := session(t, o, func(s *server) {
		s.ok("NOOP")
		<-time.After(200 * time.Millisecond)
		s.send("* 7 EXISTS\r\n")
	})
	if _, err := c.Do(within(t, 10*time.Second), "NOOP", nil); err != nil {
		t.Fatal(err)
	}
	if n := <-late; n != 7 {
		t.Errorf("%d EXISTS", n)
	}
}

// TestClose ends what waits.
func TestClose(t *testing.T) {
	sent, done := make(chan struct{}), make(chan struct{})
	c, _ := session(t, Options{}, func(s *server) {
		s.expect("UID FETCH 1 (UID FLAGS)")
		close(sent)
		<-done
	})
	result := make(chan error)
	go func() {
		_, err := c.Fetch(t.Context(), Fetch{UIDs: imap.UIDSetNum(1), Items: "(UID FLAGS)"})
		result <- err
	}()
	<-sent
	c.Close()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("err = %v", err)
	}
	close(done)
}
