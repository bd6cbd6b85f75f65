package guard

import (
	"bytes"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	var log bytes.Buffer
	c, engine := session(t, Options{Log: &log}, func(s *server) {
		s.answer("UID FETCH 1 (UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n%T OK do\x07ne\r\n")
		s.ok("NOOP")
	})
	log.Reset()
	var got collector
	if _, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[])", 1)); err != nil {
		t.Fatal(err)
	}
	if err := engine.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	want := "C: G1 UID FETCH 1 (UID BODY.PEEK[])\nS: * 1 FETCH (UID 1 BODY[] {5}\nS: {5 octets} )\nS: G1 OK done\nC: T1 NOOP\nS: T1 OK done\n"
	if log.String() != want {
		t.Errorf("got %s", log.String())
	}
}
