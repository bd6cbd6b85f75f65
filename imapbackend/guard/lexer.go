package guard

import (
	"bytes"
	"fmt"

	"imapfs/cache/content"
)

type kind uint8

const (
	atom kind = iota
	quoted
	literal
	list
)

// none is the node that is not there.
const none = int32(-1)

// node is one value of a response. Nodes live in an arena that is used again
// for every item, and refer to each other and to the buffer by index.
type node struct {
	kind        kind
	dirty       bool // a quoted string with escapes, quotes or line breaks in it
	start, end  int32
	child, next int32
}

// lexer reads the values of one response. It never recurses, and never fails:
// a value that cannot be read is reported as such, and the position is behind
// it. It belongs to the reading goroutine.
type lexer struct {
	b   []byte
	pos int
	// last is where the newest line in b starts: only its end announces a
	// literal that is still to be read.
	last int
	// frames gives the literals and lines that follow; nil: b is all there is.
	frames *frames
	// own is the buffer that b moves to when it grows.
	own []byte

	nodes []node
	open  []int32 // lists not yet closed
	tails []int32 // the last child of each

	// Used again for every part table.
	table              []content.Part
	params, moreParams []content.Param

	// repaired tells that a string was not what the grammar allows; guessed,
	// that where it ends or what it says was a guess.
	repaired, guessed bool
	// verbatim: a backslash escapes nothing, since taking it for an escape led
	// past the end of the response (Windows paths from careless servers).
	verbatim bool
	// err is why no more could be read; it ends the connection.
	err error
}

func (x *lexer) reset(b []byte) {
	x.b, x.pos, x.last, x.nodes = b, 0, 0, x.nodes[:0]
	x.repaired, x.guessed, x.verbatim = false, false, false
	if cap(x.own) > keepBuffer {
		x.own = nil
	}
	if cap(x.nodes) > keepBuffer/16 {
		x.nodes = nil
	}
}

var errTooLarge = fmt.Errorf("%w: response too large", ErrMalformed)

// extend appends a line to b, behind what is there.
func (x *lexer) extend(line []byte) bool {
	if len(x.b)+len(line) > maxResponse {
		x.err = errTooLarge
		return false
	}
	x.last = len(x.b)
	x.b = append(x.b, line...)
	x.own = x.b
	return true
}

// detach moves b from the read buffer, which the next read overwrites.
func (x *lexer) detach() {
	if len(x.own) == 0 || len(x.b) == 0 || &x.own[0] != &x.b[0] {
		x.b = append(x.own[:0], x.b...)
		x.own = x.b
	}
}

// pending returns the size of the literal that b ends with and that is still
// on the wire.
func (x *lexer) pending() (int64, bool) {
	if x.frames == nil || x.frames.cut {
		return 0, false
	}
	return announced(x.b[x.last:])
}

// inline reads the pending literal, and the line after it, into b.
func (x *lexer) inline(n int64) (start, end int, ok bool) {
	x.detach()
	start = len(x.b)
	if n > maxLine {
		x.err = fmt.Errorf("%w: literal of %d octets announced", ErrMalformed, n)
	} else if n > maxString {
		x.repaired = true
		x.err = x.frames.skip(n)
	} else {
		x.b, x.err = x.frames.read(x.b, n)
	}
	end = len(x.b)
	if x.err != nil {
		return start, end, false
	}
	line, err := x.frames.line()
	if err != nil {
		x.err = err
		return start, end, false
	}
	if x.frames.begins(line) { // the literal was announced too long
		x.frames.unread(line)
		x.repaired, x.guessed = true, true
		line = nil
	}
	return start, end, x.extend(line)
}

// finish reads what the response still has on the wire, and keeps it in b.
func (x *lexer) finish() {
	for x.err == nil {
		n, ok := x.pending()
		if !ok {
			return
		}
		x.inline(n)
	}
}

// join appends the line that follows a line break inside a string or list.
func (x *lexer) join() bool {
	if x.frames == nil || x.frames.cut || x.err != nil {
		return false
	}
	x.detach()
	end := x.frames.end
	line, ok, err := x.frames.continuation()
	if err != nil {
		x.err = err
	}
	if !ok {
		return false
	}
	x.repaired = true
	x.b = append(x.b, end...)
	return x.extend(line)
}

func (x *lexer) space() {
	for x.pos < len(x.b) && isSpace(x.b[x.pos]) {
		x.pos++
	}
}

// isSpace: servers also put tabs and line breaks between values.
func isSpace(ch byte) bool { return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n' }

// endsValue reports whether a value that is not in quotes ends before ch.
func endsValue(ch byte) bool { return isSpace(ch) || ch == '(' || ch == ')' }

func (x *lexer) atEnd() bool { return x.pos >= len(x.b) }

// accept steps over ch if it comes next.
func (x *lexer) accept(ch byte) bool {
	x.space()
	if x.atEnd() || x.b[x.pos] != ch {
		return false
	}
	x.pos++
	return true
}

// word reads a bare word: a tag, the name of a response or of an item.
func (x *lexer) word() []byte {
	x.space()
	start := x.pos
	for x.pos < len(x.b) {
		if ch := x.b[x.pos]; endsValue(ch) || ch == '[' {
			break
		}
		x.pos++
	}
	return x.b[start:x.pos]
}

// item reads the name of a FETCH item with its section and origin; in a request
// also the length.
func (x *lexer) item() []byte {
	x.space()
	start := x.pos
	x.word()
	if x.pos < len(x.b) && x.b[x.pos] == '[' {
		inQuotes := false
		for x.pos < len(x.b) {
			ch := x.b[x.pos]
			x.pos++
			if ch == '"' {
				inQuotes = !inQuotes
			} else if ch == ']' && !inQuotes {
				break
			}
		}
		if x.pos < len(x.b) && x.b[x.pos] == '<' {
			origin := x.b[x.pos:min(len(x.b), x.pos+len("<9223372036854775807.9223372036854775807>"))]
			x.pos += bytes.IndexByte(origin, '>') + 1
		}
	}
	return x.b[start:x.pos]
}

func (x *lexer) add(n node) int32 {
	n.child, n.next = none, none
	x.nodes = append(x.nodes, n)
	return int32(len(x.nodes) - 1)
}

// value reads one value: a string, an atom or a whole list. Without ok it is
// missing, unreadable or truncated by a limit.
func (x *lexer) value() (root int32, ok bool) {
	x.open, x.tails = x.open[:0], x.tails[:0]
	root, ok = none, true
	beyond := 0 // open lists that are beyond the limits, and dropped
	for {
		x.space()
		if x.atEnd() {
			if len(x.open) > 0 && x.join() {
				continue
			}
			return root, false
		}
		n := none
		switch x.b[x.pos] {
		case '(':
			x.pos++
			if len(x.open) >= maxDepth || len(x.nodes) >= maxNodes {
				beyond, ok = beyond+1, false
				continue
			}
			n = x.add(node{kind: list, start: int32(x.pos)})
		case ')':
			if beyond > 0 {
				x.pos++
				beyond--
				continue
			}
			if len(x.open) == 0 {
				return none, false // left to the enclosing list
			}
			last := len(x.open) - 1
			x.nodes[x.open[last]].end = int32(x.pos)
			x.pos++
			x.open, x.tails = x.open[:last], x.tails[:last]
			if last == 0 {
				return root, ok
			}
			continue
		default:
			var good bool
			if n, good = x.scalar(); !good {
				return root, false
			}
			if beyond > 0 || len(x.nodes) > maxNodes {
				x.nodes, ok = x.nodes[:len(x.nodes)-1], false
				continue
			}
		}
		if len(x.open) == 0 {
			root = n
		} else {
			x.attach(n)
		}
		if x.nodes[n].kind == list {
			x.open, x.tails = append(x.open, n), append(x.tails, none)
		} else if len(x.open) == 0 {
			return root, ok
		}
	}
}

// attach makes n the last child of the innermost open list.
func (x *lexer) attach(n int32) {
	last := len(x.open) - 1
	if tail := x.tails[last]; tail == none {
		x.nodes[x.open[last]].child = n
	} else {
		x.nodes[tail].next = n
	}
	x.tails[last] = n
}

func (x *lexer) scalar() (int32, bool) {
	switch x.b[x.pos] {
	case '"':
		return x.quotedString()
	case '{', '~':
		if n, ok := x.literalHere(); ok {
			start, end, ok := x.inline(n)
			if !ok {
				x.pos = len(x.b)
				return none, false
			}
			x.pos = end
			return x.add(node{kind: literal, start: int32(start), end: int32(end)}), true
		}
	}
	start := x.pos
	for x.pos < len(x.b) {
		ch := x.b[x.pos]
		if endsValue(ch) {
			break
		}
		if ch == '"' { // the rest of a string with quotes inside
			x.repaired, x.guessed = true, true
		}
		x.pos++
	}
	return x.add(node{kind: atom, start: int32(start), end: int32(x.pos)}), true
}

// literalHere reports whether the position is at the pending literal.
func (x *lexer) literalHere() (int64, bool) {
	at := x.pos
	if at < len(x.b) && x.b[at] == '~' { // literal8, RFC 3516
		at++
	}
	if at >= len(x.b) || x.b[at] != '{' || len(bytes.TrimRight(x.b[at:], " \t")) > len("{9223372036854775807+}") {
		return 0, false
	}
	return x.pending()
}

// quotedString reads a quoted string. A quote ends it only where a value may
// end, since some servers do not escape inner quotes (go-imap issue 659).
func (x *lexer) quotedString() (int32, bool) {
	start := x.pos + 1
	// Nearly all have nothing in them that needs a second look.
	if n := bytes.IndexByte(x.b[start:], '"'); n >= 0 && bytes.IndexByte(x.b[start:start+n], '\\') < 0 {
		if end := start + n; end+1 == len(x.b) || endsValue(x.b[end+1]) {
			x.pos = end + 1
			return x.add(node{kind: quoted, start: int32(start), end: int32(end)}), true
		}
	}
	dirty, escapes := false, false
	for i := start; ; i++ {
		if i >= len(x.b) {
			if x.join() {
				dirty = true
				i--
				continue
			}
			if escapes && !x.verbatim && x.err == nil {
				x.verbatim, x.repaired, x.guessed, dirty = true, true, true, false
				i = start - 1
				continue
			}
			x.pos = len(x.b)
			return none, false
		}
		switch x.b[i] {
		case '\\':
			dirty = true
			if !x.verbatim {
				escapes = true
				i++
			}
		case '"':
			if i+1 < len(x.b) && !endsValue(x.b[i+1]) {
				dirty, x.repaired, x.guessed = true, true, true
				continue
			}
			x.pos = i + 1
			return x.add(node{kind: quoted, dirty: dirty, start: int32(start), end: int32(i)}), true
		}
	}
}
