package content

import "bytes"

// fields splits a header block into its fields, each with its folded lines.
// A line that is no field, and has no field to continue, is one of its own:
// nothing is dropped. (go-message's textproto.ReadHeader gives up at the first
// such line and drops fields without a name, so it cannot be used here.)
//
// The blank line that ends the block is not yielded.
func fields(block []byte) func(yield func(raw []byte) bool) {
	return func(yield func([]byte) bool) {
		for len(block) > 0 {
			n := lineLen(block)
			if isBlankLine(block[:n]) {
				return
			}
			for n < len(block) && isFold(block[n]) {
				n += lineLen(block[n:])
			}
			if !yield(block[:n]) {
				return
			}
			block = block[n:]
		}
	}
}

// lineLen returns the length of b's first line with its line end.
func lineLen(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

func isBlankLine(line []byte) bool {
	return len(line) == 1 && line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

func isFold(c byte) bool { return c == ' ' || c == '\t' }

// splitField returns a field's name and its unfolded value; an empty name if it
// is none.
func splitField(raw []byte) (name, value []byte) {
	name, value, found := bytes.Cut(raw, []byte(":"))
	if !found || bytes.IndexByte(name, '\n') >= 0 {
		return nil, unfold(raw)
	}
	return bytes.TrimRight(name, " \t"), bytes.TrimSpace(unfold(value))
}

// unfold removes the line ends (RFC 5322, section 2.2.3): the white space that
// follows each stays.
func unfold(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		out = append(out, line...)
	}
	return out
}
