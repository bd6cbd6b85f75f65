package content

import "strings"

// entity is what a MIME header says about the body that follows it.
type entity struct {
	part     Part
	boundary string // of a multipart, without the leading dashes
	digest   bool   // multipart/digest
	from     string
	subject  string
	id       string // Message-ID
}

// encodings are the transfer encodings by name; any other is Identity.
var encodings = map[string]Encoding{
	"7bit":             Identity,
	"8bit":             Identity,
	"base64":           Base64,
	"binary":           Binary,
	"quoted-printable": QuotedPrintable,
	"uuencode":         UUEncode,
	"x-uuencode":       UUEncode,
	"uue":              UUEncode,
	"x-uue":            UUEncode,
}

// EncodingByName returns the encoding with a name in lower case, as it stands in
// a BODYSTRUCTURE; false if there is none, which is to be taken for Identity.
func EncodingByName(name []byte) (Encoding, bool) {
	e, known := encodings[string(name)]
	return e, known
}

// parseEncoding returns the encoding that a Content-Transfer-Encoding stands for.
func parseEncoding(s string) Encoding {
	value, _ := parseValue(s)
	return encodings[firstWord(value)]
}

// readEntity reads a header block. The first of several equal fields counts, as
// it does for IMAP servers. inDigest changes the default type (RFC 2046,
// section 5.1.5).
func readEntity(block []byte, inDigest bool) entity {
	seen := map[string]string{}
	for raw := range fields(block) {
		name, value := splitField(raw)
		key := strings.ToLower(string(name))
		switch key {
		case "content-type", "content-disposition", "content-transfer-encoding",
			"content-id", "from", "subject", "message-id":
			if _, again := seen[key]; !again {
				seen[key] = string(value)
			}
		}
	}
	e := entity{
		from:    firstAddress(seen["from"]),
		subject: DecodeWords(seen["subject"]),
		id:      DecodeWords(seen["message-id"]),
	}
	p := &e.part
	mediaType, typeParams := parseValue(seen["content-type"])
	var dispParams []Param
	p.Disposition, dispParams = parseValue(seen["content-disposition"])
	p.Disposition = firstWord(p.Disposition)
	p.Type = validType(mediaType, inDigest)
	p.Charset = param(typeParams, "charset")
	p.Encoding = parseEncoding(seen["content-transfer-encoding"])
	p.Name, p.Named = Filename(dispParams, typeParams)
	p.ContentID = DecodeWords(seen["content-id"])
	if strings.HasPrefix(p.Type, "multipart/") {
		boundary, _ := decodeParam(typeParams, "boundary")
		e.boundary = strings.TrimRight(boundary, " \t")
		e.digest = p.Type == "multipart/digest"
		// What is no multipart after all is text (RFC 2045, section 5.2); where
		// there are parts, the multipart itself has no entry.
		p.Type, p.Encoding = "text/plain", Identity
	}
	encoded := p.Encoding == Base64 || p.Encoding == QuotedPrintable || p.Encoding == UUEncode
	p.Message = p.Type == "message/rfc822" && !encoded
	if p.Message {
		p.Charset = ""
	}
	return e
}

// validType returns a media type, or the default where there is none.
func validType(s string, inDigest bool) string {
	major, minor, _ := strings.Cut(s, "/")
	major, minor = firstWord(major), firstWord(minor)
	switch {
	case major != "" && minor != "":
		return major + "/" + minor
	case s == "" && inDigest:
		return "message/rfc822"
	}
	return "text/plain"
}

// firstWord drops what follows a token where its semicolon is missing.
func firstWord(s string) string {
	s = strings.TrimLeft(s, " \t\r\n")
	if i := strings.IndexAny(s, " \t\r\n"); i >= 0 {
		return s[:i]
	}
	return s
}
