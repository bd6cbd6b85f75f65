package imaptest

import "strings"

// quirksEnvelope are broken ENVELOPEs.
var quirksEnvelope = []Quirk{
	{"ENVELOPE lower nil", "(UID ENVELOPE)", envelope(`(nil nil nil nil nil nil nil nil nil nil)`), `1 from="" subject="" id=""`},
	{"ENVELOPE raw CRLF", "(UID ENVELOPE)", envelope("(\"x\" \"a\r\n b\" NIL NIL NIL NIL NIL NIL NIL NIL)"), `1 from="" subject="a b" id="" !envelope`},
	{"ENVELOPE empty lists", "(UID ENVELOPE)", envelope(`("x" "s" (("A" NIL "a" "b")) () () (("A" NIL "a" "b")) () () "" "c@d")`), `1 from="A" subject="s" id="c@d"`},
	{"ENVELOPE 9 fields", "(UID ENVELOPE)", envelope(`("x" "s" (("" NIL "a" "b")) NIL NIL NIL NIL NIL NIL)`), `1 from="a@b" subject="s" id="" !envelope`},
	{"ENVELOPE 11 fields", "(UID ENVELOPE)", envelope(`("x" "s" ((NIL NIL "a" NIL)) NIL NIL NIL NIL NIL NIL "<i@d>" "extra")`), `1 from="a" subject="s" id="<i@d>" !envelope`},
	{"ENVELOPE 3 fields", "(UID ENVELOPE)", envelope(`("x" "s" ((NIL NIL NIL "b")))`), `1 from="b" subject="s" id="" !envelope`},
	{"ENVELOPE NIL", "(UID ENVELOPE)", envelope(`NIL`), `1 from="" subject="" id="" !envelope`},
	{"ENVELOPE atom subject", "(UID ENVELOPE)", envelope(`("x" hello NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="hello" id=""`},
	{"ENVELOPE literals", "(UID ENVELOPE)", envelope("(\"x\" {5}\r\n\"a\\)( ((NIL NIL {1}\r\nm \"h\")) NIL NIL NIL NIL NIL NIL {3}\r\n<i>)"), `1 from="m@h" subject="\"a\\)(" id="<i>"`},
	{"ENVELOPE unescaped quotes", "(UID ENVELOPE)", envelope(`("x" "the "big" one" (("F" NIL "f" "x.org")) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="F" subject="the \"big\" one" id="<i>" !envelope`},
	{"ENVELOPE unescaped quotes in the name", "(UID ENVELOPE)", envelope(`("x" "s" (("A "B" C" NIL "f" "x.org")) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="A \"B\" C" subject="s" id="<i>" !envelope`},
	{"ENVELOPE escaped quotes", "(UID ENVELOPE)", envelope(`("x" "a \"b\" \\ c" NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="a \"b\" \\ c" id=""`},
	{"ENVELOPE unescaped backslash", "(UID ENVELOPE)", envelope(`("x" "C:\temp" NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="C:\\temp" id=""`},
	{"ENVELOPE backslash at the end", "(UID ENVELOPE)", envelope(`("x" "C:\" NIL NIL NIL NIL NIL NIL NIL NIL)`), `1 from="" subject="C:\\" id="" !envelope`},
	{"ENVELOPE RFC 2047", "(UID ENVELOPE)", envelope(`("x" "=?utf-8?q?caf=C3=A9?=" (("=?iso-8859-1?q?Andr=E9?=" NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="André" subject="café" id="<i>"`},
	{"ENVELOPE raw 8-bit", "(UID ENVELOPE)", envelope("(\"x\" \"caf\xe9\" NIL NIL NIL NIL NIL NIL NIL NIL)"), `1 from="" subject="café" id=""`},
	{"ENVELOPE group", "(UID ENVELOPE)", envelope(`("x" "s" ((NIL NIL "undisclosed" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL "<i>")`), `1 from="undisclosed" subject="s" id="<i>"`},
	{"ENVELOPE never closed", Summary, "* 1 FETCH (UID 1 RFC822.SIZE 3 ENVELOPE (\"x\" \"s\r\n", `1 size=3 from="" subject="" id="" !envelope !structure !date`},
	{"long subject literal", "(UID ENVELOPE)", envelope("(NIL {70000}\r\n" + strings.Repeat("s", 70000) + " NIL NIL NIL NIL NIL NIL NIL \"<i>\")"), `1 from="" subject="" id="<i>" !envelope`},
}
