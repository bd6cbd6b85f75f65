package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestGmail reads X-GM-EXT-1 in the forms that Gmail has, and in worse.
func TestGmail(t *testing.T) {
	many := strings.Repeat("x ", 10*maxLabels)
	for _, tt := range []struct{ items, want string }{
		{`X-GM-THRID 1266894439832287888 X-GM-MSGID 18446744073709551615 X-GM-LABELS ("\\Inbox" "\\Sent" Important "Muy Importante")`,
			`18446744073709551615 1266894439832287888 Important "Muy Importante" \Inbox \Sent`},
		{`X-GM-LABELS (\Important \Inbox)`, `0 0 \Important \Inbox`},
		{`x-gm-labels (b a b a)`, `0 0 a b`},
		{`X-GM-LABELS ()`, `0 0 `},
		{`X-GM-LABELS NIL X-GM-MSGID NIL`, `0 0 `},
		{`X-GM-LABELS (NIL "" {0}` + "\r\n" + ` a)`, `0 0 a`},
		{`X-GM-LABELS ({7}` + "\r\n" + `to "do" "a\"b")`, `0 0 "a\"b" "to \"do\""`},
		{`X-GM-LABELS ("Gr&APYA3w-e &- mehr" &ZeVnLIqe-)`, `0 0 "Größe & mehr" 日本語`},
		{"X-GM-LABELS (AT&T \"caf\xe9\" \"Gr\xc3\xb6\xc3\x9fe\" \"a\x01\tb\")", "0 0 AT&T Größe ab caf\uFFFD"},
		{`X-GM-LABELS (a (b (c)) d)`, `0 0 a d`},
		{`X-GM-LABELS (` + strings.Repeat("y", maxLabel+1) + ` z)`, `0 0 z`},
		{`X-GM-LABELS (` + many + `)`, `0 0 x`},
		{`X-GM-LABELS x`, `none`},
		{`X-GM-LABELS (` + strings.Repeat("(", 100_000), `none`},
		{`X-GM-MSGID 18446744073709551616 X-GM-THRID -1`, `0 0 `},
		{`FLAGS (a)`, `none`},
	} {
		var r collector
		c, _ := session(t, Options{}, func(s *server) {
			s.answer("UID FETCH 1 (UID RFC822.SIZE X-GM-MSGID X-GM-THRID X-GM-LABELS)",
				"* 1 FETCH (UID 1 RFC822.SIZE 1 "+tt.items+")\r\n%T OK done\r\n")
		})
		_, err := c.Fetch(within(t, 10*time.Second), r.fetch("(UID RFC822.SIZE X-GM-MSGID X-GM-THRID X-GM-LABELS)", 1))
		if err != nil || len(r.messages) != 1 {
			t.Errorf("%.60s: %v, %v", tt.items, r.messages, err)
			continue
		}
		got := "none"
		if g := r.messages[0].Gmail; g != nil {
			got = fmt.Sprint(g.ID, " ", g.Thread, " ", g.Labels)
		}
		if got != tt.want {
			t.Errorf("%.60s: got %s, want %s", tt.items, got, tt.want)
		}
	}
}

// TestUIDOnly reads responses that have UIDs in place of sequence numbers.
func TestUIDOnly(t *testing.T) {
	var r collector
	var got []string
	o := Options{Hooks: Hooks{
		Update:   func(m *Message) { got = append(got, show(m)) },
		Untagged: func(name string, line []byte) { got = append(got, string(line)) },
	}}
	c, _ := session(t, o, func(s *server) {
		s.answer("UID FETCH 7:8,4294967295 (UID FLAGS BODY.PEEK[1])", "* 7 UIDFETCH (FLAGS (a) BODY[1] {2}\r\nhi)\r\n"+
			"* VANISHED 5\r\n* 4294967295 uidfetch (BODY[1] \"x\" UID 4294967295)\r\n* 9 UIDFETCH (FLAGS (b))\r\n* 0 UIDFETCH (FLAGS (c))\r\n%T OK done\r\n")
	})
	if _, err := c.Fetch(within(t, 10*time.Second), r.fetch("(UID FLAGS BODY.PEEK[1])", 7, 8, 4294967295)); err != nil {
		t.Fatal(err)
	}
	if want := "4294967295 BODY[1] 1 \"x\"\n7 BODY[1] 2 \"hi\"\n7 flags=[a]\n4294967295"; r.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &r, want)
	}
	if want := "[* VANISHED 5 9 flags=[b] 0 flags=[c]]"; fmt.Sprint(got) != want {
		t.Errorf("untagged: %s, want %s", got, want)
	}
}
