package content

import (
	"testing"
	"unicode/utf8"
)

func TestToUTF8(t *testing.T) {
	for _, c := range []struct{ charset, in, want string }{
		{"utf-8", "ä", "ä"},
		{"UTF-8", "a\xe2\x82b\xff", "a\uFFFDb\uFFFD"},
		{"uft-8", "ä", "ä"},
		{"\"utf8\"", "ä", "ä"},
		{"utf-8", "\xef\xbb\xbfa", "\uFEFFa"},
		{"", "ä", "ä"},
		{"", "\xe4\x80", "ä€"},
		{"us-ascii", "\xe4", "ä"},
		{"x-unknown", "\xe4", "ä"},
		{"x-unknown", "ä", "ä"},
		{"binary", "\xe4", "ä"},
		{"iso-8859-1", "\xe4\x80", "ä€"},
		{"latin-1", "\xe4", "ä"},
		{"iso_8859-15", "\xa4", "€"},
		{"cp1251", "\xc0", "А"},
		{"win-1251", "\xc0", "А"},
		{"koi8-r", "\xe1", "А"},
		{"x-mac-cyrillic", "\x80", "А"},
		{"macroman", "\x8a", "ä"},
		{"cp850", "\x84", "ä"},
		{"ibm437", "\x84", "ä"},
		{"cp858", "\xd5", "€"},
		{"windows-874", "\xa1", "ก"},
		{"tis-620", "\xa1", "ก"},
		{"iso-8859-8-i", "\xe0", "א"},
		{"gb2312", "\xb2\xe2", "测"},
		{"x-gbk", "\xb2\xe2", "测"},
		{"hz-gb-2312", "~{2b~}", "测"},
		{"big5", "\xb4\xfa", "測"},
		{"cp932", "\x82\xa0", "あ"},
		{"shift_jis", "\x82\xa0", "あ"},
		{"windows-31j", "\x87\x40", "①"},
		{"euc-jp", "\xa4\xa2", "あ"},
		{"iso-2022-jp", "\x1b$B$\"\x1b(B", "あ"},
		{"ks_c_5601-1987", "\xb0\xa1", "가"},
		{"cp949", "\x81\x41", "갂"},
		{"iso-2022-kr", "\x1b$)C\x0e0!\x0fa", "가a"},
		{"unicode-1-1-utf-7", "a+AOQ-b", "aäb"},
		{"utf-7", "+2D3cBA-", "🐄"},
		{"utf-7", "1 +- 1 + \xe4 +AOQ", "1 + 1 + \uFFFD ä"},
		{"utf-7", "+2D0-x", "\uFFFDx"},
		{"utf-16", "\xfe\xff\x00a", "\uFEFFa"},
		{"utf-16", "\xff\xfea\x00", "\uFEFFa"},
		{"utf-16", "\x00a", "a"},
		{"utf-16le", "a\x00\x3d\xd8", "a\uFFFD"},
		{"utf-32le", "a\x00\x00\x00", "a"},
		{"iso-2022-cn", "\x1b$)A", "\x1b$)A"},
	} {
		if got := ToUTF8(c.charset, []byte(c.in)); string(got) != c.want {
			t.Errorf("%s %q: got %q, want %q", c.charset, c.in, got, c.want)
		}
	}
}

func FuzzToUTF8(f *testing.F) {
	for _, name := range []string{"", "utf-8", "utf-7", "utf-16", "utf-32le", "iso-2022-jp", "iso-2022-kr", "gb18030", "hz-gb-2312", "big5", "euc-kr", "tis-620"} {
		f.Add(name, []byte("a+AOQ-\x1b$B$\"\x0e0!\xb2\xe2\xff"))
	}
	f.Fuzz(func(t *testing.T, name string, in []byte) {
		before := string(in)
		out := ToUTF8(name, in)
		if !utf8.Valid(out) {
			t.Fatalf("%s: %q", name, out)
		}
		if string(in) != before {
			t.Fatal("changed its input")
		}
		if len(out) > 8*len(in)+8 {
			t.Fatalf("%d octets became %d", len(in), len(out))
		}
	})
}
