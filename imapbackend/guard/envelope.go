package guard

import (
	"bytes"
	"strings"
	"unicode"

	"imapfs/cache/content"
)

// envelope is what is kept of an ENVELOPE (RFC 9051, section 7.5.2).
type envelope struct {
	from, subject, messageID string
	// sound tells that it had the form that it should have.
	sound bool
}

// The fields of an ENVELOPE, by position.
const (
	fieldSubject   = 1
	fieldFrom      = 2
	fieldAddresses = 6 // from, sender, reply-to, to, cc, bcc
	fieldMessageID = 9
	envelopeFields = 10
	addressFields  = 4 // name, source route, mailbox, host
)

// envelope reads what it can of an ENVELOPE. Quotes that the server did not
// escape break the subject into several values; it then reaches as far as the
// address lists allow.
func (x *lexer) envelope(n int32) (e envelope) {
	if x.next(x.child(n)) == none && x.isList(x.child(n)) {
		n = x.child(n) // twice in parentheses
	}
	var fields []int32
	var buf [envelopeFields]int32
	fields = buf[:0]
	for f := x.child(n); f != none; f = x.next(f) {
		fields = append(fields, f)
	}
	if len(fields) <= fieldSubject {
		return e
	}
	shift, fits := x.subjectShift(fields)
	if e.sound = fits && len(fields) == envelopeFields; shift == 0 {
		e.subject = x.decoded(fields[fieldSubject])
	} else {
		span := x.span(fields[fieldSubject], fields[fieldSubject+shift])
		e.subject = content.DecodeWords(string(span))
	}
	if i := fieldFrom + shift; i < len(fields) {
		e.from = x.firstAddress(fields[i])
	}
	if i := fieldMessageID + shift; (fits || len(fields) == envelopeFields) && i < len(fields) {
		e.messageID = strings.TrimSpace(intern(x.text(fields[i])))
	}
	return e
}

// subjectShift returns how many values too many the subject has been broken
// into: the fewest that make the next six address lists.
func (x *lexer) subjectShift(fields []int32) (shift int, ok bool) {
	run := 0                           // address lists in a row
	if len(fields) == envelopeFields { // whatever is in them, they are where they should be
		for _, f := range fields[fieldFrom : fieldFrom+fieldAddresses] {
			if !x.isAddresses(f) {
				return 0, false
			}
		}
		return 0, true
	}
	for i := fieldFrom; i < len(fields); i++ {
		if !x.isAddresses(fields[i]) {
			run = 0
			continue
		}
		if run++; run == fieldAddresses {
			return i - fieldAddresses + 1 - fieldFrom, true
		}
	}
	return 0, run > 0 && run == len(fields)-fieldFrom
}

func (x *lexer) isAddresses(n int32) bool {
	return x.isNil(n) || x.isList(n) && (x.isNil(x.child(n)) || x.isList(x.child(n)))
}

// isWordRune reports whether a display name with this in it says anything.
func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// placeholders are what servers put where an address has no mailbox or host:
// Dovecot, and the c-client family.
var placeholders = map[string]bool{
	"MISSING_MAILBOX": true, "MISSING_DOMAIN": true,
	"INVALID_ADDRESS": true, ".SYNTAX-ERROR.": true, ".MISSING-HOST-NAME.": true,
}

// firstAddress returns what the first address in a list that says anything
// says. Some servers leave the list out, or have too many.
func (x *lexer) firstAddress(n int32) string {
	if x.isString(n) {
		return strings.TrimSpace(x.decoded(n))
	}
	for x.isList(x.child(x.child(n))) {
		n = x.child(n)
	}
	if x.isString(x.child(n)) {
		return x.address(n)
	}
	for a := x.child(n); a != none; a = x.next(a) {
		if s := x.address(a); s != "" {
			return s
		}
	}
	return ""
}

// address returns the display name of an address, else the address, else what
// there is of it.
func (x *lexer) address(address int32) string {
	var buf [addressFields]int32
	fields := buf[:0]
	for f := x.child(address); f != none; f = x.next(f) {
		fields = append(fields, f)
	}
	extra := len(fields) - addressFields
	if len(fields) == 0 {
		return ""
	}
	name := x.decoded(fields[0])
	if extra > 0 { // again, inner quotes
		name = content.DecodeWords(string(x.span(fields[0], fields[extra])))
	}
	if strings.ContainsFunc(name, isWordRune) {
		return strings.TrimSpace(name)
	}
	if extra < 0 {
		return ""
	}
	mailbox, host := x.decoded(fields[extra+2]), x.decoded(fields[extra+3])
	if placeholders[mailbox] {
		mailbox = ""
	}
	if placeholders[host] {
		host = ""
	}
	if mailbox != "" && host != "" {
		return mailbox + "@" + host
	}
	return mailbox + host
}

// span returns the text from one value to another, where inner quotes made
// several values of one string.
func (x *lexer) span(from, to int32) []byte {
	end := int(x.nodes[to].end)
	if end < len(x.b) && x.nodes[to].kind == list {
		end++
	}
	return bytes.TrimSuffix(x.b[x.nodes[from].start:end], []byte{'"'})
}
