package imaptest

import "strings"

// quirksStructure are broken BODYSTRUCTUREs.
var quirksStructure = []Quirk{
	{"BODYSTRUCTURE NIL", "(UID BODYSTRUCTURE)", bodyStructure(`NIL`), `1 parts=[] !structure`},
	{"BODYSTRUCTURE ()", "(UID BODYSTRUCTURE)", bodyStructure(`()`), `1 parts=[] !structure`},
	{"text without subtype", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" NIL NIL NIL NIL "7BIT" 10 1)`), `1 parts=[1 text/plain identity 10]`},
	{"part without type", "(UID BODYSTRUCTURE)", bodyStructure(`(NIL NIL NIL NIL NIL "base64" 10)`), `1 parts=[1 application/octet-stream base64 10]`},
	{"size NIL", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" NIL NIL)`), `1 parts=[1 text/plain identity -1]`},
	{"size -1", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" -1 -1)`), `1 parts=[1 text/plain identity -1]`},
	{"lines -1", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 -1)`), `1 parts=[1 text/plain identity 10]`},
	{"empty parameters", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" () NIL NIL "7BIT" 10 1)`), `1 parts=[1 text/plain identity 10]`},
	{"encoding an atom", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" NIL NIL NIL 7BIT 10 1)`), `1 parts=[1 text/plain identity 10]`},
	{"encodings", "(UID BODYSTRUCTURE)", bodyStructure(`(("a" "b" NIL NIL NIL " Base64 " 1)("a" "b" NIL NIL NIL "BINARY" 2)("a" "b" NIL NIL NIL "x-uue" 3)("a" "b" NIL NIL NIL "8bit" 4)("a" "b" NIL NIL NIL "rot13" 5)("a" "b" NIL NIL NIL NIL 6)("a" "b" NIL NIL NIL "Quoted-Printable" 7) "mixed")`),
		`1 parts=[1 a/b base64 1; 2 a/b binary 2; 3 a/b uue 3; 4 a/b identity 4; 5 a/b identity 5; 6 a/b identity 6; 7 a/b qp 7]`},
	{"disposition without parameters", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1 NIL ("attachment") NIL)`), `1 parts=[1 text/plain identity 10 attachment]`},
	{"disposition a string", "(UID BODYSTRUCTURE)", bodyStructure(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1 NIL "INLINE" NIL)`), `1 parts=[1 text/plain identity 10 inline]`},
	{"disposition without MD5", "(UID BODYSTRUCTURE)", bodyStructure(`("IMAGE" "PNG" NIL "<c>" NIL "BASE64" 10 ("attachment" ("filename" "a.png")) NIL)`), `1 parts=[1 image/png base64 10 attachment "a.png" <c>]`},
	{"multipart without children", "(UID BODYSTRUCTURE)", bodyStructure(`("MIXED" ("BOUNDARY" "x") NIL NIL)`), `1 parts=[] !structure`},
	{"multipart as a leaf (GMX)", "(UID BODYSTRUCTURE)", bodyStructure(`(("multipart" "related" ("boundary" "z") NIL NIL "7BIT" 400 ("boundary" "z") NIL NIL NIL)("TEXT" "html" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "mixed" ("boundary" "q") NIL NIL NIL)`), `1 parts=[] !structure`},
	{"multipart with a lost child", "(UID BODYSTRUCTURE)", bodyStructure(`(("TEXT" "html" NIL NIL NIL "7BIT" 1 1) NIL ("TEXT" "html" NIL NIL NIL "7BIT" 1 1) "mixed")`), `1 parts=[] !structure`},
	{"description with quotes", "(UID BODYSTRUCTURE)", bodyStructure(`(("text" "html" ("charset" "UTF-8") NIL NIL "quoted-printable" 1224 16)("application" "octet-stream" ("name" "2.pdf") NIL """" "base64" 65322) "MIXED")`),
		`1 parts=[1 text/html UTF-8 qp 1224; 2 application/octet-stream base64 65322 "2.pdf"]`},
	{"description in pieces", "(UID BODYSTRUCTURE)", bodyStructure(`("application" "pdf" ("name" "2.pdf") NIL "a "b c" d e" "base64" 65322 NIL ("attachment" NIL))`),
		`1 parts=[1 application/pdf base64 65322 attachment "2.pdf"]`},
	{"message without envelope (Exchange)", "(UID BODYSTRUCTURE)", bodyStructure(`("message" "rfc822" NIL NIL NIL "7BIT" 100 NIL NIL 5 NIL ("attachment" ("filename" "m.eml")))`), `1 parts=[1 message/rfc822 identity 100 attachment "m.eml"]`},
	{"message/delivery-status with lines", "(UID BODYSTRUCTURE)", bodyStructure(`("message" "delivery-status" NIL NIL NIL "7BIT" 100 4 NIL ("inline") NIL NIL)`), `1 parts=[1 message/delivery-status identity 100 inline]`},
	{"RFC 2231 name", "(UID BODYSTRUCTURE)", bodyStructure(`("APPLICATION" "PDF" ("name" "=?UTF-8?Q?=E2=82=AC?=.pdf") NIL NIL "BASE64" 100 NIL ("attachment" ("filename*" "UTF-8''%E2%82%AC%20rates.pdf")) NIL NIL)`), `1 parts=[1 application/pdf base64 100 attachment "€ rates.pdf"]`},
	{"raw 8-bit name", "(UID BODYSTRUCTURE)", bodyStructure("(\"APPLICATION\" \"PDF\" (\"name\" \"caf\xe9.pdf\") NIL NIL \"BASE64\" 100)"), `1 parts=[1 application/pdf base64 100 "café.pdf"]`},
	{"forwarded multipart and single", "(UID BODYSTRUCTURE)", bodyStructure(`(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)` +
		`("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 500 (NIL "=?utf-8?q?f=C3=B6?=" NIL NIL NIL NIL NIL NIL NIL NIL) (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 2 1)(("A" "B" NIL NIL NIL "7BIT" 3)("A" "C" NIL NIL NIL "7BIT" 4) "alternative") "mixed") 9 NIL ("attachment" ("filename" "f.eml")))` +
		`("MESSAGE" "GLOBAL" NIL NIL NIL "8BIT" 60 (NIL "one" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "HTML" NIL NIL NIL "7BIT" 5 1) 3)` +
		`("MESSAGE" "RFC822" NIL NIL NIL "BASE64" 70 (NIL "no" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "HTML" NIL NIL NIL "7BIT" 5 1) 3)` +
		`("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 80 (NIL "broken" NIL NIL NIL NIL NIL NIL NIL NIL) ("MIXED" ("a" "b")) 3) "mixed")`),
		`1 parts=[1 text/plain identity 1; 2 message/rfc822 identity 500 attachment "f.eml" message "fö"; 2.1 text/plain in 1 identity 2; 2.2.1 a/b in 1 identity 3; 2.2.2 a/c in 1 identity 4; ` +
			`3 message/global identity 60 message "one"; 3.1 text/html in 5 identity 5; 4 message/rfc822 base64 70; 5 message/rfc822 identity 80]`},
	{"nested 99 deep", "(UID BODYSTRUCTURE)", bodyStructure(Nested(99)), "1 parts=[" + strings.Repeat("1.", 98) + "1 a/b identity 1]"},
	{"nested 200,000 deep", "(UID BODYSTRUCTURE)", bodyStructure(Nested(200_000)), `1 parts=[] !structure`},
	{"line bomb with a literal behind it", "(UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (a) X \"" + strings.Repeat("x", longLine) + "\" BODY[TEXT] {13}\r\n* BYE x\r\n{9}\r)\r\n", `1 flags=[a]`},
	{"nested and never closed", "(UID BODYSTRUCTURE)", bodyStructure(strings.Repeat("(", 200_000)), `1 parts=[] !structure`},
}
