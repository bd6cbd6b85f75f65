package guard

import (
	"bytes"
	"strings"
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

// TestLogWithoutBodies keeps out of the log what servers send in other forms
// than as a literal.
func TestLogWithoutBodies(t *testing.T) {
	for _, answer := range []string{
		`* 1 FETCH (UID 1 BODY[] "secret" FLAGS ())`, `* 1 FETCH (UID 1 body[1]<0> "secret")`, `* 1 FETCH (UID 1 BODY[HEADER.FIELDS (TO)] secret)`,
		"* 1 FETCH (UID 1 BODY[TEXT] \"a\r\nsecret\" FLAGS ())", `* 1 FETCH (UID 1 BODY[1] NIL BINARY.PEEK[2]"secret")`, "* 1 FETCH (UID 1 BODY[1] {6}\r\nsecret)",
	} {
		var log bytes.Buffer
		c, _ := session(t, Options{Log: &log}, func(s *server) {
			s.answer("UID FETCH 1 (UID BODY.PEEK[])", answer+"\r\n%T OK done\r\n")
		})
		var got collector
		c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[])", 1))
		if s := log.String(); strings.Contains(s, "secret") || !strings.Contains(s, "S: G1 OK") || !strings.Contains(s, "UID 1") {
			t.Errorf("%q is logged as %s", answer, s)
		}
	}
}
