package guard

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// aliasPrefix begins the name under which the engine knows a mailbox whose own
// name it could not decode and encode again to the same octets. What follows is
// those octets in hexadecimal.
const aliasPrefix = "=raw="

// MailboxAlias returns the name to give to the engine for a mailbox that is
// identified by the octets that the server sent.
func MailboxAlias(raw string) string { return aliasPrefix + hex.EncodeToString([]byte(raw)) }

// MailboxName returns the octets behind a name that the engine gave, if it is
// an alias; else the name itself.
func MailboxName(s string) (raw string, alias bool) {
	if digits, ok := strings.CutPrefix(s, aliasPrefix); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			return string(b), true
		}
	}
	return s, false
}

// expandAliases replaces the aliases in a line of the engine's by the octets
// that they stand for. An alias for what no quoted string can hold stays, and
// the server says that there is no such mailbox.
func expandAliases(line []byte) []byte {
	quote := []byte(`"` + aliasPrefix)
	if !bytes.Contains(line, quote) {
		return line
	}
	var out []byte
	for {
		start := bytes.Index(line, quote)
		if start < 0 {
			return append(out, line...)
		}
		end := start + len(quote)
		for end < len(line) && line[end] != '"' {
			end++
		}
		raw, alias := MailboxName(string(line[start+1 : end]))
		out = append(out, line[:start]...)
		if alias && !strings.ContainsAny(raw, "\r\n\x00") && end < len(line) {
			out = appendQuoted(out, []byte(raw))
			end++
		} else {
			out = append(out, line[start:end]...)
		}
		line = line[end:]
	}
}

// canonical reports whether the engine can decode a mailbox name, and encodes
// it to the same octets again. The engine takes raw UTF-8 for a name, but sends
// it as such only under UTF8=ACCEPT, where it still treats & as a shift.
func (c *Conn) canonical(name []byte) bool {
	if bytes.HasPrefix(name, []byte(aliasPrefix)) || !utf8.Valid(name) {
		return false
	}
	if c.utf8 {
		return bytes.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '&' }) < 0
	}
	_, ok := decodeUTF7(name)
	return ok
}

// tellMailbox tells the hook of a mailbox.
func (c *Conn) tellMailbox(octets []byte, listed bool) {
	switch {
	case c.hooks.Mailbox == nil:
	case !c.canonical(octets):
		c.hooks.Mailbox(string(octets), true, listed)
	case c.utf8:
		c.hooks.Mailbox(string(octets), false, listed)
	default:
		name, _ := decodeUTF7(octets)
		c.hooks.Mailbox(name, false, listed)
	}
}

var utf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

// decodeUTF7 decodes modified UTF-7 (RFC 3501, section 5.1.3), in its one
// canonical form only: nothing shifted that need not be, no adjacent shifts.
func decodeUTF7(name []byte) (string, bool) {
	var out strings.Builder
	shifted := false // the last character was in base64
	for i := 0; i < len(name); i++ {
		switch ch := name[i]; {
		case ch < ' ' || ch > '~':
			return "", false
		case ch != '&':
			out.WriteByte(ch)
			shifted = false
			continue
		}
		end := bytes.IndexByte(name[i:], '-')
		if end < 0 {
			return "", false
		}
		code := name[i+1 : i+end]
		i += end
		if len(code) == 0 {
			out.WriteByte('&')
			shifted = false
			continue
		}
		if shifted || !decodeShift(&out, code) {
			return "", false
		}
		shifted = true
	}
	return out.String(), true
}

// decodeShift decodes the UTF-16 in a shift.
func decodeShift(out *strings.Builder, code []byte) bool {
	b := make([]byte, utf7.DecodedLen(len(code)))
	n, err := utf7.Decode(b, code)
	if err != nil || n == 0 || n%2 != 0 || bytes.ContainsAny(code, "\r\n") {
		return false
	}
	for i := 0; i < n; i += 2 {
		r := rune(b[i])<<8 | rune(b[i+1])
		if utf16.IsSurrogate(r) {
			if i += 2; i >= n {
				return false
			}
			if r = utf16.DecodeRune(r, rune(b[i])<<8|rune(b[i+1])); r == utf8.RuneError {
				return false
			}
		} else if r >= ' ' && r <= '~' {
			return false
		}
		out.WriteRune(r)
	}
	return true
}
