package content

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// table renders a part table as "section type octets", one a line.
func table(p Parsed) string {
	var b strings.Builder
	for _, part := range p.Parts {
		fmt.Fprintf(&b, "%s %s %d\n", part.Section, part.Type, part.Octets)
	}
	return b.String()
}

// The wanted tables are what Dovecot 2.3.19 gives for the same message with CRLF,
// but for the cases that say otherwise.
func TestParse(t *testing.T) {
	const mixed = "Content-Type: multipart/mixed; boundary=\"b\"\n\n"
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "1 text/plain 0\n"},
		{"header only", "Subject: x\n", "1 text/plain 0\n"},
		{"leaf", "Content-Type: Text/HTML\n\nx\n", "1 text/html 3\n"},
		{"comments", "Content-Type: text / html (c); charset = utf-8 (c)\n\nx", "1 text/html 1\n"},
		{"missing semicolons", "Content-Type: text/html charset=x\nContent-Transfer-Encoding: base64 x\n\nx", "1 text/html 1\n"},
		{"spaces before the colon", "Content-Type : text/html\n\nx", "1 text/html 1\n"},
		{"first field counts", "Content-Type: text/html\nContent-Type: image/gif\n\nx", "1 text/html 1\n"},
		{"mbox line", "From foo@bar\nContent-Type: text/html\n\nx", "1 text/html 1\n"},
		{"two parts", mixed + "pre\n--b\n\nx\n--b\n\ny\n--b--\nepilogue\n", "1 text/plain 1\n2 text/plain 1\n"},
		{"boundary at the very end", mixed + "--b\nContent-Type: image/gif\n\nx\n--b", "1 image/gif 1\n"},
		{"boundary line at the end", mixed + "--b\nContent-Type: image/gif\n\nx\n--b\n", "1 image/gif 1\n2 text/plain 0\n"},
		{"header at the end", mixed + "--b\n\nx\n--b\nContent-Type: image/png\n", "1 text/plain 1\n2 image/png 0\n"},
		{"after the closing boundary", mixed + "--b\n\nx\n--b--\n--b\n\ny\n--b--\n", "1 text/plain 1\n"},
		{"no closing boundary", mixed + "--b\n\nx\n", "1 text/plain 3\n"},
		{"a part without header", mixed + "--b\n\nx\n--b\nfoo bar\n\nbla\n--b--\n", "1 text/plain 1\n2 text/plain 3\n"},
		{"prefix", mixed + "--b\n\nx\n--bcd\nContent-Type: image/png\n\nx\n--b-- trailing\n", "1 text/plain 1\n2 image/png 1\n"},
		{"boundary in a header", mixed + "--b\nContent-Type: image/gif\n--b\nContent-Type: image/png\n\nx\n--b--\n", "1 image/gif 0\n2 image/png 1\n"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b\nContent-Type: text/plain\n\nx\n--b--\n",
			"1 message/rfc822 15\n1.1 text/plain 1\n2 text/plain 1\n"},
		{"enclosed multipart", mixed + "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c\n\ny\n--c--\n--b--\n",
			"1 message/rfc822 72\n1.1 text/plain 1\n1.2 text/plain 1\n"},
		{"enclosed without blank line", mixed + "--b\nContent-Type: message/rfc822\n\nSubject: x\n--b\n\ny\n--b--",
			"1 message/rfc822 12\n1.1 text/plain 0\n2 text/plain 1\n"},
		{"enclosed with blank line only", mixed + "--b\nContent-Type: message/rfc822\n\nSubject: x\n\n--b--\n",
			"1 message/rfc822 14\n1.1 text/plain 0\n"},
		{"nested, longer boundary", mixed + "--b\nContent-Type: multipart/alternative; boundary=bc\n\n--bc\n\nfoo\n--b--\n", "1.1 text/plain 3\n"},
		{"nested, same boundary", mixed + "--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nfoo\n--b--\n--b\n\nx\n--b--\n",
			"1.1 text/plain 3\n2 text/plain 1\n"},
		{"outer boundary inside", mixed + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nfoo\n--b\n\nx\n--c\n\nxx\n--b--\n",
			"1.1 text/plain 3\n2 text/plain 12\n"},
		{"leading blanks in a boundary", "Content-Type: multipart/mixed; boundary=\"  b\"\n\n--  b\n\nx\n--  b--\n", "1 text/plain 1\n"},
		{"boundary in segments", "Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\n\n--bc\n\nx\n--bc--\n", "1 text/plain 1\n"},
		{"Dovecot stops at the empty parameter", "Content-Type: multipart/mixed;; boundary=b\n\n--b\n\nx\n--b--\n", "1 text/plain 1\n"},
		{"Dovecot shows an empty text", "Content-Type: multipart/mixed\n\nx\n", "1 text/plain 3\n"},
		{"Dovecot shows an empty text", mixed + "x\n", "1 text/plain 3\n"},
		{"Dovecot shows an empty text 1.1", mixed + "--b\nContent-Type: multipart/alternative; boundary=c\n\nfoo\n--b--\n", "1 text/plain 3\n"},
		{"Dovecot looks for parts in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYg==\n", "1 message/rfc822 10\n"},
		{"Dovecot shows the broken type", "Content-Type: text\n\nx", "1 text/plain 1\n"},
	} {
		if got := table(Parse(served([]byte(c.in)))); got != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

func TestParseFields(t *testing.T) {
	in := "From: =?utf-8?Q?J=C3=BCrgen?= <j@x>\nSubject: =?utf-8?Q?=C3=A4?=\n b\nMessage-ID: <1@x>\n" +
		"Content-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: TEXT/Plain; charset=\"utf-8\"; name=a(b).txt\nContent-Transfer-Encoding: Base64 (c)\n" +
		"Content-Disposition: ATTACHMENT; filename=\"x \\\"y\\\".txt\"; size=3\nContent-ID: <c@x>\n\nYQ==\n" +
		"--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ntext\n--b--\n"
	p := Parse([]byte(in))
	if p.From != "Jürgen" || p.Subject != "ä b" || p.MessageID != "<1@x>" {
		t.Errorf("got %q, %q, %q", p.From, p.Subject, p.MessageID)
	}
	want := Part{
		Section: "1", Parent: -1, Type: "text/plain", Charset: "utf-8", Encoding: Base64,
		Disposition: "attachment", Named: true, Name: `x "y".txt`, ContentID: "<c@x>", Octets: 4,
	}
	if len(p.Parts) != 3 || p.Parts[0] != want {
		t.Fatalf("got %+v", p.Parts)
	}
	if e := p.Parts[1]; !e.Message || e.Subject != "inner" || p.Parts[2].Parent != 1 || p.Parts[2].Section != "2.1" {
		t.Errorf("got %+v", p.Parts[1:])
	}
	for what, r := range map[string]Range{
		in[:strings.Index(in, "--b\n")]: p.Header,
		"YQ==":                          p.Bodies[0],
		"Subject: inner\n\ntext":        p.Bodies[1],
		"Subject: inner\n\n":            p.Headers[1],
		"text":                          p.Bodies[2],
	} {
		if got := in[r.Start:r.End]; got != what {
			t.Errorf("got %q, want %q", got, what)
		}
	}
}

func TestFirstAddress(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"a@b":                              "a@b",
		"<a@b>":                            "a@b",
		"A B <a@b>":                        "A B",
		"\"B, A\" <a@b>, c@d":              "B, A",
		"\"=?utf-8?Q?=C3=A4?=\" <a@b>":     "ä",
		"a@b (A (x) B)":                    "A (x) B",
		"(x) A <a@b>":                      "A",
		", a@b, c@d":                       "a@b",
		"friends: A <a@b>, B <c@d>;":       "A",
		"A <a@b":                           "A",
		"\"A":                              "A",
		"\"\" <a@b>":                       "a@b",
		"a@b (":                            "a@b (",
		strings.Repeat("(", 1<<20) + "a@b": strings.Repeat("(", 1<<20) + "a@b",
	} {
		if got := firstAddress(in); got != want {
			t.Errorf("%.40q: got %.40q, want %.40q", in, got, want)
		}
	}
}

// TestParseBounds has what would be too deep, too many or too slow.
func TestParseBounds(t *testing.T) {
	deep := strings.Repeat("Content-Type: message/rfc822\n\n", 10*MaxDepth)
	if p := Parse([]byte(deep)); len(p.Parts) != MaxDepth+1 || p.Parts[MaxDepth].Message {
		t.Errorf("%d parts", len(p.Parts))
	}
	var nested strings.Builder
	for i := range 10 * MaxDepth {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=%d.\n\n--%d.\n", i, i)
	}
	if p := Parse([]byte(nested.String())); len(p.Parts) != 1 || strings.Count(p.Parts[0].Section, ".") != MaxDepth-1 {
		t.Errorf("%v", p.Parts)
	}
	many := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n", 2*MaxParts)
	p := Parse([]byte(many))
	if len(p.Parts) != MaxParts || p.Bodies[MaxParts-1].End != int64(len(many)) {
		t.Errorf("%d parts, the last ends at %d", len(p.Parts), p.Bodies[len(p.Bodies)-1].End)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: multipart/digest; boundary=\"b\"\n\n--b\n\nFrom: (x\n--b--"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := Parse(in)
		if len(p.Parts) == 0 || len(p.Bodies) != len(p.Parts) || len(p.Headers) != len(p.Parts) {
			t.Fatalf("%d parts, %d bodies, %d headers", len(p.Parts), len(p.Bodies), len(p.Headers))
		}
		seen := map[string]bool{}
		outer := Range{0, int64(len(in))}
		for i, part := range p.Parts {
			if seen[part.Section] {
				t.Fatalf("section %s twice", part.Section)
			}
			seen[part.Section] = true
			within := outer
			if part.Parent >= 0 {
				if part.Parent >= i || !p.Parts[part.Parent].Message {
					t.Fatalf("part %d has parent %d", i, part.Parent)
				}
				within = p.Bodies[part.Parent]
			}
			for _, r := range []Range{p.Bodies[i], p.Headers[i]} {
				if r.Start > r.End || r != (Range{}) && (r.Start < within.Start || r.End > within.End) {
					t.Fatalf("part %d at %v in %v", i, r, within)
				}
			}
			if part.Octets != p.Bodies[i].End-p.Bodies[i].Start {
				t.Fatalf("part %d: %d octets in %v", i, part.Octets, p.Bodies[i])
			}
			if !utf8.ValidString(part.Name + part.Subject + part.ContentID) {
				t.Fatalf("part %+v", part)
			}
			Decode(&part, part.Form(), in[p.Bodies[i].Start:p.Bodies[i].End])
		}
	})
}
