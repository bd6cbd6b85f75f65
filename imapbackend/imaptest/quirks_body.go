package imaptest

// quirksBody are odd answers to a request for BODY[].
var quirksBody = []Quirk{
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
}
