package guard

import (
	"bytes"
	"strings"
)

// Status is a status response (RFC 9051, section 7.1), tagged or not. As an
// error it says what the server said.
type Status struct {
	// Type is OK, NO, BAD, BYE or PREAUTH.
	Type string
	// Code and Args are the response code in upper case, and what follows it.
	Code, Args string
	// Text is the human-readable text as it came.
	Text string
}

// Error returns the response without control characters.
func (s Status) Error() string {
	var b strings.Builder
	b.WriteString(s.Type)
	if s.Code != "" {
		b.WriteString(" [" + visible(s.Code))
		if s.Args != "" {
			b.WriteString(" " + visible(s.Args))
		}
		b.WriteByte(']')
	}
	if s.Text != "" {
		b.WriteString(" " + visible(s.Text))
	}
	return b.String()
}

// parseStatus reads what follows the type of a status response.
func parseStatus(typ string, rest []byte) Status {
	rest = bytes.TrimSpace(rest)
	if len(rest) > maxText {
		rest = rest[:maxText]
	}
	st := Status{Type: typ, Text: string(rest)}
	if len(rest) == 0 || rest[0] != '[' {
		return st
	}
	inQuotes, depth := false, 0
	for i := 1; i < len(rest); i++ {
		switch ch := rest[i]; {
		case ch == '"':
			inQuotes = !inQuotes
		case inQuotes:
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		case ch == ']' && depth <= 0:
			code, args, _ := strings.Cut(string(rest[1:i]), " ")
			st.Code, st.Args = strings.ToUpper(code), args
			st.Text = strings.TrimSpace(string(rest[i+1:]))
			return st
		}
	}
	return st
}

// visible returns s as valid UTF-8 without control characters, fit to show.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
