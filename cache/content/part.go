// Package content is what imapfs knows about MIME: part tables, transfer
// decoders, the base64 grid, charsets, header rendering and the names that
// senders give to attachments.
//
// It is pure: no I/O, no goroutines, no global state that changes. Every
// function takes untrusted input, never panics, never fails on damage (it
// decodes as far as the input goes) and uses memory in proportion to its input.
package content

// Encoding is a Content-Transfer-Encoding (RFC 2045, section 6).
type Encoding uint8

const (
	// Identity is 7bit, 8bit, and whatever is unknown: the octets as they are.
	Identity Encoding = iota
	// Binary is binary: the octets as they are, never touched as text.
	Binary
	// Base64 is base64.
	Base64
	// QuotedPrintable is quoted-printable.
	QuotedPrintable
	// UUEncode is x-uuencode and its aliases, from before MIME.
	UUEncode
)

// Part is one leaf part of a message, or one enclosed message (message/rfc822)
// whose own parts follow it in the table. Multiparts have no entry: they are no
// files. The zero value is an unnamed part of unknown type.
type Part struct {
	// Section is the part's number for BODY[] (RFC 9051, section 6.4.5), "1.2".
	// A message that is no multipart has the one part "1".
	Section string
	// Parent is the index in the table of the enclosed message that this part
	// belongs to, -1 for the outermost message.
	Parent int
	// Type is the media type in lower case, "text/plain".
	Type string
	// Charset is the charset parameter as declared, "" where there is none.
	Charset string
	// Encoding is how the part's octets are encoded.
	Encoding Encoding
	// Disposition is "inline", "attachment", another token, or "", in lower case.
	Disposition string
	// Named tells that the sender gave a file name, which may be empty.
	Named bool
	// Name is that file name, decoded to UTF-8, as hostile as it came.
	Name string
	// ContentID is the Content-ID as it stands, with its angle brackets.
	ContentID string
	// Octets counts the encoded octets, -1 where the server does not say.
	Octets int64
	// Message tells that this is an enclosed message/rfc822: its own parts
	// follow, with this entry's index as Parent.
	Message bool
	// Subject is an enclosed message's subject, decoded to UTF-8.
	Subject string
}

// Text reports whether the part's media type is text/*.
func (p *Part) Text() bool { return len(p.Type) >= 5 && p.Type[:5] == "text/" }

// MaxParts bounds a part table; MaxDepth bounds how deeply multiparts and
// enclosed messages nest in one. What lies beyond is left in the enclosing
// part, readable through message.eml.
const (
	MaxParts = 65535
	MaxDepth = 100
)
