package guard

import (
	"fmt"
	"math"
	"slices"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
)

// Item is a set of items that a FETCH response can have.
type Item uint16

// The items that end up in a Message.
const (
	HaveFlags Item = 1 << iota
	HaveDate
	HaveSize
	HaveEnvelope
	HaveStructure
	HaveModSeq
	HaveGmailID
	HaveGmailThread
	HaveLabels
)

// Message is what one FETCH response said. It may be kept.
type Message struct {
	// Message has the fields that the response had. Its Defects are items that
	// were unreadable, or missing although the Fetch that it answers asked for
	// them. UID is 0 if the server did not say it.
	cache.Message
	// Seq is the message sequence number at the time of the response, 0 where
	// the server gives UIDs only.
	Seq uint32
	// Have tells which items the response had, readable or not.
	Have Item
	// Nil lists the body items that were answered NIL, named as for Literal.
	Nil []string
	// Lost lists those that came and are not what the server announced.
	Lost []string
}

// reply is a FETCH response while it is read.
type reply struct {
	*Message
	owner *command // the Fetch that a body item in it belongs to
	held  []heldItem
	size  int64  // of what is held
	lost  string // one that is not what it should be, and why
	why   string
	open  string // the body that was just read, and is proven by what follows
	// bodies are those that have come, in order.
	bodies []string
}

// heldItem is a body item that came before the UID.
type heldItem struct {
	name   string
	octets []byte
}

// MessageError is why a connection ended in the middle of an answer about one
// message: its fault, perhaps.
type MessageError struct {
	UID uint32
	Err error
}

func (e *MessageError) Error() string {
	return fmt.Sprintf("answer about message %d: %v", e.UID, e.Err)
}

func (e *MessageError) Unwrap() error { return e.Err }

// message reads a FETCH or UIDFETCH response, which begins with the sequence
// number or the UID, and hands it on.
func (c *Conn) message(seq, uid uint32) error {
	r := reply{Message: &Message{Seq: seq, Message: cache.Message{UID: uid, Size: -1}}}
	err := c.items(&r)
	switch {
	case err == nil:
		c.complete(&r)
	case r.UID != 0:
		err = &MessageError{r.UID, err}
	}
	return err
}

// items reads the items of a FETCH response.
func (c *Conn) items(r *reply) error {
	x := &c.lex
	open := false
	for x.accept('(') {
		open = true
	}
	for {
		x.space()
		if x.atEnd() {
			if open && x.join() {
				continue
			}
			if open && r.open != "" { // its parenthesis may be the last of the octets
				r.lose(r.open, "the answer ends with it")
			}
			break
		}
		r.prove(x)
		if x.b[x.pos] == ')' {
			break
		}
		if !x.atName() { // a value without a name: nothing in it is an item
			x.nodes = x.nodes[:0]
			x.value()
			if x.err != nil {
				return x.err
			}
			continue
		}
		name := x.item()
		if isBody(name) {
			if err := c.bodyItem(r, bodyName(name)); err != nil {
				return err
			}
		} else {
			c.item(r, itemBit(name), equalFold(name, "UID"))
		}
		if x.err != nil {
			return x.err
		}
	}
	x.finish()
	return x.err
}

// atName reports whether the name of an item may come next.
func (x *lexer) atName() bool {
	ch := x.b[x.pos]
	return 'A' <= ch && ch <= 'Z' || 'a' <= ch && ch <= 'z'
}

// itemBit returns the bit of an item, 0 if it has none.
func itemBit(name []byte) Item {
	var buf [16]byte
	if len(name) > len(buf) {
		return 0
	}
	switch string(appendUpper(buf[:0], name)) { // every message has them: no map is as fast
	case "FLAGS":
		return HaveFlags
	case "INTERNALDATE":
		return HaveDate
	case "RFC822.SIZE":
		return HaveSize
	case "ENVELOPE":
		return HaveEnvelope
	case "BODYSTRUCTURE":
		return HaveStructure
	case "MODSEQ":
		return HaveModSeq
	case "X-GM-MSGID":
		return HaveGmailID
	case "X-GM-THRID":
		return HaveGmailThread
	case "X-GM-LABELS":
		return HaveLabels
	}
	return 0
}

// itemValue reads an item's value. One that is the name of another item is not
// there at all, and what follows is not to be read out of step.
func (x *lexer) itemValue() (v int32, ok bool) {
	x.nodes, x.repaired, x.guessed = x.nodes[:0], false, false
	x.space()
	at := x.pos
	if v, ok = x.value(); ok && x.nodes[v].kind == atom {
		if word := x.raw(v); len(word) > 0 && word[0] > '9' && (itemBit(word) != 0 || equalFold(word, "UID") || isBody(word)) {
			x.pos = at
			return none, false
		}
	}
	return v, ok
}

// item reads the value of an item that is no body.
func (c *Conn) item(r *reply, item Item, isUID bool) {
	x := &c.lex
	v, ok := x.itemValue()
	if item != 0 && r.Have&item != 0 {
		return // once is enough; the second is another message's, if a literal was too long
	}
	r.Have |= item
	m := &r.Message.Message
	switch item {
	case HaveFlags:
		m.Flags = x.flags(v)
	case HaveDate:
		m.Date, ok = x.date(v)
		m.Defects |= defect(ok, cache.DefectDate)
	case HaveSize:
		size, ok := x.number(v, math.MaxInt64)
		if m.Size = int64(size); !ok {
			m.Size = -1
		}
		m.Defects |= defect(ok, cache.DefectSize)
	case HaveModSeq:
		if x.isList(v) {
			v = x.child(v)
		}
		m.ModSeq, _ = x.number(v, math.MaxInt64)
	case HaveEnvelope:
		e := x.envelope(v)
		m.From, m.Subject, m.MessageID = e.from, e.subject, e.messageID
		m.Defects |= defect(ok && e.sound && !x.repaired, cache.DefectEnvelope)
	case HaveStructure:
		if ok {
			m.Parts, ok = x.parts(v)
		}
		m.Defects |= defect(ok, cache.DefectStructure)
	case HaveGmailID:
		gmail(m).ID, _ = x.number(v, math.MaxUint64)
	case HaveGmailThread:
		gmail(m).Thread, _ = x.number(v, math.MaxUint64)
	case HaveLabels:
		if ok && (x.isList(v) || x.isNil(v)) {
			gmail(m).Labels = cache.LabelsOf(x.labels(v, c.utf8))
		}
	default:
		switch uid, ok := x.number(v, math.MaxUint32); {
		case !ok || !isUID:
		case m.UID == 0:
			m.UID = uint32(uid)
		case m.UID != uint32(uid) && len(r.bodies) > 0: // the next answer's
			r.lose(r.bodies[len(r.bodies)-1], "the answer names another message behind it")
		}
	}
}

func gmail(m *cache.Message) *cache.Gmail {
	if m.Gmail == nil {
		m.Gmail = new(cache.Gmail)
	}
	return m.Gmail
}

func defect(ok bool, d cache.Defect) cache.Defect {
	if ok {
		return 0
	}
	return d
}

// complete hands on a response that has been read to its end.
func (c *Conn) complete(r *reply) {
	uid := imap.UID(r.UID)
	for _, h := range r.held {
		if !c.claim(r, h.name) {
			continue
		}
		c.meter.bodies.Add(int64(len(h.octets)))
		w := r.owner.open(uid, h.name, int64(len(h.octets)))
		if w != nil && len(h.octets) > 0 {
			r.owner.write(w, h.octets, uid, h.name)
		}
	}
	for _, name := range r.Nil {
		c.claim(r, name)
	}
	if r.lost != "" && c.claim(r, r.lost) {
		r.lose(r.lost, r.why)
	}
	if r.owner == nil && r.UID == 0 && r.Have&^stateItems != 0 {
		r.owner, uid = c.soleOwner("", r.Have)
		r.UID = uint32(uid)
	}
	if r.owner == nil {
		if r.owner = c.owner(uid, "", r.Have); r.owner != nil && r.owner.gave(uid, "") {
			c.strayed = 0
		}
	}
	if r.owner != nil {
		r.Defects |= missing(r.owner.wants.items &^ r.Have)
		if r.owner.deliver(r.Message) {
			return
		}
	}
	if r.UID != 0 && r.Have != 0 && r.Have&^stateItems == 0 {
		c.tellState(uid, r.Message)
	}
	// While a SELECT runs the message may be one of the mailbox that is left.
	if r.Have != 0 && c.hooks.Update != nil && !c.selectSent() {
		c.hooks.Update(r.Message)
	}
}

// tellState tells the commands that want to know of the state of a message.
func (c *Conn) tellState(uid imap.UID, m *Message) {
	c.mu.Lock()
	i := slices.IndexFunc(c.pending, func(cmd *command) bool {
		return cmd.fetch != nil && cmd.fetch.State != nil && cmd.fetch.about(uid)
	})
	var cmd *command
	if i >= 0 {
		cmd = c.pending[i]
	}
	c.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	if !cmd.dead.Load() {
		cmd.fetch.State(m)
	}
}

// missing returns the defects of a message that lacks items.
func missing(items Item) (d cache.Defect) {
	for _, one := range [...]struct {
		item Item
		of   cache.Defect
	}{
		{HaveDate, cache.DefectDate}, {HaveSize, cache.DefectSize},
		{HaveEnvelope, cache.DefectEnvelope}, {HaveStructure, cache.DefectStructure},
	} {
		if items&one.item != 0 {
			d |= one.of
		}
	}
	return d
}

// Beside returns a message that has what both have, if they are two answers
// about one: of an item that came twice, what came first.
func (m *Message) Beside(first *Message) *Message {
	both, later := *first, *m
	if later.Gmail != nil {
		both.Gmail = new(cache.Gmail)
		if first.Gmail != nil {
			*both.Gmail = *first.Gmail
		}
	} else {
		later.Gmail = new(cache.Gmail)
	}
	more := m.Have &^ first.Have
	both.Have |= more
	of := map[Item]func(){
		HaveFlags:     func() { both.Flags = later.Flags },
		HaveModSeq:    func() { both.ModSeq = later.ModSeq },
		HaveDate:      func() { both.Date = later.Date },
		HaveSize:      func() { both.Size = later.Size },
		HaveEnvelope:  func() { both.From, both.Subject, both.MessageID = later.From, later.Subject, later.MessageID },
		HaveStructure: func() { both.Parts = later.Parts },

		HaveGmailID:     func() { gmail(&both.Message).ID = later.Gmail.ID },
		HaveGmailThread: func() { gmail(&both.Message).Thread = later.Gmail.Thread },
		HaveLabels:      func() { gmail(&both.Message).Labels = later.Gmail.Labels },
	}
	for item, take := range of {
		if more&item != 0 {
			take()
			d := missing(item)
			both.Defects = both.Defects&^d | later.Defects&d
		}
	}
	return &both
}
