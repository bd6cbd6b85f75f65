package content

import "bytes"

// maxUUGrowth bounds the decoded size to a multiple of the encoded one: a line of
// two octets may stand for 63.
const maxUUGrowth = 4

// DecodeUU decodes uuencoded files: the lines between "begin" and "end". A body
// without a begin line is not uuencoded whatever its header says: it stays.
func DecodeUU(src []byte) []byte {
	out := make([]byte, 0, len(src)*3/4)
	inside, seen := false, false
	for rest := src; len(rest) > 0 && len(out) < maxUUGrowth*len(src); {
		var line []byte
		line, rest = cutLine(rest)
		switch {
		case !inside:
			inside = isBegin(line)
			seen = seen || inside
		case bytes.Equal(line, []byte("end")):
			inside = false
		default:
			out = appendUULine(out, line)
		}
	}
	if !seen {
		return bytes.Clone(src)
	}
	return out
}

// isBegin reports whether line is "begin", a mode of octal digits, and a name.
func isBegin(line []byte) bool {
	mode, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok {
		return false
	}
	n := 0
	for n < len(mode) && '0' <= mode[n] && mode[n] <= '7' {
		n++
	}
	return n >= 3 && n < len(mode) && mode[n] == ' '
}

// appendUULine decodes one line: a count of octets, then groups of four
// characters. Blanks that transport stripped from its end stand for zeros, as
// does the back quote that later encoders write instead.
func appendUULine(out, line []byte) []byte {
	if len(line) == 0 || line[0] < ' ' || line[0] > '`' {
		return out
	}
	n := int(line[0]-' ') & 63
	line = line[1:]
	sixBits := func(i int) byte {
		if i < len(line) {
			return (line[i] - ' ') & 63
		}
		return 0
	}
	for i := 0; n > 0; i, n = i+4, n-3 {
		a, b, c, d := sixBits(i), sixBits(i+1), sixBits(i+2), sixBits(i+3)
		group := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | d}
		out = append(out, group[:min(n, 3)]...)
	}
	return out
}

// cutLine splits b after its first line end, which line does not include.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}
