package content

import "bytes"

// DecodeQuotedPrintable decodes quoted-printable (RFC 2045, section 6.7). What
// is no valid escape stays as it is, and so do line ends.
//
// White space at the end of a line stays, too. RFC 2045 wants it deleted as
// transport's, but it is far more often the sender's ("-- " before a
// signature), and most readers keep it. After a soft line break's "=" it goes.
func DecodeQuotedPrintable(src []byte) []byte {
	out := make([]byte, 0, len(src))
	for len(src) > 0 {
		line, end := src, []byte(nil)
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			line, end, src = src[:i], src[i:i+1], src[i+1:]
			if i > 0 && line[i-1] == '\r' {
				line, end = line[:i-1], []byte("\r\n")
			}
		} else {
			src = nil
		}
		if soft, ok := bytes.CutSuffix(bytes.TrimRight(line, " \t"), []byte("=")); ok {
			line, end = soft, nil
		}
		out = append(appendEscaped(out, line), end...)
	}
	return out
}

// appendEscaped decodes the =XX escapes of one line.
func appendEscaped(out, line []byte) []byte {
	for {
		i := bytes.IndexByte(line, '=')
		if i < 0 {
			return append(out, line...)
		}
		out = append(out, line[:i]...)
		line = line[i:]
		if len(line) >= 3 {
			if v, ok := unhex(line[1], line[2]); ok {
				out = append(out, v)
				line = line[3:]
				continue
			}
		}
		out = append(out, '=')
		line = line[1:]
	}
}
