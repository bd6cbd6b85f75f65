package guard

import (
	"strings"
	"testing"
	"time"
)

// summary is what a listing asks for.
const summary = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"

// neighbour is an answer beside the odd one, which must not suffer from it.
const (
	neighbour = "* 2 FETCH (UID 2 FLAGS (\\Seen) INTERNALDATE \"02-Jan-2020 00:00:00 +0100\" RFC822.SIZE 20 " +
		"ENVELOPE (NIL \"neighbour\" ((\"N\" NIL \"n\" \"x.org\")) NIL NIL NIL NIL NIL NIL \"<n@x>\") " +
		"BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"7BIT\" 20 1) " +
		"BODY[] {9}\r\nneighbour)\r\n"
	neighbourBody = `2 BODY[] 9 "neighbour"`
	neighbourShow = `2 flags=[\Seen] date=2020-01-01T23:00:00Z size=20 from="N" subject="neighbour" id="<n@x>" parts=[1 text/plain UTF-8 identity 20]`
)

// env and bs make a response with one odd item of interest.
func env(s string) string { return "* 1 FETCH (UID 1 ENVELOPE " + s + ")\r\n" }
func bs(s string) string  { return "* 1 FETCH (UID 1 BODYSTRUCTURE " + s + ")\r\n" }

// TestQuirks has odd responses of real servers, and what is made of them. The
// command asks for one item, or for all; want is the message, without bodies
// first.
func TestQuirks(t *testing.T) {
	for _, q := range []struct{ name, items, response, want string }{
		{"baseline", summary, "* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"01-Jan-2020 00:00:00 +0000\" RFC822.SIZE 10 ENVELOPE (\"Mon, 7 Feb 1994 21:52:25 -0800\" \"s\" ((\"F\" NIL \"f\" \"x.org\")) NIL NIL NIL NIL NIL NIL \"<a@b>\") BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"7BIT\" 10 1 NIL NIL NIL NIL))\r\n",
			`1 flags=[\Seen] date=2020-01-01T00:00:00Z size=10 from="F" subject="s" id="<a@b>" parts=[1 text/plain UTF-8 identity 10]`},
		{"unknown untagged LSUB", "(UID FLAGS)", "* LSUB () \"/\" foo\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"unknown item X-GM-LABELS", "(UID FLAGS)", "* 1 FETCH (UID 1 X-GM-LABELS (\\Inbox foo \"a \\\"b\") FLAGS ())\r\n", `1 flags=[]`},
		{"RFC822.HEADER nobody asked for", "(UID FLAGS)", "* 1 FETCH (UID 1 RFC822.HEADER {3}\r\nabc FLAGS ())\r\n", `1 flags=[]`},
		{"BODY nobody asked for", "(UID FLAGS)", "* 1 FETCH (UID 1 BODY[TEXT] {3}\r\nabc FLAGS ())\r\n", `1 flags=[]`},
		{"unknown response code", "(UID FLAGS)", "* OK [FOO bar (1 2)] x\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"untagged NO [ALERT]", "(UID FLAGS)", "* NO [ALERT] disk full\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"untagged NO [UIDNOTSTICKY]", "(UID FLAGS)", "* NO [UIDNOTSTICKY] x\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"PERMANENTFLAGS NIL", "(UID FLAGS)", "* OK [PERMANENTFLAGS NIL] x\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"INPROGRESS", "(UID FLAGS)", "* OK [INPROGRESS (\"T1\" 5 100)] x\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"empty line", "(UID FLAGS)", "\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"line of stars", "(UID FLAGS)", "*\r\n* \r\n* *\r\n* 1\r\n* 99999999999 EXISTS\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"unknown tag", "(UID FLAGS)", "Z9 OK what\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"unsolicited continuation", "(UID FLAGS)", "+ \r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"CAPABILITY with trailing space", "(UID FLAGS)", "* CAPABILITY IMAP4rev1 IDLE \r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"unsolicited ENABLED", "(UID FLAGS)", "* ENABLED UTF8=ACCEPT\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"unsolicited VANISHED", "(UID FLAGS)", "* VANISHED (EARLIER) 300:310\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"LIST with bad UTF-7", "(UID FLAGS)", "* LIST () \"/\" \"AT&T\"\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"LIST with empty delimiter", "(UID FLAGS)", "* LIST () \"\" foo\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},
		{"STATUS NIL", "(UID FLAGS)", "* STATUS foo (MESSAGES NIL)\r\n* 1 FETCH (UID 1 FLAGS ())\r\n", `1 flags=[]`},

		{"flags with trailing space", "(UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (\\Seen ))\r\n", `1 flags=[\Seen]`},
		{"flags in UTF-8", "(UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (\\Seen Käse))\r\n", `1 flags=[Käse \Seen]`},
		{"flags sorted, once, without Recent", "(UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (b \\SEEN \\recent a \\Seen b))\r\n", `1 flags=[\Seen a b]`},
		{"flags NIL", "(UID FLAGS)", "* 1 FETCH (UID 1 FLAGS NIL)\r\n", `1 flags=[]`},
		{"UID last", "(UID FLAGS)", "* 1 FETCH (FLAGS (a) UID 1)\r\n", `1 flags=[a]`},
		{"lower case", "(UID FLAGS)", "* 1 fetch (uid 1 flags (a))\r\n", `1 flags=[a]`},
		{"no space, much space", "(UID FLAGS)", "* 1 FETCH  ( UID  1  FLAGS(a)MODSEQ(7) )\r\n", `1 flags=[a] modseq=7`},

		{"INTERNALDATE NIL", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n", `1 date=0001-01-01T00:00:00Z !date`},
		{"INTERNALDATE of Domino", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \"00-Jan-0000 00:00:00 +0000\")\r\n", `1 date=0001-01-01T00:00:00Z !date`},
		{"INTERNALDATE with short day", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \"1-Jan-2020 01:00:00 +0100\")\r\n", `1 date=2020-01-01T00:00:00Z`},
		{"INTERNALDATE padded", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \" 1-Jan-2020 01:00:00 +0100\")\r\n", `1 date=2020-01-01T00:00:00Z`},
		{"INTERNALDATE of a header", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \"Wed, 1 Jan 2020 01:00:00 +0100\")\r\n", `1 date=2020-01-01T00:00:00Z`},
		{"all but the flags missing", summary, "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3)\r\n", `1 flags=[] size=3 !envelope !structure !date`},
		{"RFC822.SIZE -1", "(UID RFC822.SIZE)", "* 1 FETCH (UID 1 RFC822.SIZE -1)\r\n", `1 size=-1 !size`},
		{"RFC822.SIZE over 32 bits", "(UID RFC822.SIZE)", "* 1 FETCH (UID 1 RFC822.SIZE 5000000000)\r\n", `1 size=5000000000`},
		{"MODSEQ bare", "(UID MODSEQ)", "* 1 FETCH (UID 1 MODSEQ 12)\r\n", `1 modseq=12`},

		{"ENVELOPE lower nil", "(UID ENVELOPE)", env(`(nil nil nil nil nil nil nil nil nil nil)`), `1 from="" subject="" id=""`},
		{"ENVELOPE raw CRLF", "(UID ENVELOPE)", env("(\"x\" \"a\r\n b\" NIL NIL NIL NIL NIL NIL NIL NIL)"), `1 from="" subject="a b" id="" !envelope`},
		{"ENVELOPE empty lists", "(UID ENVELOPE)", env(`("x" "s" (("A" NIL "a" "b")) () () (("A" NIL "a" "b")) () () "" "c@d")`), `1 from="A" subject="s" id="c@d"`},
		{"ENVELOPE 9 fields", "(UID ENVELOPE)", env(`("x" "s" (("" NIL "a" "b")) NIL NIL NIL NIL NIL NIL)`), `1 from="a@b" subject="s" id="" !envelope`},
		{"ENVELOPE 11 fields", "(UID ENVELOPE)", env(`("x" "s" ((NIL NIL "a" NIL)) NIL NIL NIL NIL NIL NIL "<i@d>" "extra")`), `1 from="a" subject="s" id="<i@d>" !envelope`},
		{"ENVELOPE 3 fields", "(UID ENVELOPE)", env(`("x" "s" ((NIL NIL NIL "b")))`), `1 from="b" subject="s" id="" !envelope`},
		{"ENVELOPE NIL", "(UID ENVELOPE)", env(`NIL`), `1 from="" subject="" id="" !envelope`},
		{"ENVELOPE atom subject", "(UID ENVELOPE)", env(`("x" hello NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="hello" id=""`},
		{"ENVELOPE literals", "(UID ENVELOPE)", env("(\"x\" {5}\r\n\"a\\)( ((NIL NIL {1}\r\nm \"h\")) NIL NIL NIL NIL NIL NIL {3}\r\n<i>)"), `1 from="m@h" subject="\"a\\)(" id="<i>"`},
		{"ENVELOPE unescaped quotes", "(UID ENVELOPE)", env(`("x" "the "big" one" (("F" NIL "f" "x.org")) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="F" subject="the \"big\" one" id="<i>" !envelope`},
		{"ENVELOPE unescaped quotes in the name", "(UID ENVELOPE)", env(`("x" "s" (("A "B" C" NIL "f" "x.org")) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="A \"B\" C" subject="s" id="<i>" !envelope`},
		{"ENVELOPE escaped quotes", "(UID ENVELOPE)", env(`("x" "a \"b\" \\ c" NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="a \"b\" \\ c" id=""`},
		{"ENVELOPE unescaped backslash", "(UID ENVELOPE)", env(`("x" "C:\temp" NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="C:\\temp" id=""`},
		{"ENVELOPE backslash at the end", "(UID ENVELOPE)", env(`("x" "C:\" NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="C:\\" id="" !envelope`},
		{"ENVELOPE RFC 2047", "(UID ENVELOPE)", env(`("x" "=?utf-8?q?caf=C3=A9?=" (("=?iso-8859-1?q?Andr=E9?=" NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="André" subject="café" id="<i>"`},
		{"ENVELOPE raw 8-bit", "(UID ENVELOPE)", env("(\"x\" \"caf\xe9\" NIL NIL NIL NIL NIL NIL NIL NIL)"), `1 from="" subject="café" id=""`},
		{"ENVELOPE group", "(UID ENVELOPE)", env(`("x" "s" ((NIL NIL "undisclosed" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="undisclosed" subject="s" id="<i>"`},
		{"ENVELOPE never closed", summary, "* 1 FETCH (UID 1 RFC822.SIZE 3 ENVELOPE (\"x\" \"s\r\n", `1 size=3 from="" subject="" id="" !envelope !structure !date`},
		{"long subject literal", "(UID ENVELOPE)", env("(NIL {70000}\r\n" + strings.Repeat("s", 70000) + " NIL NIL NIL NIL NIL NIL NIL \"<i>\")"), `1 from="" subject="" id="<i>" !envelope`},

		{"BODYSTRUCTURE NIL", "(UID BODYSTRUCTURE)", bs(`NIL`), `1 parts=[] !structure`},
		{"BODYSTRUCTURE ()", "(UID BODYSTRUCTURE)", bs(`()`), `1 parts=[] !structure`},
		{"text without subtype", "(UID BODYSTRUCTURE)", bs(`("TEXT" NIL NIL NIL NIL "7BIT" 10 1)`), `1 parts=[1 text/plain identity 10]`},
		{"part without type", "(UID BODYSTRUCTURE)", bs(`(NIL NIL NIL NIL NIL "base64" 10)`), `1 parts=[1 application/octet-stream base64 10]`},
		{"size NIL", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" NIL NIL)`), `1 parts=[1 text/plain identity -1]`},
		{"size -1", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" -1 -1)`), `1 parts=[1 text/plain identity -1]`},
		{"lines -1", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 -1)`), `1 parts=[1 text/plain identity 10]`},
		{"empty parameters", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" () NIL NIL "7BIT" 10 1)`), `1 parts=[1 text/plain identity 10]`},
		{"encoding an atom", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" NIL NIL NIL 7BIT 10 1)`), `1 parts=[1 text/plain identity 10]`},
		{"encodings", "(UID BODYSTRUCTURE)", bs(`(("a" "b" NIL NIL NIL " Base64 " 1)("a" "b" NIL NIL NIL "BINARY" 2)("a" "b" NIL NIL NIL "x-uue" 3)("a" "b" NIL NIL NIL "8bit" 4)("a" "b" NIL NIL NIL "rot13" 5)("a" "b" NIL NIL NIL NIL 6)("a" "b" NIL NIL NIL "Quoted-Printable" 7) "mixed")`),
			`1 parts=[1 a/b base64 1; 2 a/b binary 2; 3 a/b uue 3; 4 a/b identity 4; 5 a/b identity 5; 6 a/b identity 6; 7 a/b qp 7]`},
		{"disposition without parameters", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1 NIL ("attachment") NIL)`), `1 parts=[1 text/plain identity 10 attachment]`},
		{"disposition a string", "(UID BODYSTRUCTURE)", bs(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1 NIL "INLINE" NIL)`), `1 parts=[1 text/plain identity 10 inline]`},
		{"disposition without MD5", "(UID BODYSTRUCTURE)", bs(`("IMAGE" "PNG" NIL "<c>" NIL "BASE64" 10 ("attachment" ("filename" "a.png")) NIL)`), `1 parts=[1 image/png base64 10 attachment "a.png" <c>]`},
		{"multipart without children", "(UID BODYSTRUCTURE)", bs(`("MIXED" ("BOUNDARY" "x") NIL NIL)`), `1 parts=[] !structure`},
		{"multipart as a leaf (GMX)", "(UID BODYSTRUCTURE)", bs(`(("multipart" "related" ("boundary" "z") NIL NIL "7BIT" 400 ("boundary" "z") NIL NIL NIL)("TEXT" "html" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "mixed" ("boundary" "q") NIL NIL NIL)`), `1 parts=[] !structure`},
		{"multipart with a lost child", "(UID BODYSTRUCTURE)", bs(`(("TEXT" "html" NIL NIL NIL "7BIT" 1 1) NIL ("TEXT" "html" NIL NIL NIL "7BIT" 1 1) "mixed")`), `1 parts=[] !structure`},
		{"description with quotes", "(UID BODYSTRUCTURE)", bs(`(("text" "html" ("charset" "UTF-8") NIL NIL "quoted-printable" 1224 16)("application" "octet-stream" ("name" "2.pdf") NIL """" "base64" 65322) "MIXED")`),
			`1 parts=[1 text/html UTF-8 qp 1224; 2 application/octet-stream base64 65322 "2.pdf"]`},
		{"description in pieces", "(UID BODYSTRUCTURE)", bs(`("application" "pdf" ("name" "2.pdf") NIL "a "b c" d e" "base64" 65322 NIL ("attachment" NIL))`),
			`1 parts=[1 application/pdf base64 65322 attachment "2.pdf"]`},
		{"message without envelope (Exchange)", "(UID BODYSTRUCTURE)", bs(`("message" "rfc822" NIL NIL NIL "7BIT" 100 NIL NIL 5 NIL ("attachment" ("filename" "m.eml")))`), `1 parts=[1 message/rfc822 identity 100 attachment "m.eml"]`},
		{"message/delivery-status with lines", "(UID BODYSTRUCTURE)", bs(`("message" "delivery-status" NIL NIL NIL "7BIT" 100 4 NIL ("inline") NIL NIL)`), `1 parts=[1 message/delivery-status identity 100 inline]`},
		{"RFC 2231 name", "(UID BODYSTRUCTURE)", bs(`("APPLICATION" "PDF" ("name" "=?UTF-8?Q?=E2=82=AC?=.pdf") NIL NIL "BASE64" 100 NIL ("attachment" ("filename*" "UTF-8''%E2%82%AC%20rates.pdf")) NIL NIL)`), `1 parts=[1 application/pdf base64 100 attachment "€ rates.pdf"]`},
		{"raw 8-bit name", "(UID BODYSTRUCTURE)", bs("(\"APPLICATION\" \"PDF\" (\"name\" \"caf\xe9.pdf\") NIL NIL \"BASE64\" 100)"), `1 parts=[1 application/pdf base64 100 "café.pdf"]`},
		{"forwarded multipart and single", "(UID BODYSTRUCTURE)", bs(`(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)` +
			`("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 500 (NIL "=?utf-8?q?f=C3=B6?=" NIL NIL NIL NIL NIL NIL NIL NIL) (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 2 1)(("A" "B" NIL NIL NIL "7BIT" 3)("A" "C" NIL NIL NIL "7BIT" 4) "alternative") "mixed") 9 NIL ("attachment" ("filename" "f.eml")))` +
			`("MESSAGE" "GLOBAL" NIL NIL NIL "8BIT" 60 (NIL "one" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "HTML" NIL NIL NIL "7BIT" 5 1) 3)` +
			`("MESSAGE" "RFC822" NIL NIL NIL "BASE64" 70 (NIL "no" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "HTML" NIL NIL NIL "7BIT" 5 1) 3)` +
			`("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 80 (NIL "broken" NIL NIL NIL NIL NIL NIL NIL NIL) ("MIXED" ("a" "b")) 3) "mixed")`),
			`1 parts=[1 text/plain identity 1; 2 message/rfc822 identity 500 attachment "f.eml" message "fö"; 2.1 text/plain in 1 identity 2; 2.2.1 a/b in 1 identity 3; 2.2.2 a/c in 1 identity 4; ` +
				`3 message/global identity 60 message "one"; 3.1 text/html in 5 identity 5; 4 message/rfc822 base64 70; 5 message/rfc822 identity 80]`},
		{"nested 99 deep", "(UID BODYSTRUCTURE)", bs(nested(99)), "1 parts=[" + strings.Repeat("1.", 98) + "1 a/b identity 1]"},
		{"nested 200,000 deep", "(UID BODYSTRUCTURE)", bs(nested(200_000)), `1 parts=[] !structure`},
		{"line bomb with a literal behind it", "(UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (a) X \"" + strings.Repeat("x", maxLine) + "\" BODY[TEXT] {13}\r\n* BYE x\r\n{9}\r)\r\n", `1 flags=[a]`},
		{"nested and never closed", "(UID BODYSTRUCTURE)", bs(strings.Repeat("(", 200_000)), `1 parts=[] !structure`},

		{"BODY[] NIL", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] NIL)\r\n", `1 nil=[BODY[]]`},
		{"BODY[] literal", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n", "1 BODY[] 5 \"hello\"\n1"},
		{"BODY[] then an item without space (Exchange)", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {5}\r\nhelloFLAGS (\\Seen))\r\n", "1 BODY[] 5 \"hello\"\n1 flags=[\\Seen]"},
		{"BODY[] before the UID", "(UID BODY.PEEK[])", "* 1 FETCH (BODY[] {5}\r\nhello UID 1)\r\n", "1 BODY[] 5 \"hello\"\n1"},
		{"BODY[] quoted before the UID", "(UID BODY.PEEK[])", "* 1 FETCH (BODY[] \"hello\" UID 1)\r\n", "1 BODY[] 5 \"hello\"\n1"},
		{"BODY[] with an origin", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[]<0> {5}\r\nhello)\r\n", "1 BODY[]<0> 5 \"hello\"\n1"},
		{"BODY[] in lower case", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 body[] {5}\r\nhello)\r\n", "1 BODY[] 5 \"hello\"\n1"},
		{"BODY.PEEK[] answered", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY.PEEK[] {5}\r\nhello)\r\n", "1 BODY[] 5 \"hello\"\n1"},
		{"BODY[] quoted", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] \"he\\\"llo\")\r\n", "1 BODY[] 6 \"he\\\"llo\"\n1"},
		{"BODY[] atom", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] hello)\r\n", "1 BODY[] 5 \"hello\"\n1"},
		{"BODY[] empty", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\n", "1 BODY[] 0 \"\"\n1"},
		{"BODY[] that looks like IMAP", "(UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {13}\r\n* BYE x\r\n{5}\r\n)\r\n", "1 BODY[] 13 \"* BYE x\\r\\n{5}\\r\"\n1"},
		{"header fields", "(UID BODY.PEEK[HEADER.FIELDS (From To)])", "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (\"FROM\" \"TO\")] {2}\r\nab)\r\n", "1 BODY[HEADER.FIELDS (\"FROM\" \"TO\")] 2 \"ab\"\n1"},
		{"several parts", "(UID BODY.PEEK[1]<0.256> BODY.PEEK[2] BODY.PEEK[3.MIME])", "* 1 FETCH (UID 1 BODY[1]<0> {2}\r\nab BODY[2] NIL BODY[3.MIME] \"\")\r\n", "1 BODY[1]<0> 2 \"ab\"\n1 BODY[3.MIME] 0 \"\"\n1 nil=[BODY[2]]"},
		{"BINARY, partial, literal8", "(UID BINARY.PEEK[1]<0.5>)", "* 1 FETCH (UID 1 BINARY[1]<0> ~{5}\r\nhello)\r\n", "1 BINARY[1]<0> 5 \"hello\"\n1"},
		{"unsolicited flags before the body", "(UID BODY.PEEK[])", "* 1 FETCH (FLAGS (\\Seen) UID 1 MODSEQ (3))\r\n* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n", "1 BODY[] 5 \"hello\"\n1"},
	} {
		t.Run(q.name, func(t *testing.T) {
			// The neighbour comes before and after, in commands of its own.
			c, engine := session(t, Options{}, func(s *server) {
				for _, response := range []string{neighbour, q.response, neighbour} {
					tag := s.line()
					tag, _, _ = strings.Cut(tag, " ")
					s.send("%s", response)
					s.send("%s OK done\r\n", tag)
				}
				s.ok("NOOP")
			})
			all := summary[:len(summary)-1] + " BODY.PEEK[])"
			for i, want := range []string{neighbourBody + "\n" + neighbourShow, q.want, neighbourBody + "\n" + neighbourShow} {
				var got collector
				f := got.fetch(all, 2)
				if i == 1 {
					f = got.fetch(q.items, 1)
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

// nested returns a BODYSTRUCTURE of so many multiparts in each other.
func nested(depth int) string {
	return strings.Repeat("(", depth) + `("a" "b" NIL NIL NIL "7BIT" 1)` + strings.Repeat(` "mixed")`, depth)
}
