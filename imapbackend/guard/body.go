package guard

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// bodyItem reads the value of a body item.
func (c *Conn) bodyItem(r *reply, name string) error {
	x := &c.lex
	x.space()
	if r.again(name) {
		r.lose(name, "it comes twice in one answer")
	}
	if size, ok := x.literalHere(); ok {
		if err := c.body(r, name, size); err != nil {
			return err
		}
		line, err := c.frames.line()
		if err != nil {
			return err
		}
		if c.beginsResponse(line) {
			c.frames.unread(line)
			line = nil
			r.lose(name, "fewer octets than the server announced")
		}
		x.reset(line)
		r.open = name
		return nil
	}
	v, ok := x.itemValue()
	switch {
	case !ok || x.isList(v) || x.guessed || !x.atItemEnd() || x.nodes[v].kind == atom && bytes.HasPrefix(x.raw(v), []byte{'{'}):
		c.claim(r, name) // the answer has come, and is of no use
		return nil
	case x.isNil(v):
		r.Nil = append(r.Nil, name)
		c.claim(r, name)
		return nil
	}
	b := x.octets(v)
	if c.claim(r, name) {
		c.meter.bodies.Add(int64(len(b)))
		w := r.owner.open(imap.UID(r.UID), name, int64(len(b)))
		if w != nil && len(b) > 0 {
			r.owner.write(w, b, imap.UID(r.UID), name)
		}
	} else if r.hold(name, int64(len(b))) {
		r.held[len(r.held)-1].octets = bytes.Clone(b)
	}
	return nil
}

// atItemEnd reports whether what follows is the next item's name or nothing:
// else the quoted string that was read has only been a part of one.
func (x *lexer) atItemEnd() bool {
	at := x.pos
	defer func() { x.pos = at }()
	x.space()
	if x.atEnd() || x.b[x.pos] == ')' {
		return true
	}
	return x.atName() && bytes.IndexByte(x.item(), '"') < 0
}

// prove checks that what follows a body is no part of it: then the server had
// announced too few octets.
func (r *reply) prove(x *lexer) {
	if r.open == "" {
		return
	}
	if x.b[x.pos] != ')' {
		at := x.pos
		if !mayFollow(x.item()) {
			r.lose(r.open, "more octets than the server announced")
		}
		x.pos = at
	}
	r.open = ""
}

// mayFollow reports whether what stands behind a body is likely to be the name of
// an item, and not what a literal that was announced too long has left of the next
// answer: the end of FETCH, or of an item's name.
func mayFollow(name []byte) bool {
	switch {
	case itemBit(name) != 0 || isBody(name) || equalFold(name, "UID"):
		return true
	case len(name) < 3 || name[0] <= '9' || bytes.ContainsFunc(name, isNoCapital):
		return false
	}
	for _, known := range [...]string{"UIDFETCH", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ"} {
		if strings.HasSuffix(known, string(name)) {
			return false
		}
	}
	return true
}

// isNoCapital reports whether r is not in the names of items.
func isNoCapital(r rune) bool { return (r < 'A' || r > 'Z') && (r < '-' || r > '9') }

// again notes that the body item name comes, and reports whether it has come in
// this answer before: then it is the next answer's, which a literal that was
// announced too long has swallowed the beginning of. Of a command about one message
// there is no next answer; there are servers that say it twice.
func (r *reply) again(name string) bool {
	if slices.Contains(r.bodies, name) {
		return r.owner == nil || !r.owner.wants.ranges(name) && !r.owner.fetch.aboutOne()
	}
	r.bodies = append(r.bodies, name)
	return false
}

// lose notes that a body of the message is not what it should be.
func (r *reply) lose(name, why string) {
	if r.owner == nil {
		r.lost, r.why = name, why
		return
	}
	r.Lost = append(r.Lost, name)
	r.owner.mu.Lock()
	r.owner.lose(fmt.Errorf("%s of message %d: %s", name, r.UID, why))
	r.owner.mu.Unlock()
}

// body reads the literal of a body item.
func (c *Conn) body(r *reply, name string, size int64) error {
	if c.claim(r, name) {
		uid := imap.UID(r.UID)
		return c.stream(r.owner, r.owner.open(uid, name, size), size, uid, name)
	}
	if r.hold(name, size) {
		b, err := c.frames.read(nil, size)
		r.held[len(r.held)-1].octets = b
		return err
	}
	return c.frames.skip(size)
}

// claim finds out whom a body item belongs to.
func (c *Conn) claim(r *reply, name string) bool {
	switch {
	case r.owner != nil:
	case r.UID != 0:
		r.owner = c.owner(imap.UID(r.UID), name, 0)
	default:
		var uid imap.UID
		if r.owner, uid = c.soleOwner(name, 0); r.owner != nil {
			r.UID = uint32(uid)
		}
	}
	if r.owner == nil {
		return false
	}
	if r.owner.gave(imap.UID(r.UID), name) {
		c.strayed = 0
	}
	return true
}

// hold makes room for a body item whose message is not yet known.
func (r *reply) hold(name string, size int64) bool {
	if r.UID != 0 {
		return false // nobody asked
	}
	if size > maxHeld-r.size {
		r.lost, r.why = name, "the server named its UID too late"
		return false
	}
	r.size += size
	r.held = append(r.held, heldItem{name: name})
	return true
}

// stream passes size octets to w as they arrive.
func (c *Conn) stream(cmd *command, w io.Writer, size int64, uid imap.UID, name string) error {
	if size > maxLiteral {
		return c.frames.skip(size)
	}
	c.log.literal(size)
	br := c.frames.br
	rest := size
	defer func() { c.meter.bodies.Add(size - rest) }()
	for rest > 0 {
		if room := cmd.room(w, rest); room != nil && br.Buffered() == 0 {
			n, err := br.Read(room)
			w = cmd.filled(w, n)
			if rest -= int64(n); err != nil {
				return cutLiteral(size-rest, size, err)
			}
			continue
		}
		if br.Buffered() == 0 {
			if _, err := br.Peek(1); err != nil {
				return cutLiteral(size-rest, size, err)
			}
		}
		chunk, _ := br.Peek(int(min(rest, int64(br.Buffered()))))
		if w != nil {
			w = cmd.write(w, chunk, uid, name)
		}
		br.Discard(len(chunk))
		rest -= int64(len(chunk))
	}
	return nil
}
