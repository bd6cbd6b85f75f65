package content

import "strings"

// firstAddress returns the display name of the first address in an unfolded
// From field, else the address itself, decoded to UTF-8. It takes "Name <a@b>",
// "a@b (Name)" and what people make of them.
func firstAddress(s string) string {
	l := lexer{s: s}
	var name strings.Builder
	comment := ""
	for l.s != "" {
		switch c := l.s[0]; {
		case c == '"':
			name.WriteString(l.quoted())
			continue
		case c == '(' && !l.open:
			if text := l.comment(); comment == "" {
				comment = text
			}
			continue
		case c == '<':
			addr, _, _ := strings.Cut(l.s[1:], ">")
			return firstWords(name.String(), comment, addr)
		case (c == ',' || c == ';') && strings.TrimSpace(name.String()) != "":
			return firstWords(comment, name.String())
		case c == ',' || c == ';': // an empty list element
		case c == ':': // what came before is a group's name
			name.Reset()
		default:
			name.WriteByte(c)
		}
		l.s = l.s[1:]
	}
	return firstWords(comment, name.String())
}

// firstWords returns the first of texts that is not blank, decoded.
func firstWords(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(DecodeWords(t)); t != "" {
			return t
		}
	}
	return ""
}
