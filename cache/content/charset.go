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
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// aliases are charset names that neither registry knows, or that the WHATWG
// index maps to its replacement encoding because browsers must not decode them.
// Keys are as normalCharset returns them.
var aliases = map[string]encoding.Encoding{
	"ansi":         charmap.Windows1252,
	"big5-eten":    traditionalchinese.Big5,
	"cp932":        japanese.ShiftJIS,
	"cp936":        simplifiedchinese.GB18030,
	"cp949":        korean.EUCKR,
	"cp950":        traditionalchinese.Big5,
	"cp951":        traditionalchinese.Big5,
	"eucgb2312-cn": simplifiedchinese.GB18030,
	"gb-2312":      simplifiedchinese.GB18030,
	"gb2312-80":    simplifiedchinese.GB18030,
	"hz":           simplifiedchinese.HZGB2312,
	"hz-gb-2312":   simplifiedchinese.HZGB2312,
	"mac":          charmap.Macintosh,
	"ms874":        charmap.Windows874,
	"ms932":        japanese.ShiftJIS,
	"ms936":        simplifiedchinese.GB18030,
	"ms949":        korean.EUCKR,
	"ms950":        traditionalchinese.Big5,
	"sjis":         japanese.ShiftJIS,
	"uhc":          korean.EUCKR,
	"utf":          unicode.UTF8,
	"utf-32":       utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
	"utf-32be":     utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
	"utf-32le":     utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
	"uft-8":        unicode.UTF8,
	"x-uhc":        korean.EUCKR,
}

// codecs are the charsets that x/text cannot decode.
var codecs = map[string]func([]byte) []byte{
	"iso-2022-kr":         decodeISO2022KR,
	"csiso2022kr":         decodeISO2022KR,
	"utf-7":               decodeUTF7,
	"utf7":                decodeUTF7,
	"csunicode11utf7":     decodeUTF7,
	"unicode-1-1-utf-7":   decodeUTF7,
	"unicode-2-0-utf-7":   decodeUTF7,
	"x-unicode-2-0-utf-7": decodeUTF7,
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
	name = normalCharset(name)
	switch name {
	case "utf-8", "utf8":
		return validUTF8(b)
	case "", "us-ascii", "ascii":
		return guessUTF8(b)
	case "utf-16", "utf-32":
		name += byteOrder(b)
	}
	if decode := codecs[name]; decode != nil {
		return decode(b)
	}
	enc := aliases[name]
	if enc == nil {
		enc, _ = htmlindex.Get(name)
	}
	if enc != nil && enc != encoding.Replacement {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return validUTF8(out)
		}
		return guessUTF8(b)
	}
	// go-message knows the rest of IANA's registry, and quirks of its own.
	if r, err := charset.Reader(name, bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return validUTF8(out)
		}
	}
	return guessUTF8(b)
}

// normalCharset brings a declared charset into the form that the tables use.
func normalCharset(name string) string {
	if len(name) > 64 { // longer than any registered name
		return ""
	}
	name = strings.ToLower(strings.Trim(name, " \t\r\n\"'"))
	name = strings.ReplaceAll(name, "_", "-")
	switch {
	case strings.HasPrefix(name, "cp125"):
		return "windows-" + name[2:]
	case strings.HasPrefix(name, "latin-"):
		return "latin" + name[6:]
	case strings.HasPrefix(name, "iso 8859-"):
		return "iso-" + name[4:]
	}
	switch name {
	case "ks-c-5601-1987", "ks-c-5601-1989":
		return "euc-kr"
	case "gb2312", "gbk", "x-gbk", "gb-2312-80":
		return "gb18030"
	case "shift-jis", "shift-jisx0213":
		return "shift_jis"
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

func validUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte("\uFFFD"))
}
