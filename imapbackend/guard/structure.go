package guard

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"imapfs/cache/content"
)

// structure turns a BODYSTRUCTURE (RFC 9051, section 7.5.2) into a part table.
type structure struct {
	x     *lexer
	parts []content.Part
	// unusable tells that no table can be had from it: it is larger or deeper
	// than one may be, or it hides what the message holds.
	unusable bool
	// Used again for every part.
	params, dispositionParams []content.Param
}

// keepParts is how large a table is kept to be used again.
const keepParts = 64

// parts returns the table for a BODYSTRUCTURE, nil if that is broken, has no
// part at all, or exceeds a limit.
func (x *lexer) parts(n int32) ([]content.Part, bool) {
	s := structure{x: x, parts: x.table[:0], params: x.params, dispositionParams: x.moreParams}
	good := s.message(n, "", -1, 0) && !s.unusable && len(s.parts) > 0
	if cap(s.parts) <= keepParts {
		x.table, x.params, x.moreParams = s.parts, s.params, s.dispositionParams
	}
	if !good {
		return nil, false
	}
	// Cyrus says it of a multipart that names no boundary. A message that is
	// really empty costs little to read.
	if p := &s.parts[0]; len(s.parts) == 1 && isStandIn(p) && strings.EqualFold(p.Charset, "us-ascii") {
		return nil, false
	}
	return slices.Clone(s.parts), true
}

// message adds the parts of a message, which is at section ("" for the
// outermost one) and has the index parent. The recursion is bounded by
// content.MaxDepth.
func (s *structure) message(n int32, section string, parent, depth int) bool {
	if s.isMultipart(n) {
		return s.multipart(n, section, parent, depth)
	}
	return s.leaf(n, subsection(section, 1), parent, depth)
}

func (s *structure) isMultipart(n int32) bool { return s.x.isList(s.x.child(n)) }

func (s *structure) multipart(n int32, section string, parent, depth int) bool {
	if depth++; depth > content.MaxDepth {
		s.unusable = true
		return false
	}
	before := len(s.parts)
	number, child := 0, s.x.child(n)
	for ; s.x.isList(child); child = s.x.next(child) {
		number++
		at := subsection(section, number)
		var ok bool
		if s.isMultipart(child) {
			ok = s.multipart(child, at, parent, depth)
		} else {
			ok = s.leaf(child, at, parent, depth)
		}
		if !ok {
			return false
		}
	}
	if number == 1 && len(s.parts) == before+1 && isStandIn(&s.parts[before]) {
		s.unusable = true
		return false
	}
	if child != none && !s.x.isString(child) { // the subtype; NIL is a lost part
		return false
	}
	for ; child != none; child = s.x.next(child) {
		if s.isLeaf(child) {
			return false // so is what stands before it
		}
	}
	return true
}

// isLeaf reports whether a value has all that a part that is no multipart has.
func (s *structure) isLeaf(n int32) bool {
	var fields [fieldOctets + 1]int32
	count := 0
	for f := s.x.child(n); f != none && count < len(fields); f = s.x.next(f) {
		fields[count] = f
		count++
	}
	return count == len(fields) && s.x.isString(fields[fieldEncoding]) && isNumber(s.x, fields[fieldOctets])
}

// isStandIn reports whether an only part may be the empty one that Dovecot and
// Cyrus put where they find no boundary. All the text that is there instead can
// only be had from the message itself.
func isStandIn(p *content.Part) bool {
	return p.Octets == 0 && p.Type == "text/plain" && p.Encoding == content.Identity && !p.Named && p.ContentID == ""
}

// subsection numbers a part by RFC 9051, section 6.4.5.
func subsection(section string, number int) string {
	if digits := "123456789"; section == "" && number <= len(digits) {
		return digits[number-1 : number]
	}
	var buf [64]byte
	b := append(buf[:0], section...)
	if section != "" {
		b = append(b, '.')
	}
	return intern(strconv.AppendInt(b, int64(number), 10))
}

// The fields of a part's body, by position. What follows depends on the type.
const (
	fieldParams   = 2
	fieldID       = 3
	fieldEncoding = 5
	fieldOctets   = 6
	maxFields     = 32 // far more than any extension has added
)

// leaf adds a part that is no multipart, and the parts of the message in it.
func (s *structure) leaf(n int32, section string, parent, depth int) bool {
	if len(s.parts) >= content.MaxParts {
		s.unusable = true
		return false
	}
	x := s.x
	var fields [maxFields]int32
	count := 0
	for f := x.child(n); f != none && count < maxFields; f = x.next(f) {
		fields[count] = f
		count++
	}
	shift, encoding, ok := s.octets(fields[:count])
	if !ok || equalFold(x.text(fields[0]), "MULTIPART") {
		// A multipart without children, or one that the server took for a
		// leaf (GMX): there is no telling what its sections are.
		return false
	}
	index := len(s.parts)
	s.parts = append(s.parts, content.Part{
		Section:   section,
		Parent:    parent,
		Type:      mediaType(x.text(fields[0]), x.text(fields[1])),
		Encoding:  encoding,
		ContentID: intern(bytes.TrimSpace(x.text(fields[fieldID]))),
		Octets:    -1,
	})
	p := &s.parts[index]
	if octets, ok := x.number(fields[fieldOctets+shift], math.MaxInt64); ok {
		p.Octets = int64(octets)
	}
	s.params = s.readParams(s.params[:0], x.child(fields[fieldParams]))
	rest := fields[fieldOctets+shift+1 : count]

	isMessage := p.Type == "message/rfc822" || p.Type == "message/global"
	enclosed := isMessage && len(rest) > 1 && x.child(rest[0]) != none && x.child(rest[1]) != none
	switch {
	case enclosed, isMessage && len(rest) > 2 && isNumber(x, rest[2]): // Exchange: NIL NIL 5
		rest = rest[min(3, len(rest)):] // envelope, structure, lines
	case len(rest) > 0 && (p.Text() && !x.isList(rest[0]) || isNumber(x, rest[0])):
		rest = rest[1:] // lines; some servers count them for every type
	}
	s.disposition(p, rest)
	s.name(p)

	if !enclosed || p.Encoding != content.Identity && p.Encoding != content.Binary {
		return true // an encoded message cannot be fetched by section
	}
	p.Message, p.Subject = true, x.envelope(fields[fieldOctets+shift+1]).subject
	if depth++; depth > content.MaxDepth {
		s.unusable = true
		return false
	}
	if !s.message(fields[fieldOctets+shift+2], section, index, depth) {
		if s.unusable {
			return false
		}
		s.parts = s.parts[:index+1]
		s.parts[index].Message, s.parts[index].Subject = false, ""
	}
	return true
}

// octets finds the number of octets, behind the encoding: quotes that were not
// escaped in the description push it back (go-imap issue 659).
func (s *structure) octets(fields []int32) (shift int, encoding content.Encoding, ok bool) {
	x := s.x
	for ; fieldOctets+shift < len(fields); shift++ {
		enc, octets := fields[fieldEncoding+shift], fields[fieldOctets+shift]
		if x.isList(enc) || isNumber(x, enc) || !x.isNil(octets) && !isNumber(x, octets) {
			continue
		}
		var buf [16]byte
		encoding, known := content.EncodingByName(appendLower(buf[:0], x.text(enc)))
		if shift == 0 || known {
			return shift, encoding, true
		}
	}
	return 0, 0, false
}

// isNumber reports whether a value is a number, -1 included, which some servers
// send for what they do not know (go-imap issue 534).
func isNumber(x *lexer, n int32) bool {
	if n == none || x.nodes[n].kind != atom {
		return false
	}
	_, ok := number(bytes.TrimPrefix(x.raw(n), []byte{'-'}), math.MaxUint64)
	return ok
}

// disposition reads body-fld-dsp from the extension data: MD5, disposition,
// language, location. Some servers leave the MD5 out, or the list around a
// disposition without parameters.
func (s *structure) disposition(p *content.Part, rest []int32) {
	x := s.x
	s.dispositionParams = s.dispositionParams[:0]
	at := 1
	if len(rest) > 0 && x.isList(rest[0]) {
		at = 0
	}
	if at >= len(rest) {
		return
	}
	value := rest[at]
	if x.isList(value) {
		value = x.child(value)
		params := x.child(x.next(value))
		if x.isString(x.next(value)) { // without a list of their own
			params = x.next(value)
		}
		s.dispositionParams = s.readParams(s.dispositionParams, params)
	}
	var buf [32]byte
	p.Disposition = intern(appendLower(buf[:0], x.text(value)))
}

// readParams appends the parameters from the value key on to dst. Some servers
// put each into a list of its own.
func (s *structure) readParams(dst []content.Param, key int32) []content.Param {
	x := s.x
	for key != none {
		if x.isList(key) {
			if !x.isList(x.child(key)) {
				dst = s.readParams(dst, x.child(key))
			}
			key = x.next(key)
			continue
		}
		value := x.next(key)
		s.unusable = s.unusable || x.isTorn(key) || x.isTorn(value)
		if k := x.text(key); len(k) > 0 && value != none {
			dst = append(dst, content.Param{Key: paramKey(k), Value: string(x.text(value))})
		}
		key = x.next(value)
	}
	return dst
}

// paramKey is string(k), without making one of the keys that nearly all have.
func paramKey(k []byte) string {
	switch string(k) {
	case "charset":
		return "charset"
	case "name":
		return "name"
	case "filename":
		return "filename"
	}
	return string(k)
}

// isTorn reports whether a value is a piece of a string that was broken by the
// quotation marks in it: no telling what a file is called.
func (x *lexer) isTorn(n int32) bool {
	return n != none && x.nodes[n].kind == atom && bytes.IndexByte(x.raw(n), '"') >= 0
}

// name sets what the parameters say: the file name and the charset.
func (s *structure) name(p *content.Part) {
	p.Name, p.Named = content.Filename(s.dispositionParams, s.params)
	for _, param := range s.params {
		if strings.EqualFold(param.Key, "charset") {
			p.Charset = intern([]byte(strings.TrimSpace(param.Value)))
			return
		}
	}
}

// mediaType returns a type in lower case. What is missing is the default of
// RFC 2045 for text, and octets for everything else.
func mediaType(major, minor []byte) string {
	switch {
	case bytes.IndexByte(major, '/') > 0: // both in one
		return intern(appendLower(nil, major))
	case len(minor) > 0 && len(major) > 0:
		var buf [128]byte
		return intern(appendLower(append(appendLower(buf[:0], major), '/'), minor))
	case equalFold(major, "TEXT"):
		return "text/plain"
	}
	return "application/octet-stream"
}
