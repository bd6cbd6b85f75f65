package content

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// decodeUTF7 decodes UTF-7 (RFC 2152), which x/text leaves out because browsers
// must not read it.
func decodeUTF7(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		c := b[0]
		b = b[1:]
		switch {
		case c >= utf8.RuneSelf:
			out = utf8.AppendRune(out, utf8.RuneError)
		case c != '+':
			out = append(out, c)
		case len(b) > 0 && b[0] == '-':
			out = append(out, '+')
			b = b[1:]
		default:
			n := 0
			for n < len(b) && isBase64(b[n]) {
				n++
			}
			if n == 0 { // a plus sign alone: no shift
				out = append(out, c)
				continue
			}
			out = appendUTF16(out, DecodeBase64(b[:n]))
			b = b[n:]
			if len(b) > 0 && b[0] == '-' {
				b = b[1:]
			}
		}
	}
	return out
}

// appendUTF16 appends big-endian UTF-16; an odd last octet is padding.
func appendUTF16(out, b []byte) []byte {
	for len(b) >= 2 {
		r := rune(binary.BigEndian.Uint16(b))
		b = b[2:]
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if len(b) >= 2 {
				low = rune(binary.BigEndian.Uint16(b))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				b = b[2:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// decodeISO2022KR decodes ISO-2022-KR (RFC 1557): EUC-KR whose two-octet
// characters stand without their high bits between SO and SI.
func decodeISO2022KR(b []byte) []byte {
	const so, si = 0x0e, 0x0f
	b = bytes.ReplaceAll(b, []byte("\x1b$)C"), nil)
	euc := make([]byte, 0, len(b))
	high := byte(0)
	for _, c := range b {
		switch {
		case c == so:
			high = 0x80
		case c == si:
			high = 0
		case c == '\n': // each line starts in ASCII
			high = 0
			euc = append(euc, c)
		case c > ' ':
			euc = append(euc, c|high)
		default:
			euc = append(euc, c)
		}
	}
	out, err := korean.EUCKR.NewDecoder().Bytes(euc)
	if err != nil {
		return guessUTF8(b)
	}
	return validUTF8(out)
}
