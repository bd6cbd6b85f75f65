package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// Message receives each response that answers this command, once it is
	// complete: behind the literals in it.
	Message func(*Message)
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
	bodies []string // as bodyKey
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
		if item := upper(name); isBody(name) {
			w.bodies = append(w.bodies, bodyKey(bodyName(item)))
		} else {
			w.items |= itemBits[item]
		}
	}
	return w
}

// isBody reports whether an item is a BODY[...] or BINARY[...].
func isBody(item []byte) bool {
	for _, prefix := range [...]string{"BODY[", "BODY.PEEK[", "BINARY[", "BINARY.PEEK["} {
		if len(item) >= len(prefix) && equalFold(item[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// bodyName is a body item's name in an answer, which has no PEEK.
func bodyName(item string) string {
	return strings.Replace(item, ".PEEK[", "[", 1)
}

// bodyKey is what a request and its answer have in common: servers differ in
// how they write header lists and in whether they repeat the origin.
func bodyKey(name string) string {
	if i := strings.IndexByte(name, '('); i >= 0 {
		return strings.TrimSpace(name[:i])
	}
	if i := strings.LastIndexByte(name, ']'); i >= 0 {
		return name[:i]
	}
	return name
}

// owner returns the command that an item of a message answers: the first one
// sent that asked for it. For summaries item is "" and have is what came. Of
// the flags alone a command is the owner only if it asked for nothing else:
// unsolicited FETCH responses carry just these.
func (c *Conn) owner(uid imap.UID, item string, have Item) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := bodyKey(item)
	for _, cmd := range c.pending {
		if cmd.fetch != nil && cmd.wants.match(key, have) && cmd.fetch.UIDs.Contains(uid) {
			c.answering = true
			return cmd
		}
	}
	return nil
}

func (w *wanted) match(key string, have Item) bool {
	if key != "" || len(w.bodies) > 0 {
		for _, b := range w.bodies {
			if b == key {
				return true
			}
		}
		return false
	}
	const state = HaveFlags | HaveModSeq
	if own := w.items &^ state; own != 0 {
		return have&own != 0
	}
	return have&w.items != 0
}

// soleOwner returns the only command that asked for item, and the only message
// that it is about.
func (c *Conn) soleOwner(item string) (owner *command, uid imap.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := bodyKey(item)
	for _, cmd := range c.pending {
		if cmd.fetch == nil || !cmd.wants.match(key, 0) {
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
	set := owner.fetch.UIDs
	if len(set) != 1 || set[0].Start != set[0].Stop {
		return nil, 0
	}
	c.answering = true
	return owner, set[0].Start
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
