package content

import "unicode/utf8"

// RenderHeader returns a header block as header.txt shows it: one line for each
// field, unfolded (RFC 5322, section 2.2.3), its encoded words decoded, in
// UTF-8, ended by LF. Nothing is dropped or reordered, lines that are no field
// included; only the blank line that ends the block, and what may follow it, is
// not part of it.
//
// A control character or a line separator inside a field, which could forge a
// line or drive a terminal, becomes U+FFFD; a TAB, which folding leaves, becomes
// a space.
func RenderHeader(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for field := range fields(raw) {
		for _, r := range DecodeWords(string(unfold(field))) {
			switch {
			case r == '\t':
				r = ' '
			case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
				r = utf8.RuneError
			}
			out = utf8.AppendRune(out, r)
		}
		out = append(out, '\n')
	}
	return out
}
