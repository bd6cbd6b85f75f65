package content

import "encoding/binary"

// Version tells which bytes the functions of this package make of octets. It is
// raised with every change after which they make others of the same octets, so
// that what was kept of earlier ones is not used any more.
const Version = 1

// Append appends g, for GridFrom to read again.
func (g Grid) Append(b []byte) []byte {
	for _, n := range []int64{g.octets, g.body, g.line, g.step, g.pad} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// GridFrom reads a Grid that Append wrote at the beginning of b, and returns
// what follows it; false if there is none.
func GridFrom(b []byte) (g Grid, rest []byte, ok bool) {
	for _, n := range []*int64{&g.octets, &g.body, &g.line, &g.step, &g.pad} {
		v, size := binary.Uvarint(b)
		if size <= 0 || v > 1<<62 {
			return Grid{}, b, false
		}
		*n, b = int64(v), b[size:]
	}
	end := g.step - g.line
	return g, b, g.line > 0 && g.line%4 == 0 && (end == 1 || end == 2) && g.body <= g.octets && g.pad <= 2
}
