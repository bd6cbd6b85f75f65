package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSideBySide gives each of several FETCHes its own answer where the server
// answers all before it completes any, as Dovecot does.
func TestSideBySide(t *testing.T) {
	for what, test := range map[string]struct {
		items   []string // one command each, all of message 1
		answers []string // in the order in which the server sends them
		want    []string
	}{
		"the same": {
			items:   []string{"(UID BODY.PEEK[1])", "(UID BODY.PEEK[1])", "(UID BODY.PEEK[1])"},
			answers: []string{"BODY[1] {1}\r\na", "BODY[1] {1}\r\na", "BODY[1] {1}\r\na"},
			want:    []string{"1 BODY[1] 1 \"a\"\n1", "1 BODY[1] 1 \"a\"\n1", "1 BODY[1] 1 \"a\"\n1"},
		},
		"ranges of one part, turned round": {
			items:   []string{"(UID BODY.PEEK[1]<0.179364>)", "(UID BODY.PEEK[1]<5000179364.179362>)"},
			answers: []string{"BODY[1]<5000179364> {1}\r\nb", "BODY[1]<0> {1}\r\na"},
			want:    []string{"1 BODY[1]<0> 1 \"a\"\n1", "1 BODY[1]<5000179364> 1 \"b\"\n1"},
		},
		"a range that nobody waits for any more": {
			items:   []string{"(UID BODY.PEEK[1]<0.1>)", "(UID BODY.PEEK[1]<1.1>)"},
			answers: []string{"BODY[1]<7> {1}\r\nx", "BODY[1]<0> {1}\r\na", "BODY[1]<1> {1}\r\nb"},
			want:    []string{"1 BODY[1]<0> 1 \"a\"\n1", "1 BODY[1]<1> 1 \"b\"\n1"},
		},
		"origins that are not repeated": {
			items:   []string{"(UID BODY.PEEK[1]<0.1>)", "(UID BODY.PEEK[1]<1.1>)"},
			answers: []string{"BODY[1] {1}\r\na", "BODY[1] {1}\r\nb"},
			want:    []string{"1 BODY[1] 1 \"a\"\n1", "1 BODY[1] 1 \"b\"\n1"},
		},
		"one item in common": {
			items:   []string{"(UID BODY.PEEK[HEADER] BODY.PEEK[1])", "(UID BODY.PEEK[HEADER] BODY.PEEK[2])"},
			answers: []string{"BODY[HEADER] {1}\r\nh BODY[1] {1}\r\na", "BODY[HEADER] {1}\r\nh BODY[2] {1}\r\nb"},
			want:    []string{"1 BODY[1] 1 \"a\"\n1 BODY[HEADER] 1 \"h\"\n1", "1 BODY[2] 1 \"b\"\n1 BODY[HEADER] 1 \"h\"\n1"},
		},
		"summaries": {
			items:   []string{"(UID FLAGS RFC822.SIZE)", "(UID FLAGS RFC822.SIZE)"},
			answers: []string{`FLAGS (\Seen) RFC822.SIZE 5`, `FLAGS (\Seen) RFC822.SIZE 5`},
			want:    []string{`1 flags=[\Seen] size=5`, `1 flags=[\Seen] size=5`},
		},
	} {
		t.Run(what, func(t *testing.T) {
			sent := make(chan struct{})
			c, _ := session(t, Options{}, func(s *server) {
				var tags []string
				for _, items := range test.items {
					tags = append(tags, s.expect("UID FETCH 1 "+items))
					sent <- struct{}{}
				}
				for _, answer := range test.answers {
					s.send("* 1 FETCH (UID 1 %s)\r\n", answer)
				}
				for _, tag := range tags {
					s.send("%s OK done\r\n", tag)
				}
			})
			got := make([]collector, len(test.items))
			done := make(chan error)
			for i, items := range test.items {
				go func() {
					_, err := c.Fetch(within(t, 10*time.Second), got[i].fetch(items, 1))
					done <- err
				}()
				<-sent // the next one goes out after this one
			}
			for range test.items {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			var have []string
			for i := range got {
				have = append(have, got[i].String())
			}
			if fmt.Sprint(have) != fmt.Sprint(test.want) {
				t.Errorf("got %s\nwant %s", strings.Join(have, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}
