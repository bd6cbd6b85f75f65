package content

import "bytes"

// Form is what a file shows of the octets that the server has.
type Form uint8

const (
	// Raw is the octets as they are: message.eml.
	Raw Form = iota
	// Header is a header block as header.txt shows it; see RenderHeader.
	Header
	// File is what a mail client saves: the transfer encoding undone. Text that
	// was sent as text (7bit, 8bit, quoted-printable) also has its line ends
	// folded to LF; base64, uuencode and binary are exact. Charsets stay.
	File
	// Text is File in UTF-8, its line ends folded to LF whatever the encoding.
	Text
)

// Form returns the form in which a part is shown: Text for unnamed text that is
// no attachment, else File.
func (p *Part) Form() Form {
	if p.Text() && !p.Named && p.Disposition != "attachment" {
		return Text
	}
	return File
}

// Decode returns encoded, the octets that the server has for p, in the form f.
// For Header, encoded is a header block and p is not used. The result may share
// memory with encoded, which is never changed.
func Decode(p *Part, f Form, encoded []byte) []byte {
	switch f {
	case Raw:
		return encoded
	case Header:
		return RenderHeader(encoded)
	}
	data := p.Encoding.decode(encoded)
	switch {
	case f == Text:
		// The conversion comes first: UTF-16 has its line ends as wide characters.
		return FoldLines(ToUTF8(p.Charset, data))
	case p.Text() && (p.Encoding == Identity || p.Encoding == QuotedPrintable):
		return FoldLines(data)
	}
	return data
}

// decode undoes the transfer encoding.
func (e Encoding) decode(encoded []byte) []byte {
	switch e {
	case Base64:
		return DecodeBase64(encoded)
	case QuotedPrintable:
		return DecodeQuotedPrintable(encoded)
	case UUEncode:
		return DecodeUU(encoded)
	}
	return encoded
}

// FoldLines returns b with CRLF folded to LF; a lone CR stays. It returns b
// itself where there is nothing to fold, and never changes it.
func FoldLines(b []byte) []byte {
	crlf := []byte("\r\n")
	n := bytes.Count(b, crlf)
	if n == 0 {
		return b
	}
	out := make([]byte, 0, len(b)-n)
	for {
		before, after, found := bytes.Cut(b, crlf)
		out = append(out, before...)
		if !found {
			return out
		}
		out = append(out, '\n')
		b = after
	}
}
