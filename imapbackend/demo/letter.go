package demo

import (
	"fmt"
	"hash/crc32"
	"mime"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

const (
	me     = "Nora Lindqvist <nora@example.org>"
	crlf   = "\r\n"
	minute = "2006-01-02 15:04" // of letter.date, UTC
)

// letter is a message as people think of it.
type letter struct {
	date  string // of arrival
	flags []string
	// from is "Name <address>" or a bare address; to is me where it is empty.
	from, to, subject string
	// charset is the one of the words in the header, UTF-8 where it is nil.
	charset *charset
	// fields are further ones, complete.
	fields []string
	body   entity
}

var (
	seen     = []string{`\Seen`}
	answered = []string{`\Answered`, `\Seen`}
	flagged  = []string{`\Flagged`, `\Seen`}
)

// time is the letter's date, the zero time if that is none.
func (l *letter) time() time.Time {
	t, _ := time.Parse(minute, l.date)
	return t
}

// message is the letter on the wire.
func (l *letter) message() []byte {
	date, to := l.time(), l.to
	if to == "" {
		to = me
	}
	id := crc32.ChecksumIEEE([]byte(l.date + l.from + l.subject))
	fields := []string{"From: " + l.address(l.from), "To: " + l.address(to)}
	if l.subject != "" {
		fields = append(fields, "Subject: "+l.charset.word(l.subject))
	}
	fields = append(fields,
		"Date: "+date.Format(time.RFC1123Z),
		fmt.Sprintf("Message-ID: <%s.%08x@example.org>", date.Format("20060102.1504"), id),
		"MIME-Version: 1.0")
	fields = append(append(fields, l.fields...), l.body.fields...)
	return []byte(strings.Join(fields, crlf) + crlf + crlf + l.body.content)
}

func (l *letter) address(s string) string {
	name, address, ok := strings.Cut(s, " <")
	if !ok {
		return s
	}
	return l.charset.word(name) + " <" + address
}

// charset is one from before UTF-8.
type charset struct {
	name     string
	encoding encoding.Encoding
}

var (
	latin1    = &charset{"iso-8859-1", charmap.ISO8859_1}
	koi8r     = &charset{"koi8-r", charmap.KOI8R}
	iso2022jp = &charset{"iso-2022-jp", japanese.ISO2022JP}
)

// encode returns s in the charset. The letters hold nothing that is not in
// theirs, or a test fails.
func (c *charset) encode(s string) string {
	// ISO-2022-JP returns to ASCII before a line end, and has to before the
	// end of a word (RFC 1468).
	out, err := c.encoding.NewEncoder().String(s + "\n")
	if err != nil {
		return s
	}
	return strings.TrimSuffix(out, "\n")
}

// word is s as in a header (RFC 2047).
func (c *charset) word(s string) string {
	switch {
	case c == nil:
		// Long ones are several words, each for a line of its own.
		return strings.ReplaceAll(mime.BEncoding.Encode("utf-8", s), "?= =?", "?="+crlf+" =?")
	case c == latin1:
		return mime.QEncoding.Encode(c.name, c.encode(s))
	}
	return mime.BEncoding.Encode(c.name, c.encode(s))
}

// text is a text/plain in the charset, its octets as they are.
func (c *charset) text(s string) entity {
	encoding := "8bit"
	if c == iso2022jp {
		encoding = "7bit"
	}
	return entity{[]string{
		"Content-Type: text/plain; charset=" + c.name,
		"Content-Transfer-Encoding: " + encoding,
	}, strings.ReplaceAll(c.encode(s), "\n", crlf)}
}
