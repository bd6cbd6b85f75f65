package imaptest

// quirksAround stand beside an answer, or are in its simple items.
var quirksAround = []Quirk{
	{"baseline", Summary, "* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"01-Jan-2020 00:00:00 +0000\" RFC822.SIZE 10 ENVELOPE (\"Mon, 7 Feb 1994 21:52:25 -0800\" \"s\" ((\"F\" NIL \"f\" \"x.org\")) NIL NIL NIL NIL NIL NIL \"<a@b>\") BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"7BIT\" 10 1 NIL NIL NIL NIL))\r\n",
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
}

// quirksDate are dates, sizes and what is missing.
var quirksDate = []Quirk{
	{"INTERNALDATE NIL", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n", `1 date=0001-01-01T00:00:00Z !date`},
	{"INTERNALDATE of Domino", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \"00-Jan-0000 00:00:00 +0000\")\r\n", `1 date=0001-01-01T00:00:00Z !date`},
	{"INTERNALDATE with short day", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \"1-Jan-2020 01:00:00 +0100\")\r\n", `1 date=2020-01-01T00:00:00Z`},
	{"INTERNALDATE padded", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \" 1-Jan-2020 01:00:00 +0100\")\r\n", `1 date=2020-01-01T00:00:00Z`},
	{"INTERNALDATE of a header", "(UID INTERNALDATE)", "* 1 FETCH (UID 1 INTERNALDATE \"Wed, 1 Jan 2020 01:00:00 +0100\")\r\n", `1 date=2020-01-01T00:00:00Z`},
	{"all but the flags missing", Summary, "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3)\r\n", `1 flags=[] size=3 !envelope !structure !date`},
	{"RFC822.SIZE -1", "(UID RFC822.SIZE)", "* 1 FETCH (UID 1 RFC822.SIZE -1)\r\n", `1 size=-1 !size`},
	{"RFC822.SIZE over 32 bits", "(UID RFC822.SIZE)", "* 1 FETCH (UID 1 RFC822.SIZE 5000000000)\r\n", `1 size=5000000000`},
	{"MODSEQ bare", "(UID MODSEQ)", "* 1 FETCH (UID 1 MODSEQ 12)\r\n", `1 modseq=12`},
}
