package content

import "bytes"

// ProbeHead and ProbeTail are how many octets of a base64 body's start and end
// NewGrid is to be given. The end is asked for as ProbeTail octets from 256
// before the end: if there are more than 256, the octet count is wrong.
const (
	ProbeHead = 256
	ProbeTail = 512
)

// Grid maps offsets in the decoded data of a regular base64 body to offsets in
// the encoded one: all lines are equally long, only the last may be shorter.
// That is what both ends of the body show; Decode checks the rest as it is read.
//
// A Grid is immutable.
type Grid struct {
	octets int64 // of the encoded body
	body   int64 // octets without the white space at the end
	line   int64 // digits in a line, a multiple of 4
	step   int64 // octets in a line, with its line end
	pad    int64 // padding characters
}

// NewGrid returns the grid of a body of so many encoded octets; false if head
// and tail do not show one, and then nothing is known about the size. Lines that
// do not end within the head are not believed to be one: mail has lines of 998.
func NewGrid(octets int64, head, tail []byte) (Grid, bool) {
	const seen = ProbeTail / 2
	if octets < ProbeHead || len(head) != ProbeHead || len(tail) != seen {
		return Grid{}, false
	}
	core := bytes.TrimRight(tail, " \t\r\n")
	unpadded := bytes.TrimRight(core, "=")
	end := bytes.IndexByte(head, '\n')
	g := Grid{
		octets: octets,
		body:   octets - int64(len(tail)-len(core)),
		pad:    int64(len(core) - len(unpadded)),
		line:   int64(end),
		step:   int64(end + 1),
	}
	if end > 0 && head[end-1] == '\r' {
		g.line--
	}
	if len(unpadded) == 0 || g.pad > 2 || end < 0 || g.line == 0 || g.line%4 != 0 || g.step > g.body {
		return Grid{}, false
	}
	switch rest := g.digits() % 4; {
	case rest == 1, g.pad > 0 && rest+g.pad != 4:
		return Grid{}, false
	}
	if !g.regular(head, 0) || !g.regular(tail, octets-seen) {
		return Grid{}, false
	}
	return g, true
}

// digits returns how many base64 digits the body has.
func (g Grid) digits() int64 {
	return g.body/g.step*g.line + min(g.body%g.step, g.line) - g.pad
}

// Size returns the number of decoded octets.
func (g Grid) Size() int64 {
	n := g.digits()
	return n/4*3 + max(n%4-1, 0)
}

// regular reports whether each octet of b, which is at start, is what the grid
// has there.
func (g Grid) regular(b []byte, start int64) bool {
	for i, c := range b {
		at := start + int64(i)
		column := at % g.step
		ok := false
		switch {
		case at >= g.body:
			ok = c == '\n' || c == '\r' || c == ' ' || c == '\t'
		case column >= g.line:
			ok = c == g.lineEnd()[column-g.line]
		case at >= g.body-g.pad:
			ok = c == '='
		default:
			ok = isBase64(c)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (g Grid) lineEnd() string { return "\r\n"[2-(g.step-g.line):] }

// Encoded returns the range of the encoded body that holds the decoded octets
// [off, off+n), in whole groups of four digits and with the line ends that
// follow them: adjoining ranges leave nothing out that Decode could check.
func (g Grid) Encoded(off, n int64) (start, length int64) {
	size := g.Size()
	off = min(max(off, 0), size)
	n = min(max(n, 0), size-off)
	start = g.position(off / 3)
	if n == 0 {
		return start, 0
	}
	return start, g.position((off+n+2)/3) - start
}

// position returns where a group of four digits starts; for the one after the
// last, the end.
func (g Grid) position(group int64) int64 {
	if group*3 >= g.Size() {
		return g.octets
	}
	digit := group * 4
	return digit/g.line*g.step + digit%g.line
}

// Decode decodes encoded, which are the octets at start of a range that Encoded
// gave. off is the decoded offset of data[0]. ok is false if anything in encoded
// is off the grid: junk, padding inside, a line of another length.
//
// data is made in dst, which has room for DecodedRoom(len(encoded)) octets.
func (g Grid) Decode(dst, encoded []byte, start int64) (data []byte, off int64, ok bool) {
	column := start % g.step
	if start < 0 || start > g.octets-int64(len(encoded)) || start < g.body && (column >= g.line || column%4 != 0) {
		return nil, 0, false
	}
	off = g.Size()
	if start < g.body {
		off = (start/g.step*g.line + column) / 4 * 3
	}
	end := g.lineEnd()
	n := 0
	for at := start; len(encoded) > 0; column = at % g.step {
		// Lines that are whole, which nearly all are.
		for int64(len(encoded)) >= g.step-column && at+g.step-column < g.body {
			quads := int(g.line - column)
			used, made := decodeQuads(dst[n:], encoded[:quads])
			if used < quads || string(encoded[quads:quads+len(end)]) != end {
				return nil, 0, false
			}
			n += made
			at += int64(quads + len(end))
			encoded = encoded[quads+len(end):]
			column = 0
		}
		if at >= g.body {
			if !g.regular(encoded, at) {
				return nil, 0, false
			}
			break
		}
		// The rest of this line; a last group that has padding, or lacks it, and
		// the line end are checked octet by octet.
		quads := min(g.line-column, g.body-at, int64(len(encoded)))
		if quads%4 != 0 && at+quads < g.body {
			return nil, 0, false
		}
		used, made := decodeQuads(dst[n:], encoded[:quads])
		tail := encoded[used:min(int64(len(encoded)), quads+g.step-g.line)]
		if !g.regular(tail, at+int64(used)) {
			return nil, 0, false
		}
		n += made
		if used < int(quads) {
			_, made = decodeGroup(dst[n:], encoded[used:quads])
			n += made
		}
		at += int64(used + len(tail))
		encoded = encoded[used+len(tail):]
	}
	return dst[:n], off, true
}

// DecodedRoom is how much room it takes to decode so many octets.
func DecodedRoom(encoded int) int { return encoded/4*3 + 3 }
