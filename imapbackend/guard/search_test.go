package guard

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSearch(t *testing.T) {
	for _, tt := range []struct{ name, response, want string }{
		{"SEARCH", "* SEARCH 1 2 3 9", "[1 2 3 9]"},
		{"not sorted, twice", "* SEARCH 9 3 1 2 3 ", "[1 2 3 9]"},
		{"in two responses", "* SEARCH 9 3\r\n* SEARCH 1", "[1 3 9]"},
		{"nothing", "* SEARCH", "[]"},
		{"SEARCH with MODSEQ", "* SEARCH 1 (MODSEQ 917162500)", "[1]"},
		{"ESEARCH", `* ESEARCH (TAG "%T") UID ALL 1:3,9 COUNT 4`, "[1 2 3 9]"},
		{"ESEARCH backwards", `* ESEARCH (TAG "%T") UID ALL 9,3:1 MIN 1 MAX 9`, "[1 2 3 9]"},
		{"ESEARCH of nothing", `* ESEARCH (TAG "%T") UID`, "[]"},
		{"ESEARCH bare", `* ESEARCH`, "[]"},
		{"ESEARCH with more", `* esearch (tag "%T") uid all 1 PARTIAL (1:100 3,4) RELEVANCY (4) modseq 5`, "[1]"},
		{"the last UIDs", `* ESEARCH (TAG "%T") UID ALL 4294967294:4294967295`, "[4294967294 4294967295]"},
		{"too many", `* ESEARCH (TAG "%T") UID ALL 1:4294967295`, "error"},
		{"bad number", "* SEARCH 1 x 3", "error"},
		{"bad number, then good", "* SEARCH 1 x 3\r\n* SEARCH 1 3", "error"},
		{"zero", "* SEARCH 0", "error"},
		{"number too large", "* SEARCH 4294967296", "error"},
		{"negative", "* SEARCH -1", "error"},
		{"a literal", "* SEARCH {3}\r\n1 2", "error"},
		{"bad set", `* ESEARCH (TAG "%T") UID ALL 1::3`, "error"},
		{"open set", `* ESEARCH (TAG "%T") UID ALL 1:*`, "error"},
		{"NIL set", `* ESEARCH (TAG "%T") UID ALL NIL`, "error"},
		{"set missing", `* ESEARCH (TAG "%T") UID ALL`, "error"},
		{"unknown correlator", `* ESEARCH (FOO "%T") UID ALL 1`, "error"},
		{"another's", `* ESEARCH (TAG "%TX") UID ALL 1`, "error"},
		{"nesting bomb", `* ESEARCH (TAG "%T") UID FOO ` + strings.Repeat("(", 100_000), "error"},
		{"no ESEARCH at all", "* 4 EXISTS", "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, engine := session(t, Options{}, func(s *server) {
				s.answer("UID SEARCH RETURN (ALL) ALL", tt.response+"\r\n%T OK done\r\n")
				s.ok("NOOP")
			})
			uids, _, err := c.Search(within(t, 10*time.Second), "ALL", true)
			got := fmt.Sprint(uids)
			if err != nil {
				got = "error"
			}
			if got != tt.want {
				t.Errorf("got %.100s (%v), want %s", got, err, tt.want)
			}
			if err := engine.Noop().Wait(); err != nil {
				t.Errorf("the connection did not survive: %v", err)
			}
		})
	}
}

// TestSearchMillion has the answers of a mailbox of a million messages, in both
// forms and orders, and one that is longer than any line may be.
func TestSearchMillion(t *testing.T) {
	const million = 1_000_000 // the most that a listing is made for
	var up, down bytes.Buffer
	up.WriteString("* SEARCH")
	for i := range million {
		fmt.Fprintf(&up, " %d", 4_000_000_000+2*i)
	}
	down.WriteString(`* ESEARCH (TAG "%T") UID ALL 3`)
	for i := range million {
		fmt.Fprintf(&down, ",%d", 4_000_000_000-2*i)
	}
	c, engine := session(t, Options{}, func(s *server) {
		s.answer("UID SEARCH ALL", up.String()+"\r\n%T OK done\r\n")
		s.answer("UID SEARCH RETURN (ALL) ALL", down.String()+"\r\n%T OK done\r\n")
		s.answer("UID SEARCH ALL", "* SEARCH "+strings.Repeat("1 ", maxLine/2)+"\r\n%T OK done\r\n")
		s.ok("NOOP")
	})
	ctx := within(t, time.Minute)
	if uids, _, err := c.Search(ctx, "ALL", false); err != nil || len(uids) != million {
		t.Error(len(uids), err)
	}
	if uids, _, err := c.Search(ctx, "ALL", true); err != nil || len(uids) != million+1 {
		t.Error(len(uids), err)
	}
	if _, _, err := c.Search(ctx, "ALL", false); !errors.Is(err, ErrSearch) {
		t.Errorf("a SEARCH that was cut off passed for a whole one: %v", err)
	}
	if err := engine.Noop().Wait(); err != nil {
		t.Error(err)
	}
}

// TestMessageLimit has the forms in which a server says that it has not looked
// at everything (RFC 9738).
func TestMessageLimit(t *testing.T) {
	for _, tt := range []struct{ response, want string }{
		{"%T OK done\r\n", "0 false"},
		{"%T OK [messagelimit 1000 23221] partial\r\n", "23221 true"},
		{"%T OK [MESSAGELIMIT 1000] partial\r\n", "0 true"},
		{"%T OK [MESSAGELIMIT] partial\r\n", "0 true"},
		{"%T OK [MESSAGELIMIT 1000 99999999999] partial\r\n", "0 true"},
		{"%T NO [MESSAGELIMIT 1000 7] too many\r\n", "7 true"},
		{"* NO [MESSAGELIMIT 1000 5] partial\r\n%T OK [EXPUNGEISSUED] done\r\n", "5 true"},
		{"* NO [MESSAGELIMIT 1000 5] partial\r\n* NO [MESSAGELIMIT 1000 3] again\r\n%T OK done\r\n", "0 true"},
	} {
		c, _ := session(t, Options{}, func(s *server) {
			s.answer("UID SEARCH UID 1:9", "* SEARCH 9\r\n"+tt.response)
		})
		_, st, err := c.Search(within(t, 10*time.Second), "UID 1:9", false)
		lowest, limited := st.Limit()
		if got := fmt.Sprint(lowest, " ", limited); got != tt.want || (err != nil) != (st.Type == "NO") {
			t.Errorf("%q: %s, %v; want %s", tt.response, got, err, tt.want)
		}
	}
}
