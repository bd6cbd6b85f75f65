package fs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"imapfs/cache"
)

const (
	// maxComponent is what a directory can hold (NAME_MAX), in bytes.
	maxComponent = 255
	// hashDigits is the length of the hash at the end of a cut component: too
	// long for two names with the same one to be made on purpose.
	hashDigits = 32
	// emptyComponent stands for a component without a character. Nothing else
	// is written so: a space is never encoded.
	emptyComponent = "%20"
	// maxLevels bounds how deep mailboxes are nested; what is below is in the
	// name of the last level. Dovecot has 16. A name of delimiters alone would
	// need memory for each of its levels.
	maxLevels = 64
)

// mailboxPath maps a mailbox to its path below the mount, one to one among
// mailboxes with the same delimiter. Components are kept as they are but for
// what is written as %XX; there is no normal form, for that would make two
// names one.
//
// The name INBOX is the same in any case, and so must be that of the directory
// which holds its children (RFC 9051, section 5.1).
func mailboxPath(m *cache.Mailbox) []string {
	names := []string{m.Name}
	if m.Delimiter != 0 {
		names = strings.SplitN(m.Name, string(m.Delimiter), maxLevels)
	}
	for i, name := range names {
		if i == 0 && strings.EqualFold(name, "INBOX") {
			names[i] = "INBOX"
			continue
		}
		names[i] = component(name, m.Raw)
	}
	return names
}

// component is the directory name for one level of a mailbox's name.
func component(name string, raw bool) string {
	if name == "" {
		return emptyComponent
	}
	s := escape(name, raw)
	// Such a mailbox could hide a message, or stand in for another's cut name.
	// No other escape gives these: a literal "%5F" is "%255F".
	if looksLikeMessage(s) {
		at := strings.LastIndexByte(s, '_')
		s = s[:at] + "%5F" + s[at+1:]
	} else if looksCut(s) {
		at := strings.LastIndexByte(s, '~')
		s = s[:at] + "%7E" + s[at+1:]
	}
	// A raw name can consist of the very octets that valid ones have escaped.
	// No s has a NUL, so the hash is no other's.
	hashed := s
	twin := raw && strings.ContainsFunc(name, control) && escape(name, false) == escape(name, true)
	if twin {
		hashed += "\x00"
	} else if len(s) <= maxComponent {
		return s
	}
	sum := sha256.Sum256([]byte(hashed))
	return cut(s, maxComponent-1-hashDigits) + "~" + hex.EncodeToString(sum[:])[:hashDigits]
}

// escape writes as %XX, in upper case, what a directory cannot hold, what a
// terminal would obey, a dot that would hide the directory, and a "%" that
// could be taken for an escape. Octets that are no UTF-8 are written so, too; in
// a raw name all that are no ASCII and the "&" with which modified UTF-7
// starts, so that a raw name is never written as a valid one.
func escape(name string, raw bool) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(name); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(name[i:])
		switch {
		case r == '/', control(r), r == utf8.RuneError && size == 1,
			r == '.' && i == 0,
			r == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]),
			raw && (r == '&' || r >= utf8.RuneSelf):
			for _, c := range []byte(name[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		default:
			b.WriteString(name[i : i+size])
		}
	}
	return b.String()
}

// looksCut reports whether s ends like a component that was cut.
func looksCut(s string) bool {
	at := len(s) - 1 - hashDigits
	if at < 0 || s[at] != '~' {
		return false
	}
	for _, c := range []byte(s[at+1:]) {
		if !isHex(c) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
