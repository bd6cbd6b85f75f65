package guard

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// protocolLog writes the dialogue, without literals and credentials. A nil
// *protocolLog logs nothing. It is safe for concurrent use.
type protocolLog struct {
	mu sync.Mutex
	w  io.Writer
	// secrets are cut out of all that is said: some servers echo a login.
	secrets []string
	skipped string // the literal before the next line of the server
	veiled  bool   // continuation requests are challenges
}

func newLog(w io.Writer) *protocolLog {
	if w == nil {
		return nil
	}
	return &protocolLog{w: w}
}

func (l *protocolLog) client(line []byte) { l.write("C: ", line) }

func (l *protocolLog) server(line []byte) {
	if l != nil {
		l.write("S: ", withoutBody(line))
	}
}

// torn notes that a line was read that only goes on with a string begun before
// it, which may be of a body.
func (l *protocolLog) torn(line []byte) {
	if l != nil {
		l.write("S: ", fmt.Appendf(nil, "(%d octets more)", len(line)))
	}
}

// withoutBody cuts a line before the first body in it that is no literal: there
// are servers that send bodies as quoted strings.
func withoutBody(line []byte) []byte {
	for at := 0; ; {
		i := bytes.IndexByte(line[at:], ']')
		if i < 0 {
			return line
		}
		at += i + 1
		rest := line[at:]
		if bytes.HasPrefix(rest, []byte{'<'}) {
			rest = rest[bytes.IndexByte(rest, '>')+1:]
		}
		rest = bytes.TrimLeft(rest, " ")
		switch {
		case !inBody(line[:at]) || len(rest) == 0 || bytes.IndexByte([]byte("{~)"), rest[0]) >= 0 || bytes.HasPrefix(rest, []byte("NIL")):
			continue
		}
		return fmt.Appendf(nil, "%s (%d octets)", line[:len(line)-len(rest)], len(rest))
	}
}

// inBody reports whether the section that ends b is a body's.
func inBody(b []byte) bool {
	open := bytes.LastIndexByte(b, '[')
	if open < 0 {
		return false
	}
	name := bytes.ToUpper(b[max(0, open-len("BINARY.PEEK")):open])
	return bytes.HasSuffix(name, []byte("BODY")) || bytes.HasSuffix(name, []byte("BINARY")) || bytes.HasSuffix(name, []byte(".PEEK"))
}

func (l *protocolLog) write(who string, line []byte) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	text, more := string(line), ""
	for _, s := range l.secrets { // before the cut, which may fall into one
		text = strings.ReplaceAll(text, s, "***")
	}
	if len(text) > maxLogged {
		text, more = text[:maxLogged], fmt.Sprintf("... (%d octets)", len(line))
	}
	if who == "S: " && l.veiled && strings.HasPrefix(text, "+") {
		text, more = "+ ***", ""
	}
	if who == "S: " {
		who, l.skipped = who+l.skipped, ""
	}
	fmt.Fprintf(l.w, "%s%s%s\n", who, visible(text), more)
}

// literal notes that a literal of the server was read.
func (l *protocolLog) literal(n int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.skipped = fmt.Sprintf("{%d octets} ", n)
}

// hide keeps secrets out of all that follows.
func (l *protocolLog) hide(secrets []string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = secrets
}

// veil hides continuation requests, while they are challenges of SASL.
func (l *protocolLog) veil(on bool) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.veiled = on
}
