package content

import (
	"bytes"
	"strconv"
)

// Range is a range of octets in a message.
type Range struct{ Start, End int64 }

// Parsed is the structure of a message, as an IMAP server would give it.
type Parsed struct {
	// Parts is the part table.
	Parts []Part
	// Bodies has, for each of Parts, where its encoded body is; for an enclosed
	// message all of its text, header and body.
	Bodies []Range
	// Headers has, for each enclosed message in Parts, where its header is,
	// with the blank line that ends it; zero for other parts.
	Headers []Range
	// Header is where the message's own header is, with its blank line.
	Header Range
	// From, Subject and MessageID are what cache.Message has under these names.
	From, Subject, MessageID string
}

// frame is an entity that is still open: a multipart or an enclosed message.
type frame struct {
	message bool
	part    int // the enclosed message's index in the table

	boundary []byte // of a multipart, with its leading dashes
	digest   bool
	prefix   string // of the children's section numbers
	children int
	start    int  // of the body
	whole    Part // what it is if its body turns out to have no boundary
}

// parser reads a message from its start to its end, once. Open entities are on
// a stack, whose depth is bounded; nothing recurses.
type parser struct {
	Parsed
	msg  []byte
	pos  int
	used int // where the last header or boundary line ends
	open []frame
	leaf int // index of the part whose body is being read, -1: none
}

// Parse reads a message's structure from the message itself, for where a server
// gives none that is usable. It never fails: at worst the message is one part.
// Sections are numbered as RFC 9051, section 6.4.5 has it.
//
// Where a message is broken it decides as Dovecot does: a part ends at the
// boundary of any multipart that is still open, boundaries match by prefix, a
// header ends at a blank line or a boundary only.
func Parse(message []byte) Parsed {
	p := parser{msg: message, leaf: -1}
	p.root("", -1)
	for p.pos < len(p.msg) && len(p.Parts) < MaxParts {
		p.line()
	}
	p.close(0, len(p.msg))
	return p.Parsed
}

// line reads one line of a body or of what is between bodies.
func (p *parser) line() {
	start := p.pos
	p.pos += lineLen(p.msg[start:])
	i, last := p.boundary(p.msg[start:p.pos])
	if i < 0 {
		return
	}
	if last || p.msg[p.pos-1] != '\n' { // or cut off here: no part follows
		p.close(i, p.bodyEnd(start))
		p.used = p.pos
		return
	}
	p.close(i+1, p.bodyEnd(start))
	f := &p.open[i]
	f.children++
	e, _ := p.header(f.digest)
	section := f.prefix + strconv.Itoa(f.children)
	p.body(e, section, section+".")
}

// root reads the header of a message: of the outermost one, or of the enclosed
// one with index parent. prefix is what its parts' numbers start with.
func (p *parser) root(prefix string, parent int) {
	e, r := p.header(false)
	if parent < 0 {
		p.Header, p.From, p.Subject, p.MessageID = r, e.from, e.subject, e.id
	} else {
		p.Headers[parent], p.Parts[parent].Subject = r, e.subject
	}
	p.body(e, prefix+"1", prefix)
}

// header reads a header block, up to a blank line or a boundary.
func (p *parser) header(inDigest bool) (entity, Range) {
	start := p.pos
	for p.pos < len(p.msg) {
		n := lineLen(p.msg[p.pos:])
		line := p.msg[p.pos : p.pos+n]
		if i, _ := p.boundary(line); i >= 0 {
			break
		}
		p.pos += n
		if isBlankLine(line) {
			break
		}
	}
	p.used = p.pos
	r := Range{int64(start), int64(p.pos)}
	return readEntity(p.msg[start:p.pos], inDigest), r
}

// body begins the body of e: opens a multipart or an enclosed message, or adds
// a leaf. section is the entity's own number, prefix that of its children.
func (p *parser) body(e entity, section, prefix string) {
	part := e.part
	part.Section, part.Parent = section, p.parent()
	if len(p.open) >= MaxDepth {
		part.Message, e.boundary = false, ""
	}
	if e.boundary != "" {
		p.open = append(p.open, frame{
			boundary: []byte("--" + e.boundary), digest: e.digest,
			prefix: prefix, start: p.pos, whole: part,
		})
		return
	}
	if !p.add(part, p.pos) {
		return
	}
	index := len(p.Parts) - 1
	if !part.Message {
		p.leaf = index
		return
	}
	p.open = append(p.open, frame{message: true, part: index})
	p.root(section+".", index) // no deeper than MaxDepth
}

// boundary returns the open multipart whose boundary line is, -1 if none, and
// whether it is the closing one. The longest that matches wins, then the
// innermost.
func (p *parser) boundary(line []byte) (index int, last bool) {
	index = -1
	if !bytes.HasPrefix(line, []byte("--")) {
		return index, false
	}
	longest := 0
	for i := len(p.open) - 1; i >= 0; i-- {
		b := p.open[i].boundary
		if len(b) > longest && bytes.HasPrefix(line, b) {
			index, longest = i, len(b)
		}
	}
	return index, index >= 0 && bytes.HasPrefix(line[longest:], []byte("--"))
}

// bodyEnd returns where the bodies end that a boundary at start follows: the line
// end before it belongs to the boundary (RFC 2046, section 5.1.1), unless it
// belongs already to a header's blank line or to another boundary.
func (p *parser) bodyEnd(start int) int {
	end := start
	if end > 0 && p.msg[end-1] == '\n' {
		end--
		if end > 0 && p.msg[end-1] == '\r' {
			end--
		}
	}
	return max(end, p.used)
}

// close ends the open leaf and all open entities from index depth on.
func (p *parser) close(depth, end int) {
	if p.leaf >= 0 {
		p.end(p.leaf, end)
		p.leaf = -1
	}
	for i := len(p.open) - 1; i >= depth; i-- {
		f := p.open[i]
		p.open = p.open[:i]
		if f.message {
			p.end(f.part, end)
		} else if f.children == 0 && p.add(f.whole, f.start) {
			p.end(len(p.Parts)-1, end)
		}
	}
}

func (p *parser) end(part, end int) {
	r := &p.Bodies[part]
	r.End = int64(end)
	p.Parts[part].Octets = r.End - r.Start
}

// parent returns the innermost open enclosed message, -1 for the outermost one.
func (p *parser) parent() int {
	for i := len(p.open) - 1; i >= 0; i-- {
		if p.open[i].message {
			return p.open[i].part
		}
	}
	return -1
}

func (p *parser) add(part Part, start int) bool {
	if len(p.Parts) >= MaxParts {
		return false
	}
	p.Parts = append(p.Parts, part)
	p.Bodies = append(p.Bodies, Range{int64(start), int64(start)})
	p.Headers = append(p.Headers, Range{})
	return true
}
