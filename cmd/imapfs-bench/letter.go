package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// recipe is what the messages of a mailbox are like. The same recipe gives the
// same octets on every machine.
type recipe struct {
	mailbox  string
	messages int
	seed     uint64

	// median is that of the texts in octets. The sizes are spread log-normally, as
	// those of mail are.
	median int
	spread float64
	// attached is the share of messages with attachments, whose sizes have this
	// median and this maximum.
	attached                    float64
	attachMedian, attachMaximum int
	attachSpread                float64
	// plain has messages of one text only.
	plain bool
	// large is the size of the one attachment of the first message, 0 for none.
	large int
}

// mixed is the mail of an ordinary person.
func mixed(mailbox string, messages int, seed uint64) recipe {
	return recipe{mailbox: mailbox, messages: messages, seed: seed, median: 2500, spread: 1,
		attached: .15, attachMedian: 30 << 10, attachMaximum: 4 << 20, attachSpread: 1.3}
}

// notices is mail in masses: one short text each.
func notices(mailbox string, messages int, seed uint64) recipe {
	return recipe{mailbox: mailbox, messages: messages, seed: seed, median: 600, spread: .5, plain: true}
}

type kind uint8

const (
	plainText kind = iota
	htmlText
	attachment
)

// part is a leaf part, as a server tells of it.
type part struct {
	section string
	kind    kind
	name    string // of an attachment
	octets  int64  // encoded, with CRLF
	size    int64  // decoded; of attachments only
}

// letter is the truth about a message.
type letter struct {
	uid    uint32
	octets int64 // RFC822.SIZE
	header int64 // octets of the header and the empty line behind it
	parts  []part
}

// composer makes messages. It is not safe for concurrent use.
type composer struct {
	recipe
	random *rand.Rand
	out    []byte // the message, with LF
	letter letter
	junk   []byte
}

// junkOctets is the length of the random data that attachments are runs of.
const junkOctets = 1 << 20

func newComposer(r recipe) *composer {
	c := &composer{recipe: r, junk: make([]byte, junkOctets)}
	source := rand.NewChaCha8([32]byte{byte(r.seed)})
	source.Read(c.junk)
	return c
}

// epoch is when the first message of every mailbox came.
var epoch = time.Date(2019, 1, 1, 8, 0, 0, 0, time.UTC)

// date is when the message with a UID came.
func date(uid uint32) time.Time { return epoch.Add(time.Duration(uid) * 17 * time.Minute) }

// compose makes the message with a UID. It rests on that and the recipe alone.
// The octets are those of a file, with LF, and valid until the next call.
func (c *composer) compose(uid uint32) ([]byte, letter) {
	c.random = rand.New(rand.NewPCG(c.seed, uint64(uid)))
	c.out = c.out[:0]
	c.letter = letter{uid: uid}
	s := c.tongue()
	c.header(uid, s)

	texts := []kind{plainText}
	if r := c.random.Float64(); !c.plain && r < .5 {
		texts = []kind{plainText, htmlText}
	} else if !c.plain && r < .65 {
		texts = []kind{htmlText}
	}
	octets := c.size(c.median, c.spread, 200<<10)
	var files []int
	switch {
	case c.large > 0 && uid == 1:
		files = []int{c.large}
	case c.random.Float64() < c.attached:
		for range 1 + c.random.IntN(2) {
			files = append(files, c.size(c.attachMedian, c.attachSpread, c.attachMaximum))
		}
	}

	if len(files) == 0 {
		c.body(s, texts, octets, "", "")
	} else {
		boundary := c.boundary("m")
		c.printf("Content-Type: multipart/mixed; boundary=%q\n", boundary)
		c.endHeader()
		c.printf("\n--%s\n", boundary)
		c.body(s, texts, octets, "1", boundary)
		for i, n := range files {
			c.file(strconv.Itoa(i+2), n)
			c.printf("\n--%s%s\n", boundary, map[bool]string{true: "--"}[i == len(files)-1])
		}
	}
	c.letter.octets = crlf(c.out)
	return c.out, c.letter
}

func (c *composer) tongue() *script {
	all := scripts()
	n := c.random.IntN(100)
	for i := range all {
		if n -= all[i].share; n < 0 {
			return &all[i]
		}
	}
	return &all[0]
}

// size is a log-normal size.
func (c *composer) size(median int, spread float64, most int) int {
	return min(most, max(40, int(float64(median)*math.Exp(c.random.NormFloat64()*spread))))
}

func (c *composer) header(uid uint32, s *script) {
	when := date(uid).Format(time.RFC1123Z)
	if !c.plain { // what the servers on the way left
		for hop := range 4 {
			c.printf("Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\n\tby mail%d.example.org (Postfix) with ESMTPS id %016X\n\tfor <alice@example.org>; %s\n",
				hop, hop, c.random.IntN(256), hop, c.random.Uint64(), when)
		}
		c.printf("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=mail;\n\th=from:to:subject:date:message-id:mime-version:content-type;\n\tbh=%s=;\n", c.junk64(43))
		for i := range 5 {
			c.printf("\t%s%s\n", map[bool]string{true: "b="}[i == 0], c.junk64(68))
		}
	}
	c.printf("From: %s <%s.%d@example.com>\n", word(s, s.words[c.random.IntN(len(s.words))]+" "+s.words[c.random.IntN(len(s.words))]), "bob", c.random.IntN(500))
	c.printf("To: Alice <alice@example.org>\n")
	c.printf("Subject: %s\n", word(s, s.sentence(c.random, 20+c.random.IntN(40))))
	c.printf("Date: %s\nMessage-ID: <%x.%d@example.com>\nMIME-Version: 1.0\n", when, c.random.Uint64(), uid)
}

// word is text in a header, as an encoded word unless it is ASCII.
func word(s *script, text string) string {
	if s.charset == "us-ascii" {
		return text
	}
	return "=?utf-8?b?" + string(base64Line(text)) + "?="
}

func base64Line(text string) []byte {
	return bytes.TrimSuffix(base64Lines(nil, []byte(head57(text))), []byte("\n"))
}

// head57 is as much of a text as an encoded word may hold.
func head57(text string) string {
	n := 0
	for i := range text {
		if i > 45 {
			break
		}
		n = i
	}
	if len(text) <= 45 {
		return text
	}
	return text[:n]
}

// body writes the texts: one part, or a multipart/alternative. Without a section
// it is the whole message, else a part of a multipart, of which the boundary
// comes behind it.
func (c *composer) body(s *script, texts []kind, octets int, section, boundary string) {
	if len(texts) == 1 {
		c.text(s, texts[0], octets, section, section == "")
	} else {
		inner := c.boundary("a")
		c.printf("Content-Type: multipart/alternative; boundary=%q\n", inner)
		if section == "" {
			c.endHeader()
		} else {
			c.printf("\n")
			section += "."
		}
		c.printf("\n--%s\n", inner)
		for i, k := range texts {
			c.text(s, k, octets*(1+i), section+strconv.Itoa(i+1), false)
			c.printf("\n--%s%s\n", inner, map[bool]string{true: "--"}[i == len(texts)-1])
		}
	}
	if boundary != "" {
		c.printf("\n--%s\n", boundary)
	}
}

// text writes a text part.
func (c *composer) text(s *script, k kind, octets int, section string, alone bool) {
	b, subtype := &s.plain, "plain"
	if k == htmlText {
		b, subtype = &s.html, "html"
	}
	c.printf("Content-Type: text/%s; charset=%s\nContent-Transfer-Encoding: %s\n", subtype, s.charset, s.transfer)
	if alone {
		c.endHeader()
		section = "1"
	} else {
		c.printf("\n")
	}
	start := len(c.out)
	if s.transfer == "base64" {
		c.out = base64Lines(c.out, b.take(c.random, octets*3/4))
	} else {
		c.out = append(c.out, b.take(c.random, octets)...)
	}
	p := part{section: section, kind: k, octets: crlf(c.out[start:])}
	c.letter.parts = append(c.letter.parts, p)
}

var fileTypes = []struct{ mediaType, extension string }{
	{"application/pdf", "pdf"}, {"application/pdf", "pdf"}, {"image/png", "png"}, {"application/zip", "zip"},
}

// file writes an attachment of a decoded size.
func (c *composer) file(section string, size int) {
	t := fileTypes[c.random.IntN(len(fileTypes))]
	name := fmt.Sprintf("file %d-%s.%s", c.letter.uid, section, t.extension)
	c.printf("Content-Type: %s; name=%q\nContent-Disposition: attachment; filename=%q\nContent-Transfer-Encoding: base64\n\n", t.mediaType, name, name)
	start, left := len(c.out), size
	at := c.random.IntN(junkOctets/2) / 57 * 57
	for left > 0 {
		n := min(left, (junkOctets-at)/57*57)
		c.out = base64Lines(c.out, c.junk[at:at+n])
		left -= n
		at = 0
	}
	c.letter.parts = append(c.letter.parts, part{section, attachment, name, crlf(c.out[start:]), int64(size)})
}

func (c *composer) printf(format string, args ...any) { c.out = fmt.Appendf(c.out, format, args...) }

// endHeader ends the header of the message.
func (c *composer) endHeader() {
	c.out = append(c.out, '\n')
	c.letter.header = crlf(c.out)
}

func (c *composer) boundary(prefix string) string {
	return fmt.Sprintf("=_%s_%016x", prefix, c.random.Uint64())
}

// junk64 is a run of base64.
func (c *composer) junk64(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[c.random.IntN(64)]
	}
	return string(b)
}

// crlf counts the octets of text with LF as a server sends it, with CRLF.
func crlf(text []byte) int64 { return int64(len(text) + bytes.Count(text, []byte("\n"))) }
