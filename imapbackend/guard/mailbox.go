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

// EngineName returns what the engine calls the mailbox of this name, or, if raw,
// of these octets. Under UTF8=ACCEPT it must not encode anything, and so knows
// all but the plainest names by an alias.
func (c *Conn) EngineName(name string, raw bool) string {
	if raw || c.utf8 && !c.canonical([]byte(name)) {
		return MailboxAlias(name)
	}
	return name
}

// MailboxName returns the name of a mailbox by the engine's name for it; raw: it
// is the octets that the server sent, since they cannot be decoded. Whether
// UTF8=ACCEPT is on makes no difference to either.
func (c *Conn) MailboxName(s string) (name string, raw bool) {
	name, raw = MailboxName(s)
	if raw && c.utf8 && utf8.ValidString(name) && !strings.HasPrefix(name, aliasPrefix) {
		raw = false
	}
	return name, raw
}

// expandAliases replaces the aliases in a line of the engine's by the octets
// that they stand for; a pattern may go on behind one. An alias for what no
// quoted string can hold stays, and the server says that there is no such
// mailbox.
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
		for end < len(line) && line[end] != '"' && line[end] != '*' && line[end] != '%' {
			end++
		}
		raw, alias := MailboxName(string(line[start+1 : end]))
		out = append(out, line[:start]...)
		if alias && !strings.ContainsAny(raw, "\r\n\x00") && end < len(line) {
			out = appendQuoted(out, []byte(raw))
			out = out[:len(out)-1]
		} else {
			out = append(out, line[start:end]...)
		}
		line = line[end:]
	}
}

// canonical reports whether the engine can decode a mailbox name, and encodes
// it to the same octets again. It is not told of UTF8=ACCEPT, under which it
// would still treat & as a shift, and so gets by with ASCII there.
func (c *Conn) canonical(name []byte) bool {
	if bytes.HasPrefix(name, []byte(aliasPrefix)) {
		return false
	}
	_, ok := decodeUTF7(name)
	return ok && !(c.utf8 && bytes.ContainsRune(name, '&'))
}

// tellMailbox tells the hook of a mailbox.
func (c *Conn) tellMailbox(octets []byte, listed bool) {
	if c.hooks.Mailbox == nil {
		return
	}
	name, raw := c.MailboxName(c.engineName(octets))
	if !raw && !c.utf8 {
		name, _ = decodeUTF7([]byte(name))
	}
	c.hooks.Mailbox(name, raw, listed)
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
