package imaptest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
)

// Entity is a MIME entity: Content-* fields and a body, with LF line ends.
type Entity struct {
	fields []string
	body   []byte
}

// Text is an entity in 8bit.
func Text(mediaType, charset, body string) Entity {
	return Entity{[]string{
		"Content-Type: " + mediaType + "; charset=" + charset,
		"Content-Transfer-Encoding: 8bit",
	}, []byte(body)}
}

// QuotedPrintable is an entity in quoted-printable.
func QuotedPrintable(mediaType, charset string, data []byte) Entity {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	w.Write(data)
	w.Close()
	return Entity{[]string{
		"Content-Type: " + mediaType + "; charset=" + charset,
		"Content-Transfer-Encoding: quoted-printable",
	}, bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n"))}
}

// Base64 is an entity in base64 with lines of 76 characters.
func Base64(contentType string, data []byte) Entity {
	return EncodedAs(contentType, "base64", Base64Lines(data, 76))
}

// EncodedAs is an entity with a body that is encoded already, well or badly.
func EncodedAs(contentType, encoding, body string) Entity {
	return Entity{[]string{"Content-Type: " + contentType, "Content-Transfer-Encoding: " + encoding}, []byte(body)}
}

// Base64Lines is data in base64, in lines of width characters with LF.
func Base64Lines(data []byte, width int) string {
	code := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(code) > width {
		b.WriteString(code[:width] + "\n")
		code = code[width:]
	}
	b.WriteString(code + "\n")
	return b.String()
}

// Attachment is an entity with a file name of plain ASCII.
func Attachment(name, mediaType string, data []byte) Entity {
	return Base64(mediaType, data).With(fmt.Sprintf("Content-Disposition: attachment; filename=%q", name))
}

// Multipart is a multipart of a subtype.
func Multipart(subtype string, parts ...Entity) Entity {
	hash := sha256.New()
	for _, p := range parts {
		hash.Write(p.octets())
	}
	boundary := fmt.Sprintf("=_%x", hash.Sum(nil)[:12])
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\n%s\n", boundary, p.octets())
	}
	fmt.Fprintf(&b, "--%s--\n", boundary)
	return Entity{[]string{fmt.Sprintf("Content-Type: multipart/%s; boundary=%q", subtype, boundary)}, b.Bytes()}
}

// Enclosed is a message/rfc822 part.
func Enclosed(message []byte) Entity {
	return Entity{[]string{"Content-Type: message/rfc822"}, message}
}

// With returns the entity with further fields.
func (e Entity) With(fields ...string) Entity {
	return Entity{append(e.fields[:len(e.fields):len(e.fields)], fields...), e.body}
}

func (e Entity) octets() []byte {
	return Message(nil, e)
}

// Message is a message with the fields and the entity's content, with LF.
func Message(fields []string, e Entity) []byte {
	var b bytes.Buffer
	for _, f := range append(fields[:len(fields):len(fields)], e.fields...) {
		b.WriteString(f + "\n")
	}
	b.WriteByte('\n')
	b.Write(e.body)
	return b.Bytes()
}

// CRLF returns a message with every bare LF made a CRLF: what a server serves
// of a message that is stored with LF.
func CRLF(message []byte) []byte {
	lf := bytes.ReplaceAll(message, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n"))
}
