package content

import "strings"

// parseValue takes a Content-Type or Content-Disposition apart (RFC 2045,
// section 5.1): its first word in lower case, and its parameters in order.
// Comments are dropped; a value that lacks its quotes goes on to the semicolon.
func parseValue(s string) (value string, params []Param) {
	p := lexer{s: s}
	value = strings.ToLower(p.until(";"))
	for p.s != "" {
		p.s = p.s[1:] // the semicolon
		key := p.until("=;")
		if p.s == "" || p.s[0] == ';' {
			continue
		}
		p.s = p.s[1:]
		params = append(params, Param{key, p.value()})
	}
	return value, params
}

// lexer reads a structured header value (RFC 5322, section 3.2) from its start.
type lexer struct {
	s string
	// open is set once a parenthesis was found that nothing closes: from there
	// on they are text, which keeps the reading linear.
	open bool
}

// until returns the text before the first of stops, without comments, and
// without white space at its ends.
func (l *lexer) until(stops string) string {
	var b strings.Builder
	for l.s != "" && strings.IndexByte(stops, l.s[0]) < 0 {
		if l.s[0] == '(' && !l.open {
			l.comment()
			continue
		}
		b.WriteByte(l.s[0])
		l.s = l.s[1:]
	}
	return strings.Trim(b.String(), " \t\r\n")
}

// value reads a parameter's value and moves to the next semicolon.
func (l *lexer) value() string {
	l.blank()
	if l.s == "" || l.s[0] != '"' {
		return l.bare()
	}
	v := l.quoted()
	l.until(";")
	return v
}

// bare reads a value without quotes. Parentheses in it are text: file names
// have them, and hardly anybody writes comments there.
func (l *lexer) bare() string {
	i := strings.IndexByte(l.s, ';')
	if i < 0 {
		i = len(l.s)
	}
	v := l.s[:i]
	l.s = l.s[i:]
	v = strings.TrimRight(v, " \t\r\n")
	return strings.TrimSuffix(v, `"`) // a quote that nothing opened
}

func (l *lexer) blank() {
	for l.s != "" {
		switch c := l.s[0]; {
		case c == ' ', c == '\t', c == '\r', c == '\n':
			l.s = l.s[1:]
		case c == '(' && !l.open:
			l.comment()
		default:
			return
		}
	}
}

// quoted reads a quoted string; one that is not closed goes on to the end.
func (l *lexer) quoted() string {
	var b strings.Builder
	i := 1
	for ; i < len(l.s) && l.s[i] != '"'; i++ {
		if l.s[i] == '\\' && i+1 < len(l.s) {
			i++
		}
		b.WriteByte(l.s[i])
	}
	l.s = l.s[min(i+1, len(l.s)):]
	return b.String()
}

// comment skips a comment (RFC 5322, section 3.2.2), nested or not, and returns
// its text.
func (l *lexer) comment() string {
	depth := 0
	for i := 0; i < len(l.s); i++ {
		switch l.s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				text := l.s[1:i]
				l.s = l.s[i+1:]
				return text
			}
		}
	}
	l.open = true
	return ""
}

// param returns the first parameter called key, in lower case.
func param(params []Param, key string) string {
	for _, p := range params {
		if strings.EqualFold(p.Key, key) {
			return p.Value
		}
	}
	return ""
}
