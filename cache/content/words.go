package content

import "strings"

// maxWordHead bounds charset, language and encoding of an encoded word.
const maxWordHead = 80

// DecodeWords decodes the encoded words (RFC 2047, with the language suffix of
// RFC 2231, section 5) in an unfolded header value to UTF-8. The result is
// always valid UTF-8.
//
// It reads what senders write and not only what RFC 2047 allows: words inside
// quotes and next to other text, spaces inside a word, damaged base64, and a
// character split over two adjacent words of one charset. Text outside of words
// stays if it is valid UTF-8, else it is taken as windows-1252.
func DecodeWords(s string) string {
	if isASCII(s) && !strings.Contains(s, "=?") {
		return s
	}
	var out strings.Builder
	var run []byte     // decoded octets of adjacent words of one charset
	var charset string // of run
	var inRun bool     // the last thing seen was a word
	flush := func() {
		out.Write(ToUTF8(charset, run))
		run, inRun = run[:0], false
	}
	text := s // not yet written
	for at := 0; ; {
		i := strings.Index(s[at:], "=?")
		if i < 0 {
			break
		}
		at += i
		w, n, more := scanWord(s[at:])
		if n == 0 {
			if !more { // no word ends after this: looking on would be quadratic
				break
			}
			at += 2
			continue
		}
		between := text[:len(text)-len(s)+at]
		if inRun && (!isBlank(between) || !strings.EqualFold(charset, w.charset)) {
			flush()
			if isBlank(between) {
				between = ""
			}
		}
		if !inRun {
			out.Write(ToUTF8("", []byte(between)))
			charset, inRun = w.charset, true
		}
		run = append(run, w.decode()...)
		at += n
		text = s[at:]
	}
	if inRun {
		flush()
	}
	out.Write(ToUTF8("", []byte(text)))
	return out.String()
}

// word is an encoded word, taken apart.
type word struct {
	charset string
	q       bool
	text    string
}

// scanWord reads the encoded word that s starts with and returns its length, 0
// if there is none. more is false if no word can end after here.
func scanWord(s string) (w word, n int, more bool) {
	head := s[2:min(len(s), 2+maxWordHead)]
	i := strings.IndexByte(head, '?')
	if i < 0 || i+2 >= len(head) || head[i+2] != '?' || strings.ContainsAny(head[:i], " \t\r\n\"<>()") {
		return w, 0, true
	}
	switch head[i+1] {
	case 'q', 'Q':
		w.q = true
	case 'b', 'B':
	default:
		return w, 0, true
	}
	w.charset, _, _ = strings.Cut(head[:i], "*")
	start := 2 + i + 3
	end := strings.Index(s[start:], "?=")
	if end < 0 {
		return w, 0, false
	}
	w.text = s[start : start+end]
	return w, start + end + 2, true
}

func (w word) decode() []byte {
	if !w.q {
		return DecodeBase64([]byte(w.text))
	}
	out := make([]byte, 0, len(w.text))
	for i := 0; i < len(w.text); i++ {
		c := w.text[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(w.text):
			if v, ok := unhex(w.text[i+1], w.text[i+2]); ok {
				c = v
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}

// unhex returns the octet that two hexadecimal digits stand for.
func unhex(hi, lo byte) (byte, bool) {
	h, l := hexValue(hi), hexValue(lo)
	return h<<4 | l, h|l < 16
}

// hexValue returns a digit's value, 0xff where c is none.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

func isBlank(s string) bool { return strings.Trim(s, " \t\r\n") == "" }

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
