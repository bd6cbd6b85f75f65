package guard

import (
	"bytes"
	"math"
	"slices"
	"strings"
)

// noNumber stands for a message number that is missing or none.
const noNumber = math.MaxUint32

// response deals with one response, whose line is in the lexer.
func (c *Conn) response() error {
	x := &c.lex
	if len(x.b) > 0 && x.b[0] == '+' {
		c.continuation()
		return nil
	}
	tag := x.word()
	if string(tag) != "*" {
		c.tagged(tag)
		return nil
	}
	var buf [32]byte
	name := appendUpper(buf[:0], x.word())
	n, numbered := uint64(noNumber), false
	if len(name) > 0 && !slices.ContainsFunc(name[:min(len(name), 32)], isNoDigit) {
		if v, ok := number(name, noNumber-1); ok {
			n = v
		}
		numbered = true
		name = appendUpper(buf[:0], x.word())
	}
	switch string(name) {
	case "FETCH":
		return c.message(uint32(n), 0)
	case "UIDFETCH": // RFC 9586, section 3.3
		return c.message(0, uint32(n))
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		if !numbered {
			return c.untaggedStatus(string(name))
		}
	}
	c.data(string(name), uint32(n))
	x.finish()
	return x.err
}

// isNoDigit reports whether ch is in no number.
func isNoDigit(ch byte) bool { return (ch < '0' || ch > '9') && ch != '-' }

// continuation passes on a continuation request that the engine waits for. One
// that it does not would end it.
func (c *Conn) continuation() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.awaited > 0 {
		c.awaited--
		c.put("+ go ahead\r\n")
		return
	}
	c.idles()
}

// tagged ends a command.
func (c *Conn) tagged(tag []byte) {
	cmd := c.answer(tag)
	if cmd == nil {
		return
	}
	c.answering, c.strayed = false, 0
	typ := upper(c.lex.word())
	if typ != "OK" && typ != "NO" {
		typ = "BAD"
	}
	st := c.statusResponse(typ, true)
	if cmd.ours {
		if cmd.limit != nil && st.Code != messageLimit {
			st.Code, st.Args = messageLimit, cmd.limit.Args
		}
		cmd.finish(st, nil)
		return
	}
	if st.Type == "OK" && cmd.owesResult() && cmd.results == 0 && cmd.failure == "" {
		cmd.failure = "no result"
	}
	if st.Type == "OK" && cmd.failure != "" {
		st = Status{Type: "BAD", Text: cmd.name + ": " + cmd.failure}
	}
	c.put(cmd.tag)
	c.putStatus(st)
}

// statusResponse reads a status response behind its type, and tells the hook.
func (c *Conn) statusResponse(typ string, tagged bool) Status {
	st := parseStatus(typ, c.lex.b[c.lex.pos:])
	if c.hooks.Status != nil {
		c.hooks.Status(c.login.clean(st), tagged) // an ALERT is logged
	}
	return st
}

func (c *Conn) untaggedStatus(typ string) error {
	st := c.statusResponse(typ, false)
	c.noteLimit(st)
	c.noteCopied(st)
	if typ == "BYE" && !c.loggingOut() {
		return st
	}
	c.put("*")
	c.putStatus(st)
	return nil
}

// loggingOut reports whether a BYE is expected.
func (c *Conn) loggingOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.pending {
		if cmd.name == "LOGOUT" {
			return true
		}
	}
	return false
}

// selectSent reports whether the selected mailbox is about to change.
func (c *Conn) selectSent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.selecting > 0 {
		for _, cmd := range c.pending {
			if cmd.selects() {
				return true
			}
		}
	}
	return false
}

// dataResponse is an untagged response that the engine reads.
type dataResponse struct {
	// write writes it in the form that the engine accepts, or reports that it
	// has none.
	write func(c *Conn, n uint32) bool
	// commands are those whose result it is: they fail if it is dropped.
	commands []string
	// alone tells that it is one of many, and costs only itself.
	alone bool
}

// dataResponses are the responses that are passed on. SEARCH is ours; SORT,
// THREAD, METADATA and ID nobody asks for.
var dataResponses = map[string]dataResponse{
	"CAPABILITY": {write: (*Conn).writeCapability, commands: []string{"CAPABILITY"}},
	"FLAGS":      {write: (*Conn).writeFlags},
	"EXISTS":     {write: (*Conn).writeExists, commands: []string{"SELECT", "EXAMINE"}},
	"RECENT":     {write: (*Conn).writeRecent},
	"EXPUNGE":    {write: (*Conn).writeExpunge},
	"LIST":       {write: (*Conn).writeList, commands: []string{"LIST"}, alone: true},
	"STATUS":     {write: (*Conn).writeStatus, commands: []string{"STATUS", "LIST"}},
	"NAMESPACE":  {write: (*Conn).writeNamespace, commands: []string{"NAMESPACE"}},
	"QUOTA":      {write: (*Conn).writeQuota, commands: []string{"GETQUOTA", "GETQUOTAROOT"}},
	"QUOTAROOT":  {write: (*Conn).writeQuotaRoot, commands: []string{"GETQUOTAROOT"}},
	"MYRIGHTS":   {write: (*Conn).writeMyRights, commands: []string{"MYRIGHTS"}},
	"ACL":        {write: (*Conn).writeACL, commands: []string{"GETACL"}},
}

// data deals with an untagged response that is neither FETCH nor a status.
func (c *Conn) data(name string, n uint32) {
	x := &c.lex
	at := x.pos
	if name == "VANISHED" && c.vanishedEarlier() || c.taken(name) {
		return
	}
	x.pos = at
	d, known := dataResponses[name]
	if known {
		mark := len(c.out)
		c.put("* ")
		if !c.frames.cut && d.write(c, n) && x.err == nil {
			c.put("\r\n")
			if c.arrived(d.commands, len(c.out)-mark) {
				return
			}
			c.out = c.out[:mark]
			c.dropped(name+" without end", d.commands)
			return
		}
		c.out = c.out[:mark]
		if !d.alone || c.frames.cut || x.err != nil {
			c.dropped("unreadable "+name, d.commands)
		}
	}
	if c.hooks.Untagged != nil && name != "" {
		x.finish()
		c.hooks.Untagged(name, bytes.Clone(x.b))
	}
}

func (c *Conn) writeExists(n uint32) bool {
	if n == noNumber {
		return false
	}
	if c.hooks.Exists != nil {
		c.hooks.Exists(n)
	}
	c.putNumber(uint64(n))
	c.put(" EXISTS")
	return true
}

func (c *Conn) writeRecent(n uint32) bool {
	if n == noNumber {
		return false
	}
	if c.hooks.Recent != nil {
		c.hooks.Recent(n)
	}
	c.putNumber(uint64(n))
	c.put(" RECENT")
	return true
}

func (c *Conn) writeExpunge(n uint32) bool {
	if n == 0 || n == noNumber {
		return false
	}
	if c.hooks.Expunge != nil {
		c.hooks.Expunge(n)
	}
	c.putNumber(uint64(n))
	c.put(" EXPUNGE")
	return true
}

// putStatus writes the rest of a status response behind its tag: the codes that
// the engine reads with arguments that it can read, of others the name.
func (c *Conn) putStatus(st Status) {
	c.put(" " + st.Type + " ")
	mark := len(c.out)
	c.put("[")
	if c.putCode(st) {
		c.put("] ")
	} else {
		c.out = c.out[:mark]
	}
	text := strings.TrimLeft(visible(st.Text), "[ ")
	if text == "" {
		text = "-"
	}
	c.put(text + "\r\n")
}

func (c *Conn) putCode(st Status) bool {
	if st.Code == "" || strings.Trim(st.Code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return false
	}
	c.put(st.Code)
	args := strings.Fields(st.Args)
	switch st.Code {
	case "CAPABILITY":
		c.putCaps(args)
	case "PERMANENTFLAGS":
		x := lexer{b: []byte(st.Args)}
		v, ok := x.value()
		if !ok || !x.isList(v) {
			return false
		}
		c.put(" ")
		c.putFlags(&x, v)
	case "UIDNEXT", "UIDVALIDITY":
		return len(args) == 1 && c.putNumbers(args, math.MaxUint32)
	case "HIGHESTMODSEQ":
		return len(args) == 1 && c.putNumbers(args, math.MaxInt64)
	case "APPENDUID":
		return len(args) == 2 && c.putNumbers(args, math.MaxUint32)
	case "COPYUID":
		return len(args) == 3 && c.putNumbers(args[:1], math.MaxUint32) &&
			c.putSet(args[1]) && c.putSet(args[2])
	}
	return true
}

func (c *Conn) putNumbers(args []string, limit uint64) bool {
	for _, arg := range args {
		v, ok := number([]byte(arg), limit)
		if !ok {
			return false
		}
		c.put(" ")
		c.putNumber(v)
	}
	return true
}
