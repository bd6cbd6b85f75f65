package imaptest

import (
	"fmt"
	"strings"
)

// Sample is a message and what a mount has to show of it, known from its
// making.
type Sample struct {
	// What says what is special, in words that are a test's name.
	What string
	// Raw is the message as it is delivered, with LF or CRLF.
	Raw []byte
	// Slug is what stands between the date and the UID in the name of the
	// message's directory, without the "_" around it.
	Slug string
	// Files are the files in the directory by their path, and their bytes, but
	// for message.eml, which is CRLF(Raw).
	Files map[string][]byte
}

// Samples returns messages of all kinds.
func Samples() []Sample {
	var all []Sample
	for _, group := range [][]Sample{bodies(), charsets(), encodings(), enclosed(), fileNames(), headers()} {
		all = append(all, group...)
	}
	return append(all, ManyParts(40))
}

// sample makes a Sample of a message from Alice Smith, its subject being what.
// Files are without header.txt.
func sample(what string, e Entity, files map[string]string) Sample {
	fields := standard("Alice Smith <alice@example.org>", what)
	return newSample(what, "Alice-Smith_"+strings.ReplaceAll(what, " ", "-"), fields, lines(fields, e), e, files)
}

func newSample(what, slug string, fields []string, header string, e Entity, files map[string]string) Sample {
	s := Sample{What: what, Raw: Message(fields, e), Slug: slug, Files: map[string][]byte{"header.txt": []byte(header)}}
	for name, data := range files {
		s.Files[name] = []byte(data)
	}
	return s
}

// standard are the fields that every message has.
func standard(from, subject string) []string {
	return []string{
		"From: " + from,
		"To: bob@example.org",
		"Subject: " + subject,
		"Date: Wed, 04 Mar 2026 10:12:59 +0100",
		"Message-ID: <" + fmt.Sprintf("%x", subject) + "@example.org>",
		"MIME-Version: 1.0",
	}
}

// lines is header.txt of a message whose fields are all plain and on one line.
func lines(fields []string, e Entity) string {
	return strings.Join(append(fields[:len(fields):len(fields)], e.fields...), "\n") + "\n"
}

func bodies() []Sample {
	plain := Text("text/plain", "us-ascii", "Hello,\n\nworld\n")
	html := Text("text/html", "utf-8", "<p>Grüße</p>\n")
	crlf := sample("with CRLF", plain, map[string]string{"body.txt": "Hello,\n\nworld\n"})
	crlf.Raw = CRLF(crlf.Raw)
	return []Sample{
		sample("plain", plain, map[string]string{"body.txt": "Hello,\n\nworld\n"}),
		crlf,
		sample("no line end", Text("text/plain", "utf-8", "Grüße"), map[string]string{"body.txt": "Grüße"}),
		sample("no body", Text("text/plain", "utf-8", ""), map[string]string{"body.txt": ""}),
		sample("no type", Entity{body: []byte("text\n")}, map[string]string{"body.txt": "text\n"}),
		sample("html", html, map[string]string{"body.html": "<p>Grüße</p>\n"}),
		sample("alternative", Multipart("alternative", plain, html),
			map[string]string{"body.txt": "Hello,\n\nworld\n", "body.html": "<p>Grüße</p>\n"}),
		sample("further texts", Multipart("mixed", plain, Base64("image/png", []byte("\x89PNG\r\n")), plain, html, html,
			Text("text/plain", "iso-8859-1", "Gr\xfc\xdfe\n").With("Content-Disposition: attachment")),
			map[string]string{
				"body.txt": "Hello,\n\nworld\n", "part-2.png": "\x89PNG\r\n", "part-3.txt": "Hello,\n\nworld\n",
				"body.html": "<p>Grüße</p>\n", "part-5.html": "<p>Grüße</p>\n", "part-6.txt": "Gr\xfc\xdfe\n",
			}),
		sample("deep", Multipart("mixed",
			Multipart("related", Multipart("alternative", plain, html), Base64("image/gif", []byte("GIF89a")).With("Content-ID: <logo@example.org>")),
			Text("text/calendar", "utf-8", "BEGIN:VCALENDAR\n"),
			Base64("application/x-unheard-of", []byte{0, 1, 2})),
			map[string]string{
				"body.txt": "Hello,\n\nworld\n", "body.html": "<p>Grüße</p>\n", "part-1.2.gif": "GIF89a",
				"part-2.ics": "BEGIN:VCALENDAR\n", "part-3.bin": "\x00\x01\x02",
			}),
	}
}

func charsets() []Sample {
	return []Sample{
		sample("charsets", Multipart("mixed",
			Text("text/plain", "iso-8859-1", "Gr\xfc\xdfe\n"),
			Text("text/plain", "windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2\n"),
			Text("text/plain", "koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4\n"),
			Text("text/plain", "shift_jis", "\x93\xfa\x96{\n"),
			Text("text/plain", "iso-2022-jp", "\x1b$BF|K\\\x1b(B\n"),
			Text("text/plain", "gb2312", "\xd6\xd0\xce\xc4\n"),
			Text("text/plain", "big5", "\xa4\xa4\xa4\xe5\n"),
			Base64("text/plain; charset=utf-16be", []byte("\x00a\x00\r\x00\n\x04\x3f")),
			Text("text/plain", "x-unknown", "Grüße\n"),
			Text("text/plain", "x-unknown", "Gr\xfc\xdfe \x93x\x94\n"),
			Text("text/plain", "utf-8", "a\xffb\n")),
			map[string]string{
				"body.txt": "Grüße\n", "part-2.txt": "Привет\n", "part-3.txt": "Привет\n", "part-4.txt": "日本\n",
				"part-5.txt": "日本\n", "part-6.txt": "中文\n", "part-7.txt": "中文\n", "part-8.txt": "a\nп",
				"part-9.txt": "Grüße\n", "part-10.txt": "Grüße “x”\n", "part-11.txt": "a\ufffdb\n",
			}),
		sample("quoted printable", QuotedPrintable("text/plain", "iso-8859-1", []byte("Gr\xfc\xdfe = "+strings.Repeat("long ", 40)+"\nend")),
			map[string]string{"body.txt": "Grüße = " + strings.Repeat("long ", 40) + "\nend"}),
		sample("no conversion of attachments", Multipart("mixed",
			QuotedPrintable("text/csv", "iso-8859-1", []byte("a;\xfc\nb;\xdf\n")).With(`Content-Disposition: attachment; filename="t.csv"`),
			Attachment("t.txt", "text/plain; charset=utf-16le", []byte("a\x00\r\x00\n\x00")),
			Text("text/plain", "koi8-r", "\xf0\n").With(`Content-Disposition: inline; filename="k.txt"`)),
			map[string]string{"t.csv": "a;\xfc\nb;\xdf\n", "t.txt": "a\x00\r\x00\n\x00", "k.txt": "\xf0\n"}),
	}
}

func encodings() []Sample {
	var parts []Entity
	files := map[string]string{}
	// Around a line of 57 octets and around 64 KiB, in all three paddings.
	for _, size := range []int{0, 1, 2, 3, 56, 57, 58, 114, 49152, 65536, 65537, 65538, 300_000} {
		name := fmt.Sprintf("%d.bin", size)
		parts = append(parts, Attachment(name, "application/octet-stream", Octets(size)))
		files[name] = string(Octets(size))
	}
	sizes := sample("sizes", Multipart("mixed", parts...), files)

	data := Octets(100_000)
	good := Base64Lines(data, 76)
	parts, files = nil, map[string]string{}
	for _, c := range []struct{ name, body string }{
		{"lines of 60", Base64Lines(data, 60)},
		{"lines of 75", Base64Lines(data, 75)},
		{"one line", Base64Lines(data, len(good)*2)},
		{"blank line inside", good[:77*500] + "\n" + good[77*500:]},
		{"spaces inside", good[:77*500+10] + " \t" + good[77*500+10:]},
		{"junk inside", good[:77*500+10] + "*!" + good[77*500+10:]},
		{"a short line", good[:77*500+40] + "\n" + good[77*500+40:]},
		{"no padding", strings.TrimRight(good, "=\n")},
		{"blank lines after", good + "\n\n"},
		{"trailing spaces", strings.ReplaceAll(good, "\n", " \n")},
	} {
		e := EncodedAs("application/octet-stream", "base64", c.body)
		parts = append(parts, e.With(fmt.Sprintf("Content-Disposition: attachment; filename=%q", c.name)))
		files[c.name] = string(data)
	}
	return []Sample{
		sizes,
		sample("irregular base64", Multipart("mixed", parts...), files),
		sample("text in base64", Attachment("crlf.txt", "text/plain", []byte("a\r\nb\r\n")), map[string]string{"crlf.txt": "a\r\nb\r\n"}),
		sample("other encodings", Multipart("mixed",
			EncodedAs("text/plain; charset=utf-8", "QUOTED-PRINTABLE", "a=3Db=\nc =ZZ=C3=BC  \nd="),
			EncodedAs("text/plain; charset=utf-8", "x-unheard-of", "as it is\n"),
			EncodedAs(`application/octet-stream; name="bin"`, "binary", "a\nb\n")),
			map[string]string{"body.txt": "a=bc =ZZü  \nd", "part-2.txt": "as it is\n", "bin": "a\r\nb\r\n"}),
	}
}

func enclosed() []Sample {
	plain := Text("text/plain", "utf-8", "inside\n")
	inner := standard("Carol <carol@example.org>", "innermost")
	middle := standard("Dave <dave@example.org>", "Re: contract (v1.2)")
	outer := standard("Erin <erin@example.org>", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
	innermost := Multipart("mixed", plain, Attachment("x.pdf", "application/pdf", []byte("%PDF")))
	inMiddle := Multipart("mixed", plain, Enclosed(Message(inner, innermost)))
	inOuter := Enclosed(Message(middle, inMiddle))
	digest := func(subject string) Entity {
		return Entity{fields: []string{}, body: Message(standard("a@example.org", subject), plain)}
	}
	return []Sample{
		sample("three deep", Multipart("mixed", plain, plain, Enclosed(Message(outer, inOuter))),
			map[string]string{
				"body.txt": "inside\n", "part-2.txt": "inside\n",
				"3_Grüße/header.txt":                                      strings.Replace(lines(outer, inOuter), "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße", 1),
				"3_Grüße/3.1_Re-contract-v1-2/header.txt":                 lines(middle, inMiddle),
				"3_Grüße/3.1_Re-contract-v1-2/body.txt":                   "inside\n",
				"3_Grüße/3.1_Re-contract-v1-2/3.1.2_innermost/header.txt": lines(inner, innermost),
				"3_Grüße/3.1_Re-contract-v1-2/3.1.2_innermost/body.txt":   "inside\n",
				"3_Grüße/3.1_Re-contract-v1-2/3.1.2_innermost/x.pdf":      "%PDF",
			}),
		sample("two with one subject", Multipart("mixed",
			Enclosed(Message(inner, plain)), Enclosed(Message(inner, plain)), Attachment("1_innermost", "application/pdf", []byte("%PDF"))),
			map[string]string{
				"1_innermost/header.txt": lines(inner, plain), "1_innermost/body.txt": "inside\n",
				"2_innermost/header.txt": lines(inner, plain), "2_innermost/body.txt": "inside\n",
				"1_innermost (2)": "%PDF",
			}),
		sample("digest", Multipart("digest", digest("one"), digest("")),
			map[string]string{
				"1_one/header.txt":        lines(standard("a@example.org", "one"), plain),
				"1_one/body.txt":          "inside\n",
				"2_no-subject/header.txt": lines(standard("a@example.org", ""), plain),
				"2_no-subject/body.txt":   "inside\n",
			}),
	}
}

func fileNames() []Sample {
	long := strings.Repeat("l", 300)
	type name struct{ wire, want string }
	group := func(what string, names ...name) Sample {
		var parts []Entity
		files := map[string]string{}
		for i, n := range names {
			data := fmt.Sprintf("%d", i+1)
			parts = append(parts, Base64("application/pdf", []byte(data)).With("Content-Disposition: attachment; "+n.wire))
			files[n.want] = data
		}
		return sample(what, Multipart("mixed", parts...), files)
	}
	return []Sample{
		group("encoded names",
			name{`filename="Q1 report.pdf"`, "Q1 report.pdf"},
			name{`filename*=UTF-8''%e2%82%ac%20rates.pdf`, "€ rates.pdf"},
			name{`filename*0*=iso-8859-1'de'Gr%FC; filename*1*=%DFe; filename*2=.pdf`, "Grüße.pdf"},
			name{`filename="=?utf-8?b?8J+OiQ==?= party.pdf"`, "🎉 party.pdf"},
			name{`filename="=?iso-8859-1?q?=E9t=E9?=.pdf"`, "été.pdf"},
			name{`filename="रिपोर्ट.pdf"`, "रिपोर्ट.pdf"},
			name{`filename="تقرير.pdf"`, "تقرير.pdf"},
			name{`filename=bare.pdf`, "bare.pdf"},
			name{`filename="a \"quoted\" \\ name.pdf"`, `a "quoted" \ name.pdf`}),
		group("hostile names",
			name{`filename="../../etc/passwd"`, "_.._.._etc_passwd"},
			name{`filename=""`, "part-2.pdf"},
			name{`filename="."`, "part-3.pdf"},
			name{`filename=".."`, "part-4.pdf"},
			name{`filename="` + long + `.pdf"`, long[:196] + ".pdf"},
			name{`filename*=UTF-8''a%00%1b%5b2J%e2%80%aefdp.exe`, "a__[2J_fdp.exe"},
			name{`filename="-rf"`, "_-rf"},
			name{`filename=".bashrc"`, "_.bashrc"},
			name{`filename="message.eml"`, "message (2).eml"},
			name{`filename="header.txt"`, "header (2).txt"},
			name{`filename="body.txt"`, "body (2).txt"},
			name{`filename="part-2.pdf"`, "part-2 (2).pdf"}),
		group("equal names",
			name{`filename="x.pdf"`, "x.pdf"},
			name{`filename="x.pdf"`, "x (3).pdf"},
			name{`filename="x (2).pdf"`, "x (2).pdf"},
			name{`filename="x.pdf"`, "x (4).pdf"},
			name{`filename="X.pdf"`, "X.pdf"}),
	}
}

func headers() []Sample {
	plain := Text("text/plain", "utf-8", "Hello\n")
	files := map[string]string{"body.txt": "Hello\n"}
	var all []Sample
	for _, c := range []struct{ what, from, subject, slug string }{
		{"Devanagari", "=?utf-8?b?4KSF4KSu4KS/4KSk?= <a@example.org>", "=?utf-8?b?4KSo4KSu4KS44KWN4KSk4KWH?=", "अमित_नमस्ते"},
		{"Arabic", "a@example.org", "=?utf-8?b?2YXYsdit2KjYpw==?=", "a-example-org_مرحبا"},
		{"emoji", "a@example.org", "=?utf-8?b?8J+OiQ==?=", "a-example-org_no-subject"},
		{"decomposed", "a@example.org", "=?utf-8?q?u=CC=88ber?=", "a-example-org_über"},
		{"hostile subject", "\"../..\" <a@example.org>", "a/../b_c\x01 $(reboot) `x`", "a-example-org_a-b-c-reboot-x"},
	} {
		s := sample(c.what, plain, files)
		fields := standard(c.from, c.subject)
		s.Raw, s.Slug = Message(fields, plain), c.slug
		// What these headers look like is for the tests of the header.
		delete(s.Files, "header.txt")
		all = append(all, s)
	}

	folded := []string{
		"From: =?utf-8?q?J=C3=BCrgen?=\n =?utf-8?q?_M=C3=BCller?= <j@example.org>",
		"Subject: folded\n\tsubject",
		"X-Control: a\x1b[2Jb",
	}
	s := newSample("folded header", "Jürgen-Müller_folded-subject", folded,
		"From: Jürgen Müller <j@example.org>\nSubject: folded subject\nX-Control: a\ufffd[2Jb\n"+lines(nil, plain), plain, files)
	none := newSample("no header", "no-sender_no-subject", nil, lines(nil, plain), plain, files)
	return append(all, s, none)
}

// ManyParts is a message with n attachments that are all called the same.
func ManyParts(n int) Sample {
	var parts []Entity
	files := map[string]string{}
	for i := range n {
		data := fmt.Sprintf("part %d", i+1)
		parts = append(parts, Attachment("same.txt", "text/plain", []byte(data)))
		name := "same.txt"
		if i > 0 {
			name = fmt.Sprintf("same (%d).txt", i+1)
		}
		files[name] = data
	}
	return sample(fmt.Sprintf("%d parts", n), Multipart("mixed", parts...), files)
}

// Octets is n octets without a pattern, the same ones at each call.
func Octets(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x >> 11)
	}
	return b
}
