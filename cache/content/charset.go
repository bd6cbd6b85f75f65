package content

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// aliases are charset names seen in mail that no registry knows, and names whose
// superset mail clients use instead. Keys and values are as cleanCharset leaves
// them.
var aliases = map[string]string{
	"8859-1":            "iso-8859-1",
	"ansi":              "windows-1252",
	"big-5":             "big5",
	"big5-eten":         "big5",
	"big5hkscs":         "big5",
	"cp50220":           "iso-2022-jp",
	"cp51932":           "euc-jp",
	"cp65001":           "utf-8",
	"cp858":             "ibm00858",
	"cp874":             "windows-874",
	"cp932":             "shift-jis",
	"cp936":             "gb18030",
	"cp949":             "euc-kr",
	"cp950":             "big5",
	"csiso2022kr":       "iso-2022-kr",
	"csunicode11utf7":   "utf-7",
	"euc-cn":            "gb18030",
	"euccn":             "gb18030",
	"gb-2312":           "gb18030",
	"gb-2312-80":        "gb18030",
	"gb2312":            "gb18030",
	"gb2312-80":         "gb18030",
	"gbk":               "gb18030",
	"hz":                "hz-gb-2312",
	"iso-2022-jp-1":     "iso-2022-jp",
	"iso-2022-jp-2":     "iso-2022-jp",
	"iso-2022-jp-3":     "iso-2022-jp",
	"iso-2022-jp-ms":    "iso-2022-jp",
	"ks-c-5601":         "euc-kr",
	"ks-c-5601-1987":    "euc-kr",
	"ks-c-5601-1989":    "euc-kr",
	"ksc-5601":          "euc-kr",
	"mac":               "macintosh",
	"mac-cyrillic":      "x-mac-cyrillic",
	"mac-roman":         "macintosh",
	"maccyrillic":       "x-mac-cyrillic",
	"macroman":          "macintosh",
	"ms-cp932":          "shift-jis",
	"ms-kanji":          "shift-jis",
	"ms874":             "windows-874",
	"ms932":             "shift-jis",
	"ms936":             "gb18030",
	"ms949":             "euc-kr",
	"ms950":             "big5",
	"sjis":              "shift-jis",
	"tis620":            "windows-874",
	"uft-8":             "utf-8",
	"uhc":               "euc-kr",
	"unicode-1-1-utf-7": "utf-7",
	"unicode-2-0-utf-7": "utf-7",
	"utf16":             "utf-16",
	"utf7":              "utf-7",
	"utf8":              "utf-8",
	"windows-932":       "shift-jis",
	"windows-936":       "gb18030",
}

// charsets are the charsets that the WHATWG index does not have, or has as its
// replacement encoding because a browser must not decode them.
var charsets = map[string]encoding.Encoding{
	"hz-gb-2312": simplifiedchinese.HZGB2312,
	"utf-16be":   unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"utf-16le":   unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf-32be":   utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
	"utf-32le":   utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
}

// codecs are the charsets that x/text has not at all.
var codecs = map[string]func([]byte) []byte{
	"iso-2022-kr": decodeISO2022KR,
	"utf-7":       decodeUTF7,
}

// ToUTF8 converts b from the declared charset to UTF-8. The result is always
// valid UTF-8, and may be b itself.
//
// Undecodable octets become U+FFFD. An unknown or empty charset, and us-ascii
// that has 8-bit octets, is taken as UTF-8 if all of b is valid, else as
// windows-1252. The single-octet and CJK charsets are read as their supersets
// (iso-8859-1 as windows-1252, gb2312 as gb18030), as mail clients and the
// WHATWG index do. A byte order mark is a character of the sender's: it stays,
// as U+FEFF, and tells the octet order only where the charset's name does not.
func ToUTF8(name string, b []byte) []byte {
	name = cleanCharset(name)
	switch name {
	case "utf-8":
		return validUTF8(b)
	case "", "us-ascii", "ascii":
		return guessUTF8(b)
	case "utf-16", "utf-32":
		name += byteOrder(b)
	}
	if decode := codecs[name]; decode != nil {
		return decode(b)
	}
	enc := charsets[name]
	if enc == nil {
		enc = whatwg(name)
	}
	if enc != nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return validUTF8(out)
		}
		return guessUTF8(b)
	}
	if enc, _ := htmlindex.Get(name); enc == encoding.Replacement {
		return guessUTF8(b) // for browsers: it decodes everything to one U+FFFD
	}
	// go-message knows the rest of IANA's registry. It is not asked first: it
	// takes a charset literally where mail clients take its superset.
	if r, err := charset.Reader(name, bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return validUTF8(out)
		}
	}
	return guessUTF8(b)
}

// whatwg returns the encoding that the WHATWG index has under name.
func whatwg(name string) encoding.Encoding {
	for _, n := range []string{name, strings.ReplaceAll(name, "-", "_")} {
		if enc, err := htmlindex.Get(n); err == nil && enc != encoding.Replacement {
			return enc
		}
	}
	return nil
}

// cleanCharset brings a declared charset into the form that the tables use.
func cleanCharset(name string) string {
	switch name { // nearly all there is
	case "", "utf-8", "us-ascii":
		return name
	case "UTF-8":
		return "utf-8"
	}
	if len(name) > 64 { // longer than any registered name
		return ""
	}
	name = strings.ToLower(strings.Trim(name, " \t\r\n\"';"))
	name = strings.ReplaceAll(name, "_", "-")
	for _, prefix := range []struct{ from, to string }{
		{"cp125", "windows-125"}, {"cp-125", "windows-125"}, {"win-125", "windows-125"},
		{"win125", "windows-125"}, {"windows125", "windows-125"}, {"x-cp125", "windows-125"},
		{"latin-", "latin"}, {"iso 8859-", "iso-8859-"},
	} {
		if rest, found := strings.CutPrefix(name, prefix.from); found {
			name = prefix.to + rest
		}
	}
	if whatwg(name) == nil && charsets[name] == nil && codecs[name] == nil && aliases[name] == "" {
		name = strings.TrimPrefix(name, "x-")
	}
	if to := aliases[name]; to != "" {
		return to
	}
	return name
}

// byteOrder returns the suffix for the octet order of UTF-16 or UTF-32: by the
// byte order mark, else big-endian (RFC 2781, section 4.3).
func byteOrder(b []byte) string {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe {
		return "le"
	}
	return "be"
}

func guessUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return validUTF8(b)
	}
	return out
}

// validUTF8 puts U+FFFD for each ill-formed sequence, cut as Unicode's chapter
// 3.9 recommends.
func validUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out, err := unicode.UTF8.NewDecoder().Bytes(b)
	if err != nil {
		return bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return out
}
