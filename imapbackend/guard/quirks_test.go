package guard

import (
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// summary is what a listing asks for.
const summary = imaptest.Summary

// neighbour is an answer beside the odd one, which must not suffer from it.
const (
	neighbour = "* 2 FETCH (UID 2 FLAGS (\\Seen) INTERNALDATE \"02-Jan-2020 00:00:00 +0100\" RFC822.SIZE 20 " +
		"ENVELOPE (NIL \"neighbour\" ((\"N\" NIL \"n\" \"x.org\")) NIL NIL NIL NIL NIL NIL \"<n@x>\") " +
		"BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"7BIT\" 20 1) " +
		"BODY[] {9}\r\nneighbour)\r\n"
	neighbourBody = `2 BODY[] 9 "neighbour"`
	neighbourShow = `2 flags=[\Seen] date=2020-01-01T23:00:00Z size=20 from="N" subject="neighbour" id="<n@x>" parts=[1 text/plain UTF-8 identity 20]`
)

// TestQuirks has odd responses of real servers, and what is made of them. The
// command asks for one item, or for all; want is the message, without bodies
// first.
func TestQuirks(t *testing.T) {
	for _, q := range imaptest.Quirks() {
		t.Run(q.Name, func(t *testing.T) {
			// The neighbour comes before and after, in commands of its own.
			c, engine := session(t, Options{}, func(s *server) {
				for _, response := range []string{neighbour, q.Response, neighbour} {
					tag := s.line()
					tag, _, _ = strings.Cut(tag, " ")
					s.send("%s", response)
					s.send("%s OK done\r\n", tag)
				}
				s.ok("NOOP")
			})
			all := summary[:len(summary)-1] + " BODY.PEEK[])"
			for i, want := range []string{neighbourBody + "\n" + neighbourShow, q.Want, neighbourBody + "\n" + neighbourShow} {
				var got collector
				f := got.fetch(all, 2)
				if i == 1 {
					f = got.fetch(q.Items, 1)
				}
				if _, err := c.Fetch(within(t, 20*time.Second), f); err != nil {
					t.Fatalf("fetch %d: %v", i, err)
				}
				if got.String() != want {
					t.Errorf("fetch %d:\n got %s\nwant %s", i, got.String(), want)
				}
			}
			if err := engine.Noop().Wait(); err != nil {
				t.Errorf("the connection did not survive: %v (%v)", err, c.Err())
			}
		})
	}
}
