package fs

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"imapfs/cache"
)

const (
	// maxName bounds the names made from mail, in bytes. A directory holds 255;
	// what is left is for those who copy a file and add to its name.
	maxName = 200
	// maxSender bounds the sender in a message's name, so that at least 72
	// bytes are the subject's.
	maxSender = 100
	// maxEnclosed bounds the names of enclosed messages, of which there may be
	// many in a path.
	maxEnclosed = 120
	// maxSection bounds a section in a name: a nesting of 100 levels would
	// need more than a name can hold. Names that this makes equal are numbered.
	maxSection = 100
)

// MessageName is the name of a message's directory, and with ".eml" that of
// its file in the eml layout: date, time, sender, subject and UID. It rests on
// nothing that changes in the message's life. Always four "_", since field
// leaves none in sender and subject.
func MessageName(m *cache.Message) string {
	var room, end [maxName + 16]byte
	tail := strconv.AppendUint(append(end[:0], '_'), uint64(m.UID), 10)
	name := appendDate(room[:0], m.Date.UTC())
	name = append(appendField(append(name, '_'), m.From, "no-sender", maxSender), '_')
	name = appendField(name, m.Subject, "no-subject", maxName-len(name)-len(tail))
	return string(append(name, tail...))
}

// appendDate appends a date in the form of a message's name. time.Format takes
// three times as long.
func appendDate(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	// A zone can carry a date out of the years that have four digits.
	if t.IsZero() || year < 0 || year > 9999 {
		return append(b, "0000-00-00_0000"...)
	}
	hour, minute, _ := t.Clock()
	two := func(n int) { b = append(b, byte('0'+n/10), byte('0'+n%10)) }
	two(year / 100)
	two(year % 100)
	b = append(b, '-')
	two(int(month))
	b = append(b, '-')
	two(day)
	b = append(b, '_')
	two(hour)
	two(minute)
	return b
}

// parseMessageName gets the UID out of a name that has the shape of a
// message's. That there is such a message, and that its name is this one, is
// for the caller to see.
func parseMessageName(name string) (uid uint32, ok bool) {
	f := strings.Split(name, "_")
	if len(f) != 5 || !shaped(f[0], "0000-00-00") || !shaped(f[1], "0000") ||
		f[2] == "" || f[3] == "" || strings.HasPrefix(f[4], "0") {
		return 0, false
	}
	n, err := strconv.ParseUint(f[4], 10, 32)
	return uint32(n), err == nil
}

// looksLikeMessage reports whether name has the shape of a message's in either
// layout.
func looksLikeMessage(name string) bool {
	_, ok := parseMessageName(strings.TrimSuffix(name, ".eml"))
	return ok
}

// shaped reports whether s is pattern, in which 0 stands for any digit.
func shaped(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		digit := s[i] >= '0' && s[i] <= '9'
		if pattern[i] == '0' && !digit || pattern[i] != '0' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}

// enclosedName is the name of the directory of an enclosed message.
func enclosedName(section, subject string) string {
	head := cut(section, maxSection) + "_"
	return head + field(subject, "no-subject", maxEnclosed-len(head))
}

// field makes a part of a name that needs no quoting in a shell: letters,
// marks and digits of s in NFC, every other run as one "-", none at the ends,
// at most max bytes; missing if nothing is left.
//
// Zero-width joiners are such a run, too. They are part of the spelling of some
// words, but a name with invisible characters can be neither typed nor told
// from the one without them. A mark stays only behind its letter: behind
// anything else (an emoji and its variation selector) it would sit on the "-".
func field(s, missing string, max int) string {
	return string(appendField(nil, s, missing, max))
}

// appendField appends a field.
func appendField(b []byte, s, missing string, max int) []byte {
	start := len(b)
	gap := true
	for _, r := range norm.NFC.String(s) {
		if !nameRune(r) && (gap || !isMark(r)) {
			gap = true
			continue
		}
		size := utf8.RuneLen(r)
		dash := gap && len(b) > start
		if dash {
			size++
		}
		if len(b)-start+size > max {
			break
		}
		if dash {
			b = append(b, '-')
		}
		b = utf8.AppendRune(b, r)
		gap = false
	}
	if len(b) == start {
		return append(b, missing...)
	}
	return b
}

// nameRune reports whether r is a letter or a digit. The digits are Unicode's
// Nd and Nl: the latter has the zero of Chinese years.
func nameRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Nl, r)
}

// isMark reports whether r is a combining mark, of which ASCII has none.
func isMark(r rune) bool { return r >= utf8.RuneSelf && unicode.IsMark(r) }

// control reports whether r could change how a terminal shows a name: C0, DEL,
// C1, the line and paragraph separators and the bidirectional controls.
func control(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// cut returns the longest beginning of s that has at most max bytes and ends
// with a whole rune.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
