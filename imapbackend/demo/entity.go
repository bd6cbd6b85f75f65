package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"mime/quotedprintable"
	"net/url"
	"strings"
)

// entity is a MIME entity: its Content-* fields, and its content with CRLF.
type entity struct {
	fields  []string
	content string
}

func (e entity) with(fields ...string) entity {
	return entity{append(e.fields[:len(e.fields):len(e.fields)], fields...), e.content}
}

// text is text in UTF-8, as quoted-printable.
func text(mediaType, s string) entity {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return entity{[]string{
		"Content-Type: " + mediaType + "; charset=utf-8",
		"Content-Transfer-Encoding: quoted-printable",
	}, b.String()}
}

func plain(s string) entity { return text("text/plain", s) }
func html(s string) entity  { return text("text/html", s) }

func multipart(subtype string, parts ...entity) entity {
	var inner []string
	for _, p := range parts {
		inner = append(inner, strings.Join(p.fields, crlf)+crlf+crlf+p.content)
	}
	// Of the content, so that one boundary is not the beginning of another.
	boundary := fmt.Sprintf("=_%08x", crc32.ChecksumIEEE([]byte(strings.Join(inner, ""))))
	var b strings.Builder
	for _, p := range inner {
		b.WriteString("--" + boundary + crlf + p + crlf)
	}
	b.WriteString("--" + boundary + "--" + crlf)
	return entity{[]string{fmt.Sprintf("Content-Type: multipart/%s; boundary=%q", subtype, boundary)}, b.String()}
}

func mixed(parts ...entity) entity       { return multipart("mixed", parts...) }
func alternative(parts ...entity) entity { return multipart("alternative", parts...) }

// enclosed is another letter, as a message/rfc822.
func enclosed(l letter) entity {
	return entity{[]string{"Content-Type: message/rfc822"}, string(l.message())}
}

// attach is a file under its name, written as it should be (RFC 2231).
func attach(name string, f file) entity { return attachAs(parameter(name), f) }

// attachAs is a file under a name that is a parameter already.
func attachAs(filename string, f file) entity {
	return f.entity().with("Content-Disposition: attachment;" + crlf + "\t" + filename)
}

func (f file) entity() entity {
	code := base64.StdEncoding.EncodeToString(f.data)
	var b strings.Builder
	for len(code) > 76 {
		b.WriteString(code[:76] + crlf)
		code = code[76:]
	}
	b.WriteString(code + crlf)
	return entity{[]string{"Content-Type: " + f.mediaType, "Content-Transfer-Encoding: base64"}, b.String()}
}

// parameter is a file name by RFC 2231, in several pieces where it is long.
func parameter(name string) string {
	escaped := strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	if escaped == strings.ReplaceAll(name, " ", "%20") {
		return fmt.Sprintf("filename=%q", name)
	}
	const width = 60
	if len(escaped) <= width {
		return "filename*=utf-8''" + escaped
	}
	escaped = "utf-8''" + escaped
	var pieces []string
	for len(escaped) > 0 {
		n := min(width, len(escaped))
		if octet := strings.LastIndexByte(escaped[:n], '%'); n < len(escaped) && octet > n-3 {
			n = octet
		}
		pieces = append(pieces, fmt.Sprintf("filename*%d*=%s", len(pieces), escaped[:n]))
		escaped = escaped[n:]
	}
	return strings.Join(pieces, ";"+crlf+"\t")
}

// words is a file name as most senders write it, although RFC 2047 forbids it:
// as encoded words in a quoted string.
func words(c *charset, name string) string {
	return `filename="` + c.word(name) + `"`
}
