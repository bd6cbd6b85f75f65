package guard

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Edit sends a command of our own that changes something, and is none of those
// that the guard has a method for: line is what follows the tag, its literals
// and mailbox names (Conn.Mailbox) in quotes. The Status that it returns has the
// COPYUID of the command (RFC 4315), also where MOVE told it in a response of its
// own. NO and BAD are returned as an error that is the Status; of another error,
// nobody knows whether the command was carried out.
func (c *Conn) Edit(ctx context.Context, line string) (Status, error) {
	name, rest, _ := strings.Cut(line, " ")
	if strings.EqualFold(name, "UID") {
		name, _, _ = strings.Cut(rest, " ")
	}
	cmd := &command{name: strings.ToUpper(name), edits: true}
	st, err := c.do(ctx, cmd, line)
	if err == nil && st.Code != copyUID && cmd.copied != nil {
		st.Code, st.Args = cmd.copied.Code, cmd.copied.Args
	}
	return st, err
}

const copyUID = "COPYUID"

// noteCopied assigns a COPYUID in a response of its own (RFC 6851, section 4.3).
// Which of several commands it is about, it does not say: then it is nobody's.
func (c *Conn) noteCopied(st Status) {
	if st.Code != copyUID {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var about []*command
	for _, cmd := range c.pending {
		if cmd.edits && (cmd.name == "MOVE" || cmd.name == "COPY") {
			about = append(about, cmd)
		}
	}
	for _, cmd := range about {
		if cmd.copied = &st; len(about) > 1 {
			cmd.copied = nil
		}
	}
}

// Copied reads a COPYUID of one message: under which UIDVALIDITY and UID it is
// known in the other mailbox.
func (s Status) Copied(uid uint32) (validity, copied uint32, ok bool) {
	args := strings.Fields(s.Args)
	if s.Code != copyUID || len(args) != 3 {
		return 0, 0, false
	}
	v, err1 := strconv.ParseUint(args[0], 10, 32)
	from, err2 := strconv.ParseUint(args[1], 10, 32)
	to, err3 := strconv.ParseUint(args[2], 10, 32)
	if err1 != nil || err2 != nil || err3 != nil || uint32(from) != uid || to == 0 {
		return 0, 0, false
	}
	return uint32(v), uint32(to), true
}

// Appended reads an APPENDUID.
func (s Status) Appended() (validity, uid uint32, ok bool) {
	args := strings.Fields(s.Args)
	if s.Code != "APPENDUID" || len(args) != 2 {
		return 0, 0, false
	}
	v, err1 := strconv.ParseUint(args[0], 10, 32)
	n, err2 := strconv.ParseUint(args[1], 10, 32)
	return uint32(v), uint32(n), err1 == nil && err2 == nil && n > 0
}

// Modified reports whether the server has left a message alone since it was
// changed meanwhile (RFC 7162, section 3.1.3).
func (s Status) Modified() bool { return s.Code == "MODIFIED" }

// Mailbox is a mailbox's name as in a command line; raw: it is octets that the
// server sent. False: no quoted string can hold it.
func (c *Conn) Mailbox(name string, raw bool) (string, bool) {
	if !raw && !c.utf8 {
		name = encodeUTF7(name)
	}
	if strings.ContainsAny(name, "\r\n\x00") {
		return "", false
	}
	return string(appendQuoted(nil, []byte(name))), true
}

// Quoted is a string as in a command line. False: no quoted string can hold it.
func Quoted(s string) (string, bool) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", false
	}
	return string(appendQuoted(nil, []byte(s))), true
}

// encodeUTF7 is the inverse of decodeUTF7.
func encodeUTF7(name string) string {
	var out strings.Builder
	var shifted []rune
	flush := func() {
		if len(shifted) == 0 {
			return
		}
		var octets []byte
		for _, u := range utf16.Encode(shifted) {
			octets = append(octets, byte(u>>8), byte(u))
		}
		code := base64.RawStdEncoding.EncodeToString(octets)
		out.WriteString("&" + strings.ReplaceAll(code, "/", ",") + "-")
		shifted = shifted[:0]
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			shifted = append(shifted, r)
			continue
		}
		flush()
		if out.WriteRune(r); r == '&' {
			out.WriteByte('-')
		}
	}
	flush()
	return out.String()
}

// FlagList is flags in parentheses. False: one of them is no flag.
func FlagList(flags []string) (string, bool) {
	ok := !slices.ContainsFunc(flags, func(f string) bool {
		return len(f) > maxFlag || !isAtom([]byte(strings.TrimPrefix(f, `\`))) || strings.ContainsAny(f, "]")
	})
	return flagList(flags), ok
}
