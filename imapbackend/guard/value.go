package guard

import "bytes"

// raw returns a value as it stands on the wire, without its delimiters.
func (x *lexer) raw(n int32) []byte {
	if n == none {
		return nil
	}
	return x.b[x.nodes[n].start:x.nodes[n].end]
}

// octets returns a string's octets; nil for NIL, lists and what is missing.
// They are valid until the next read.
func (x *lexer) octets(n int32) []byte {
	if !x.isString(n) {
		return nil
	}
	b := x.raw(n)
	if !x.nodes[n].dirty || x.verbatim || bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		// Only these two may be escaped; before anything else the backslash
		// is one that the server forgot to escape.
		if b[i] == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\') {
			i++
		}
		out = append(out, b[i])
	}
	return out
}

// text returns a string's octets without line breaks and NULs.
func (x *lexer) text(n int32) []byte {
	b := x.octets(n)
	if bytes.IndexByte(b, '\r') < 0 && bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, 0) < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for _, ch := range b {
		if ch != '\r' && ch != '\n' && ch != 0 {
			out = append(out, ch)
		}
	}
	return out
}

func (x *lexer) isNil(n int32) bool {
	return n == none || x.nodes[n].kind == atom && equalFold(x.raw(n), "NIL")
}
func (x *lexer) isList(n int32) bool   { return n != none && x.nodes[n].kind == list }
func (x *lexer) isString(n int32) bool { return !x.isList(n) && !x.isNil(n) }

// child returns the first value of a list.
func (x *lexer) child(n int32) int32 {
	if !x.isList(n) {
		return none
	}
	return x.nodes[n].child
}

func (x *lexer) next(n int32) int32 {
	if n == none {
		return none
	}
	return x.nodes[n].next
}

// number returns a value that is a number of at most limit.
func (x *lexer) number(n int32, limit uint64) (uint64, bool) {
	if !x.isString(n) {
		return 0, false
	}
	return number(x.raw(n), limit)
}

func number(b []byte, limit uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var v uint64
	for _, ch := range b {
		d := uint64(ch - '0')
		if d > 9 || v > (limit-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// equalFold compares in ASCII without case; upper is in upper case.
func equalFold(b []byte, upper string) bool {
	if len(b) != len(upper) {
		return false
	}
	for i, ch := range b {
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		if ch != upper[i] {
			return false
		}
	}
	return true
}

// appendUpper appends b in ASCII upper case.
func appendUpper(dst, b []byte) []byte {
	for _, ch := range b {
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		dst = append(dst, ch)
	}
	return dst
}

// upper returns b in ASCII upper case.
func upper(b []byte) string { return string(appendUpper(nil, b)) }

// appendLower appends b in ASCII lower case, without surrounding space.
func appendLower(dst, b []byte) []byte {
	for _, ch := range bytes.TrimSpace(b) {
		if 'A' <= ch && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		dst = append(dst, ch)
	}
	return dst
}
