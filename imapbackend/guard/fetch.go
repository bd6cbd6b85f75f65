package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Fetch is a UID FETCH and where its answers go. The functions run on the
// reading goroutine and must not block; none may call the connection.
type Fetch struct {
	// UIDs are the messages, which need not exist.
	UIDs imap.UIDSet
	// Items is the list of items as on the wire. It should begin with UID:
	// "(UID FLAGS INTERNALDATE)", "(UID BODY.PEEK[1]<0.256> BODY.PEEK[2])".
	Items string
	// Modifier is "" or a list of modifiers, "(CHANGEDSINCE 12)".
	Modifier string
	// Sent, if not nil, is told once the command has been written, by the caller
	// of Fetch: what is sent after it is answered after it.
	Sent func()
	// Message receives each response that answers this command, once it is
	// complete: behind the literals in it.
	Message func(*Message)
	// State receives answers about messages of this command with nothing but what
	// can change, if the command asks for that beside other things: a server may
	// split its answer. They may as well be news of somebody else's doing.
	State func(*Message)
	// Vanished receives, a range of UIDs at a time, what VANISHED (EARLIER) says
	// is gone, if the Modifier asks for it (RFC 7162, section 3.2.6). They need
	// not be messages that have ever been there.
	Vanished func(first, last uint32)
	// Literal says where the octets of a BODY[...] or BINARY[...] item go; nil:
	// they are dropped. item is as the server names it, in upper case, without
	// PEEK: `BODY[1.2]<0>`. size octets follow, unless the connection breaks.
	// It is called in the same way whether the server sends a literal, a quoted
	// string or an atom, but not for NIL. size is the server's word: no memory
	// should be taken on it alone.
	Literal func(uid imap.UID, item string, size int64) io.Writer
}

// Fetch sends a UID FETCH. Several may run at once; it waits while the engine
// selects a mailbox. It returns at once when ctx ends, and once it has returned
// nothing of f is used any more.
//
// NO and BAD are returned as an error that is the Status, trouble with the
// connection as what Err returns. A writer's error, or an item that could not
// be assigned to a message, costs that item alone and is returned with the
// Status OK once everything else has been delivered.
func (c *Conn) Fetch(ctx context.Context, f Fetch) (Status, error) {
	set := f.UIDs.String()
	if set == "" {
		return Status{}, errors.New("fetch: no UIDs")
	}
	line := "UID FETCH " + set + " " + f.Items
	if f.Modifier != "" {
		line += " " + f.Modifier
	}
	cmd := &command{name: "FETCH", fetch: &f, wants: parseItems(f.Items)}
	return c.do(ctx, cmd, line)
}

// wanted is what a FETCH asks for.
type wanted struct {
	items  Item
	bodies []bodyItem
}

// bodyItem is a body item as it is asked for, without the length of a range.
type bodyItem struct{ key, origin string }

// nameBody splits a body item's name. Requests and their answers differ in how
// header lists are written, and some servers do not repeat the origin.
func nameBody(name string) bodyItem {
	item := bodyItem{key: name}
	if i := strings.LastIndexByte(name, ']'); i >= 0 {
		item.key, item.origin = name[:i], strings.Trim(name[i+1:], "<>")
		item.origin, _, _ = strings.Cut(item.origin, ".")
	}
	if i := strings.IndexByte(item.key, '('); i >= 0 {
		item.key = strings.TrimSpace(item.key[:i])
	}
	return item
}

func parseItems(items string) wanted {
	var w wanted
	x := lexer{b: []byte(items)}
	for !x.atEnd() {
		name := x.item()
		if len(name) == 0 {
			x.pos++ // a parenthesis
			continue
		}
		if isBody(name) {
			w.bodies = append(w.bodies, nameBody(bodyName(name)))
		} else {
			w.items |= itemBit(name)
		}
	}
	return w
}

// ranges reports whether several ranges of a body are asked for, which a server
// that leaves the origin out answers by one name.
func (w *wanted) ranges(name string) bool {
	item, n := nameBody(name), 0
	for _, b := range w.bodies {
		if b.key == item.key {
			n++
		}
	}
	return item.origin == "" && n > 1
}

// oldNames are the older names of bodies (RFC 3501, section 6.4.5).
var oldNames = map[string]string{"RFC822": "BODY[]", "RFC822.HEADER": "BODY[HEADER]", "RFC822.TEXT": "BODY[TEXT]"}

// isBody reports whether an item is a BODY[...], a BINARY[...], or what such a
// one was called before.
func isBody(item []byte) bool {
	if len(item) == 0 || item[0]|0x20 != 'b' && item[0]|0x20 != 'r' {
		return false
	}
	if len(item) > len("RFC822") && item[6] != '.' && bytes.IndexByte(item, '[') < 0 {
		return false
	}
	var buf [16]byte
	if oldNames[string(appendUpper(buf[:0], item[:min(len(item), 16)]))] != "" {
		return true
	}
	for _, prefix := range [...]string{"BODY[", "BODY.PEEK[", "BINARY[", "BINARY.PEEK["} {
		if len(item) >= len(prefix) && equalFold(item[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// bodyName is a body item's name in an answer, in upper case and without PEEK.
func bodyName(item []byte) string {
	name := upper(item)
	if is, ok := oldNames[name]; ok {
		return is
	}
	return strings.Replace(name, ".PEEK[", "[", 1)
}

// owner returns the command that an item of a message answers. For summaries
// item is "" and have is what came. Of the flags alone a command is the owner
// only if it asked for nothing else: unsolicited FETCH responses carry just
// these.
//
// Dovecot runs pipelined FETCHes side by side: the answers to two that ask for
// the same, or for two ranges of one part, may both come before either is
// complete. So an answer goes to the first that asked for exactly this and has
// not got it.
func (c *Conn) owner(uid imap.UID, item string, have Item) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := nameBody(item)
	var best *command
	bestFit := noFit
	for _, cmd := range c.pending {
		if cmd.fetch == nil || !cmd.fetch.about(uid) {
			continue
		}
		fit := cmd.wants.match(name, have)
		if fit != noFit && cmd.has(uid, name) {
			fit = givenFit
		}
		if fit > bestFit {
			best, bestFit = cmd, fit
		}
	}
	if best != nil {
		c.answering = true
	}
	return best
}

// about reports whether a message is one that is asked for; "*", the newest, may
// be any.
func (f *Fetch) about(uid imap.UID) bool {
	return f.UIDs.Contains(uid) || slices.Contains(f.UIDs, imap.UIDRange{})
}

// aboutOne reports whether one message is asked for.
func (f *Fetch) aboutOne() bool { return len(f.UIDs) == 1 && f.UIDs[0].Start == f.UIDs[0].Stop }

// answer is a body item of a message.
type answer struct {
	uid  imap.UID
	item bodyItem
}

// has reports whether cmd has got an item; that of a summary has no name. It is
// for the reading goroutine, as gave is.
func (cmd *command) has(uid imap.UID, name bodyItem) bool {
	if name == (bodyItem{}) {
		return cmd.described.Contains(uid)
	}
	return cmd.given[answer{uid, name}]
}

// gave notes that cmd has got an item, and reports whether that is news. Of
// summaries there may be millions, mostly in the order of their UIDs.
func (cmd *command) gave(uid imap.UID, item string) (news bool) {
	name := nameBody(item)
	if news = !cmd.has(uid, name); !news {
		return false
	}
	if name == (bodyItem{}) {
		cmd.described.AddNum(uid)
		return true
	}
	if cmd.given == nil {
		cmd.given = make(map[answer]bool)
	}
	cmd.given[answer{uid, name}] = true
	return true
}

// fit is how well an answer fits a command.
type fit uint8

const (
	noFit    fit = iota
	givenFit     // it has got this already
	keyFit       // but for the origin
	exactFit
)

// stateItems are what an unsolicited FETCH response carries.
const stateItems = HaveFlags | HaveModSeq | HaveLabels

func (w *wanted) match(name bodyItem, have Item) fit {
	if name.key != "" || len(w.bodies) > 0 {
		best := noFit
		for _, b := range w.bodies {
			if b == name {
				return exactFit
			}
			// There are servers that leave the origin out, or add it to what is
			// whole; another origin is another range's.
			if b.key == name.key && (name.origin == "" || b.origin == "" && name.origin == "0") {
				best = keyFit
			}
		}
		return best
	}
	if w.items == 0 {
		return keyFit // who asks for the UID alone wants to know what is there
	}
	own := w.items &^ stateItems
	if own == 0 {
		own = w.items
	}
	if have&own == 0 {
		return noFit
	}
	return exactFit
}

// soleOwner returns the only command that asked for item, and the only message
// that it is about.
func (c *Conn) soleOwner(item string, have Item) (owner *command, uid imap.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := nameBody(item)
	for _, cmd := range c.pending {
		if cmd.fetch == nil || cmd.wants.match(name, have) == noFit {
			continue
		}
		if owner != nil {
			return nil, 0
		}
		owner = cmd
	}
	if owner == nil {
		return nil, 0
	}
	if !owner.fetch.aboutOne() {
		return nil, 0
	}
	c.answering = true
	return owner, owner.fetch.UIDs[0].Start
}

// open asks where an item's octets go; nil: nowhere.
func (cmd *command) open(uid imap.UID, item string, size int64) io.Writer {
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	if cmd.dead.Load() || cmd.fetch.Literal == nil {
		return nil
	}
	return cmd.fetch.Literal(uid, item, size)
}

// Filler is a writer of Fetch.Literal that has octets read right into its
// memory. Both methods are called like Write.
type Filler interface {
	io.Writer
	// Room returns memory for octets of which n are still to come, nil if it
	// wants them by Write. Nobody may use it before Filled.
	Room(n int64) []byte
	// Filled tells that the first n octets of the room are filled. It is not
	// called if the Fetch ended meanwhile, though the room may be written to.
	Filled(n int)
}

// room returns where the next of n octets are to be read to, nil if they are
// few or w takes them by Write.
func (cmd *command) room(w io.Writer, n int64) []byte {
	f, ok := w.(Filler)
	if !ok || n < bufferSize {
		return nil
	}
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	if cmd.dead.Load() {
		return nil
	}
	room := f.Room(n)
	return room[:min(n, int64(len(room)))]
}

// filled hands on what was read into the room, and returns where the rest goes.
func (cmd *command) filled(w io.Writer, n int) io.Writer {
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	if cmd.dead.Load() {
		return nil
	}
	w.(Filler).Filled(n)
	return w
}

// write hands a chunk to w and returns where the next one goes.
func (cmd *command) write(w io.Writer, chunk []byte, uid imap.UID, item string) io.Writer {
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	if cmd.dead.Load() {
		return nil
	}
	if _, err := w.Write(chunk); err != nil {
		cmd.lose(fmt.Errorf("%s of message %d: %w", item, uid, err))
		return nil
	}
	return w
}

// lose notes that an item could not be delivered. The caller holds mu.
func (cmd *command) lose(err error) {
	if cmd.lost == nil {
		cmd.lost = err
	}
}

// deliver hands a complete response to the caller, if it is still there.
func (cmd *command) deliver(m *Message) bool {
	cmd.mu.Lock()
	defer cmd.mu.Unlock()
	if cmd.dead.Load() || cmd.fetch.Message == nil {
		return false
	}
	cmd.fetch.Message(m)
	return true
}
