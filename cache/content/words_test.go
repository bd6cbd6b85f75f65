package content

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"plain text":                             "plain text",
		"=?utf-8?Q?a_b=C3=A4?=":                  "a bä",
		"=?UTF-8?b?w6Q=?=":                       "ä",
		"=?utf-8?B?w6Q?=":                        "ä",
		"=?utf-8?B?w 6 Q = ?=":                   "ä",
		"=?utf-8*en?Q?a?=":                       "a",
		"=?utf-8?Q?a?= =?utf-8?Q?b?=":            "ab",
		"=?utf-8?Q?a?=\t \t=?iso-8859-1?Q?=E4?=": "aä",
		"=?utf-8?Q?a?= b =?utf-8?Q?c?=":          "a b c",
		"=?utf-8?Q?=C3?= =?UTF-8?Q?=A4?=":        "ä",
		"=?utf-8?B?5rWL?= =?utf-8?Q?=E8=AF?= =?utf-8?B?lQ==?=": "测试",
		"\"=?utf-8?Q?a?=\" <x>":                                "\"a\" <x>",
		"x=?utf-8?Q?a?=y":                                      "xay",
		"=?utf-8?Q?a b=ZZ=?=":                                  "a b=ZZ=",
		"=?utf-8?Q?a":                                          "=?utf-8?Q?a",
		"=?utf-8?X?a?= =?utf-8?Q?b?=":                          "=?utf-8?X?a?= b",
		"=? =?utf-8?Q?b?=":                                     "=? b",
		"=?x-unknown?Q?=E4?=":                                  "ä",
		"=?x-unknown?Q?=C3=A4?=":                               "ä",
		"=?us-ascii?Q?=E4?=":                                   "ä",
		"=?utf-8?Q??=":                                         "",
		"=?utf-8?Q?=41?=":                                      "A",
		"=?iso-2022-jp?B?GyRCJCIbKEI=?=":                       "あ",
		"a \xe4":                                               "a ä",
		"a ä":                                                  "a ä",
		"=?utf-8?Q?=E4?=":                                      "\uFFFD",
	} {
		if got := DecodeWords(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestDecodeWordsLinear would not end in time if each start of a word were
// searched for an end.
func TestDecodeWordsLinear(t *testing.T) {
	in := strings.Repeat("=?a?q?x", 1<<20)
	if got := DecodeWords(in); got != in {
		t.Fatal("not left alone")
	}
}

func FuzzDecodeWords(f *testing.F) {
	f.Add("=?utf-8?Q?=C3?= =?utf-8*de?B?pA==?= x")
	f.Add("=?=?=?q?=\xff")
	f.Fuzz(func(t *testing.T, in string) {
		out := DecodeWords(in)
		if !utf8.ValidString(out) {
			t.Fatalf("%q", out)
		}
		if isASCII(in) && !strings.Contains(in, "=?") && out != in {
			t.Fatalf("plain text became %q", out)
		}
	})
}
