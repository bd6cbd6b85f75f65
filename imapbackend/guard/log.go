package guard

import (
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

func (l *protocolLog) server(line []byte) { l.write("S: ", line) }

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
