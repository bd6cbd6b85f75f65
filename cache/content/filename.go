package content

import (
	"slices"
	"strconv"
	"strings"
)

// Param is a parameter of a Content-Type or Content-Disposition, its value
// unquoted but not decoded, as an IMAP server passes it on.
type Param struct{ Key, Value string }

// Filename returns the name that a part's sender gave to it, decoded to UTF-8:
// the filename of its Content-Disposition, else the name of its Content-Type.
// ok tells that there is such a parameter, even an empty one.
//
// It decodes RFC 2231 (also continuations that are out of order or have gaps),
// RFC 2047 words (which RFC 2047, section 5 forbids here, and most senders
// use), and raw 8-bit.
func Filename(disposition, contentType []Param) (name string, ok bool) {
	name, ok = decodeParam(disposition, "filename")
	if !ok {
		name, ok = decodeParam(contentType, "name")
	}
	return name, ok
}

// segment is one piece of a parameter's value (RFC 2231, section 3).
type segment struct {
	index    int
	extended bool // percent-encoded (section 4)
	value    string
}

// decodeParam returns the parameter key, whichever form it comes in. Where there
// are several forms the first counts, as in GMime and Python; which one a sender
// means is not known, as both fallback and RFC 2231 come first in the wild.
func decodeParam(params []Param, key string) (string, bool) {
	var segments []segment
	for _, p := range params {
		suffix, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(p.Key)), key)
		if !found {
			continue
		}
		if suffix == "" && segments == nil {
			return DecodeWords(p.Value), true
		}
		if s, ok := parseSegment(suffix, p.Value); ok {
			segments = append(segments, s)
		}
		if suffix == "*" && len(segments) == 1 {
			break // a whole value, no segment
		}
	}
	if segments == nil {
		return "", false
	}
	slices.SortStableFunc(segments, func(a, b segment) int { return a.index - b.index })
	segments = slices.CompactFunc(segments, func(a, b segment) bool { return a.index == b.index })
	return joinSegments(segments), true
}

// parseSegment reads what follows the name in a key: "*", "*0" or "*0*".
func parseSegment(suffix, value string) (segment, bool) {
	s := segment{value: value}
	digits, found := strings.CutPrefix(suffix, "*")
	if !found {
		return s, false
	}
	if digits == "" {
		s.extended = true
		return s, true
	}
	digits, s.extended = strings.CutSuffix(digits, "*")
	n, err := strconv.ParseUint(digits, 10, 31)
	s.index = int(n)
	return s, err == nil
}

// joinSegments decodes all segments at once, because a character's octets may
// be split between two of them.
func joinSegments(segments []segment) string {
	var raw []byte
	charset, extended := "", false
	for _, s := range segments {
		value := s.value
		if !s.extended {
			raw = append(raw, value...)
			continue
		}
		if !extended {
			// Only the first carries charset'language'; some senders leave it out.
			if parts := strings.SplitN(value, "'", 3); len(parts) == 3 {
				charset, value = parts[0], parts[2]
			}
			extended = true
		}
		raw = appendPercent(raw, value)
	}
	return DecodeWords(string(ToUTF8(charset, raw)))
}

func appendPercent(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if v, ok := unhex(s[i+1], s[i+2]); ok {
				c = v
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}
