package imaptest

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Name is what kind of response it is: FETCH, LIST, OK, or the tag.
func (r *Response) Name() string {
	fields := strings.Fields(string(r.Raw[:min(len(r.Raw), 64)]))
	switch {
	case len(fields) > 2 && fields[0] == "*" && strings.Trim(fields[1], "0123456789") == "":
		return strings.ToUpper(fields[2])
	case len(fields) > 1 && fields[0] == "*":
		return strings.ToUpper(fields[1])
	case len(fields) > 0:
		return fields[0]
	}
	return ""
}

// Seq is the number of an EXISTS or FETCH response, 0 for any other.
func (r *Response) Seq() uint32 {
	fields := strings.Fields(string(r.Raw[:min(len(r.Raw), 64)]))
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.ParseUint(fields[1], 10, 32)
	return uint32(n)
}

// UID is the UID of a FETCH response, 0 if it has none.
func (r *Response) UID() uint32 {
	for _, item := range r.Items() {
		if item.Name == "UID" {
			n, _ := strconv.ParseUint(string(item.Value), 10, 32)
			return uint32(n)
		}
	}
	return 0
}

// Has reports whether a FETCH response has an item.
func (r *Response) Has(name string) bool { return r.Item(name) != nil }

// Item returns an item's value as it stands in a FETCH response.
func (r *Response) Item(name string) []byte {
	for _, item := range r.Items() {
		if item.Name == name {
			return item.Value
		}
	}
	return nil
}

// Body returns the first body item of a FETCH response and its octets; "" if
// there is none.
func (r *Response) Body() (name string, octets []byte) {
	for _, item := range r.Items() {
		if strings.HasPrefix(item.Name, "BODY[") {
			return item.Name, Octets8(item.Value)
		}
	}
	return "", nil
}

// Octets8 returns the octets of a literal or quoted string.
func Octets8(value []byte) []byte {
	if i := bytes.Index(value, []byte("}\r\n")); i >= 0 && value[0] == '{' {
		return value[i+3:]
	}
	s := strings.Trim(string(value), `"`)
	return []byte(strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s))
}

// FetchItem is an item of a FETCH response: its name in upper case, and its
// value as on the wire.
type FetchItem struct {
	Name  string
	Value []byte
}

// Items takes a FETCH response of a well-behaved server to pieces.
func (r *Response) Items() []FetchItem {
	if r.Name() != "FETCH" {
		return nil
	}
	b := r.Raw[bytes.IndexByte(r.Raw, '(')+1:]
	var items []FetchItem
	for {
		b = bytes.TrimLeft(b, " ")
		if len(b) == 0 || b[0] == ')' {
			return items
		}
		end := bytes.IndexByte(b, ' ')
		if open := bytes.IndexByte(b, '['); open >= 0 && open < end { // BODY[HEADER.FIELDS (…)]<0>
			close := bytes.IndexByte(b, ']')
			end = close + bytes.IndexByte(b[close:], ' ')
		}
		name := strings.ToUpper(string(b[:end]))
		b = b[end+1:]
		n := valueLen(b)
		items = append(items, FetchItem{name, b[:n]})
		b = b[n:]
	}
}

// valueLen is the length of the value that b begins with.
func valueLen(b []byte) int {
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			i++
		case '{':
			end := i + bytes.IndexByte(b[i:], '\n') + 1
			n, _ := literalAt(b[i:end])
			i = end + n
		case '(':
			depth++
			i++
			continue
		case ')':
			depth--
			i++
		case ' ':
			i++
			continue
		default:
			for i < len(b) && !bytes.ContainsRune([]byte(" ()\r"), rune(b[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return len(b)
}

var (
	quirkSeq = regexp.MustCompile(`(?mi)^\*\s+1\s+FETCH`)
	quirkUID = regexp.MustCompile(`(?i)\bUID\s+("1"|\{1\}\s+1|1\b)`)
)

// fitted is how much of a quirk may speak of its message.
const fitted = 4 << 10

// Fit makes a quirk that was written for a FETCH of message 1 one of the
// message that r is about. The tagged reply at its end is left out, since the
// server's own is to follow.
func Fit(quirk string, r *Response) []byte {
	if i := strings.LastIndex(quirk, "%T "); i >= 0 && strings.Count(quirk[i:], "\n") <= 1 {
		quirk = quirk[:i]
	}
	head, rest := quirk[:min(len(quirk), fitted)], quirk[min(len(quirk), fitted):]
	head = strings.ReplaceAll(head, "%T", r.Tag)
	head = quirkSeq.ReplaceAllString(head, fmt.Sprintf("* %d FETCH", r.Seq()))
	return []byte(quirkUID.ReplaceAllString(head, fmt.Sprintf("UID %d", r.UID())) + rest)
}

// Complete adds to a quirk's FETCH response, which has to be its last, the items
// of the real one that it lacks.
func Complete(quirk []byte, r *Response) []byte {
	at := bytes.LastIndex(quirk, []byte(")\r\n"))
	if at < 0 {
		return quirk
	}
	out := bytes.Clone(quirk[:at])
	upper := bytes.ToUpper(quirk)
	for _, item := range r.Items() {
		if !bytes.Contains(upper, []byte(item.Name)) {
			out = fmt.Appendf(out, " %s %s", item.Name, item.Value)
		}
	}
	return append(out, quirk[at:]...)
}

// Drip writes b an octet at a time.
func Drip(w io.Writer, b []byte) error {
	for i := range b {
		if _, err := w.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// Repeat writes s so many times.
func Repeat(w io.Writer, s string, times int) error {
	block := strings.Repeat(s, max(1, 64<<10/len(s)))
	for times > 0 {
		n := min(times, len(block)/len(s))
		if _, err := io.WriteString(w, block[:n*len(s)]); err != nil {
			return err
		}
		times -= n
	}
	return nil
}
