package guard

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The functions here write one response each in the form that the engine
// accepts: a surprise would end the connection.

func (c *Conn) put(s string)        { c.out = append(c.out, s...) }
func (c *Conn) putNumber(n uint64)  { c.out = strconv.AppendUint(c.out, n, 10) }
func (c *Conn) putString(b []byte)  { c.out = appendQuoted(c.out, b) }
func (c *Conn) putMailbox(b []byte) { c.putString([]byte(c.engineName(b))) }

// engineName returns the name under which the engine is to know a mailbox.
func (c *Conn) engineName(b []byte) string {
	if c.canonical(b) {
		return string(b)
	}
	return MailboxAlias(string(b))
}

// appendQuoted appends b as a quoted string. It has no line breaks.
func appendQuoted(dst, b []byte) []byte {
	dst = append(dst, '"')
	for _, ch := range b {
		if ch == '"' || ch == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, ch)
	}
	return append(dst, '"')
}

// isAtom reports whether the engine reads b as an atom. It takes the octets
// 0x80 to 0x9f for control characters, and so cannot read UTF-8.
func isAtom(b []byte) bool {
	for _, ch := range b {
		if ch <= ' ' || ch >= 0x7f || strings.IndexByte(`(){%*"\]`, ch) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

// putFlags writes a list of flags or mailbox attributes, without those that the
// engine cannot read.
func (c *Conn) putFlags(x *lexer, n int32) {
	c.put("(")
	first, count := true, 0
	for f := x.child(n); f != none && count < maxFlags; f = x.next(f) {
		b := x.raw(f)
		if x.isNil(f) || x.isList(f) || !isAtom(bytes.TrimPrefix(b, []byte{'\\'})) && string(b) != `\*` {
			continue
		}
		if !first {
			c.put(" ")
		}
		c.put(string(b))
		first = false
		count++
	}
	c.put(")")
}

func (c *Conn) writeFlags(uint32) bool {
	v, ok := c.lex.value()
	if !ok || !c.lex.isList(v) {
		return false
	}
	c.put("FLAGS ")
	c.putFlags(&c.lex, v)
	return true
}

func (c *Conn) writeCapability(uint32) bool {
	c.put("CAPABILITY")
	c.putCaps(strings.Fields(string(c.lex.b[c.lex.pos:])))
	return true
}

// putCaps writes capabilities. Beside IMAP4rev1, IMAP4rev2 is left out: it has
// to be enabled first, and the engine sends UTF-8 as soon as it is offered.
func (c *Conn) putCaps(caps []string) {
	rev1 := slices.ContainsFunc(caps, func(s string) bool { return strings.EqualFold(s, "IMAP4rev1") })
	for i, name := range caps {
		if i >= maxCaps || !isAtom([]byte(name)) || rev1 && strings.EqualFold(name, "IMAP4rev2") {
			continue
		}
		c.put(" " + name)
	}
}

// writeList writes LIST without its extended data, which nobody needs.
func (c *Conn) writeList(uint32) bool {
	x := &c.lex
	start := x.pos
	if c.listEntry() {
		return true
	}
	// The delimiter may be a backslash that was not escaped: "\".
	x.pos, x.verbatim = start, true
	return c.listEntry()
}

func (c *Conn) listEntry() bool {
	x := &c.lex
	attrs, ok1 := x.value()
	delim, ok2 := x.value()
	x.space()
	start := x.pos
	name, ok3 := x.value()
	if !ok1 || !ok2 || !ok3 || !x.isList(attrs) && !x.isNil(attrs) || x.isList(delim) || x.isList(name) {
		return false
	}
	b := x.octets(name)
	if x.nodes[name].kind == atom { // NIL may well be a name; so may one with bare spaces
		b = x.b[start:x.pos]
		if rest := bytes.TrimSpace(x.b[x.pos:]); len(rest) > 0 && rest[0] != '(' {
			b = bytes.TrimSpace(x.b[start:])
		}
	}
	if len(b) > maxName {
		return false
	}
	c.tellMailbox(b, true)
	c.put("LIST ")
	c.putFlags(x, attrs)
	c.put(" ")
	c.putDelimiter(x.octets(delim))
	c.put(" ")
	c.putMailbox(b)
	return true
}

// putDelimiter writes a hierarchy delimiter, which is one character or NIL.
func (c *Conn) putDelimiter(b []byte) {
	if r, n := utf8.DecodeRune(b); n == len(b) && n > 0 && r != utf8.RuneError && r >= ' ' {
		c.putString(b)
	} else {
		c.put("NIL")
	}
}

// statusItems are the STATUS items that the engine reads, and their largest
// values. One that has another value is left out, and stays unknown.
var statusItems = map[string]uint64{
	"MESSAGES":        math.MaxUint32,
	"UIDNEXT":         math.MaxUint32,
	"UIDVALIDITY":     math.MaxUint32,
	"UNSEEN":          math.MaxUint32,
	"DELETED":         math.MaxUint32,
	"SIZE":            math.MaxInt64,
	"APPENDLIMIT":     math.MaxUint32,
	"DELETED-STORAGE": math.MaxInt64,
	"HIGHESTMODSEQ":   math.MaxInt64,
}

func (c *Conn) writeStatus(uint32) bool {
	x := &c.lex
	name, ok1 := x.value()
	items, ok2 := x.value()
	if !ok1 || !ok2 || x.isList(name) || !x.isList(items) || len(x.raw(name)) > maxName {
		return false
	}
	c.tellMailbox(x.astring(name), false)
	c.put("STATUS ")
	c.putMailbox(x.astring(name))
	c.put(" (")
	first := true
	for key := x.child(items); key != none; {
		value := x.next(key)
		item := upper(x.raw(key))
		if v, ok := x.number(value, statusItems[item]); ok && statusItems[item] > 0 {
			if !first {
				c.put(" ")
			}
			first = false
			c.put(item + " ")
			c.putNumber(v)
		}
		key = x.next(value)
	}
	c.put(")")
	return true
}

// astring returns a string's octets where NIL is not special.
func (x *lexer) astring(n int32) []byte {
	if x.isNil(n) {
		return x.raw(n)
	}
	return x.octets(n)
}

// writeNamespace writes NAMESPACE (RFC 2342) without extensions. The engine
// does not decode the prefixes, though it encodes them when it lists, so they
// are decoded here.
func (c *Conn) writeNamespace(uint32) bool {
	x := &c.lex
	c.put("NAMESPACE")
	for range 3 { // personal, other users', shared
		v, ok := x.value()
		if !ok || !x.isList(v) && !x.isNil(v) {
			return false
		}
		if x.child(v) == none {
			c.put(" NIL")
			continue
		}
		c.put(" (")
		first := true
		for entry := x.child(v); entry != none; entry = x.next(entry) {
			prefix := x.child(entry)
			if !x.isList(entry) || x.isList(prefix) || len(x.raw(prefix)) > maxName {
				return false
			}
			if !first {
				c.put(" ")
			}
			first = false
			c.put("(")
			c.putString([]byte(c.decodedName(x.octets(prefix))))
			c.put(" ")
			c.putDelimiter(x.octets(x.next(prefix)))
			c.put(")")
		}
		c.put(")")
	}
	return true
}

func (c *Conn) decodedName(b []byte) string {
	if !c.canonical(b) {
		return MailboxAlias(string(b))
	}
	if name, ok := decodeUTF7(b); ok {
		return name
	}
	return string(b)
}

func (c *Conn) writeQuota(uint32) bool {
	x := &c.lex
	root, ok1 := x.value()
	resources, ok2 := x.value()
	if !ok1 || !ok2 || x.isList(root) || !x.isList(resources) {
		return false
	}
	c.put("QUOTA ")
	c.putString(x.text(root))
	c.put(" (")
	first := true
	for name := x.child(resources); name != none; {
		used := x.next(name)
		limit := x.next(used)
		u, ok1 := x.number(used, math.MaxInt64)
		l, ok2 := x.number(limit, math.MaxInt64)
		if !ok1 || !ok2 || !isAtom(x.raw(name)) {
			return false
		}
		if !first {
			c.put(" ")
		}
		first = false
		c.put(upper(x.raw(name)) + " ")
		c.putNumber(u)
		c.put(" ")
		c.putNumber(l)
		name = x.next(limit)
	}
	c.put(")")
	return true
}

func (c *Conn) writeQuotaRoot(uint32) bool { return c.putNameAndStrings("QUOTAROOT") }
func (c *Conn) writeMyRights(uint32) bool  { return c.putNameAndStrings("MYRIGHTS") }
func (c *Conn) writeACL(uint32) bool       { return c.putNameAndStrings("ACL") }

// putNameAndStrings writes a response of a mailbox name and strings.
func (c *Conn) putNameAndStrings(response string) bool {
	x := &c.lex
	name, ok := x.value()
	if !ok || x.isList(name) || len(x.raw(name)) > maxName {
		return false
	}
	c.put(response + " ")
	c.putMailbox(x.astring(name))
	count := 0
	for x.space(); !x.atEnd(); x.space() {
		v, ok := x.value()
		if !ok || x.isList(v) {
			return false
		}
		c.put(" ")
		c.putString(x.text(v))
		count++
	}
	return response == "QUOTAROOT" || count > 0 && (response == "MYRIGHTS" || count%2 == 0)
}
