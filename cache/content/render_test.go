package content

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestRenderHeader(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"\r\n":                          "",
		"A: b\r\n\r\n":                  "A: b\n",
		"A: b\r\nC: d":                  "A: b\nC: d\n",
		"A: b\nC: d\n\nbody\n":          "A: b\nC: d\n",
		"A: b\r\n c\r\n\td\r\nE: f\r\n": "A: b c d\nE: f\n",
		"A: b\r\n \r\n c\r\n":           "A: b  c\n",
		"From x@y Mon Jan  1\nA: b\n":   "From x@y Mon Jan  1\nA: b\n",
		"no field\r\nA: b\r\n: c\r\n":   "no field\nA: b\n: c\n",
		" starts folded\r\nA: b\r\n":    " starts folded\nA: b\n",
		"A: b\r\nA: b\r\n":              "A: b\nA: b\n",
		"A: =?utf-8?Q?=C3=A4?=\r\n =?utf-8?Q?b?=\r\n":     "A: äb\n",
		"A: =?utf-8?Q?=0AB:_forged=1B=C2=85=E2=80=A8?=\n": "A: \uFFFDB: forged\uFFFD\uFFFD\uFFFD\n",
		"A: \x00\x1b\x7f\rb\r\n":                          "A: \uFFFD\uFFFD\uFFFD\uFFFDb\n",
		"A: \xe4\r\n":                                     "A: ä\n",
		"A: ä\tb \r\n":                                    "A: ä b \n",
	} {
		if got := RenderHeader([]byte(in)); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzRenderHeader(f *testing.F) {
	f.Add([]byte("From x\nA: =?utf-8?Q?=0A?=\r\n b\r\n\r\nbody"))
	f.Add([]byte(" \x00\r\r\n\u2028\x85"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := RenderHeader(in)
		if !utf8.Valid(out) {
			t.Fatalf("%q", out)
		}
		if len(out) > 0 && out[len(out)-1] != '\n' {
			t.Fatalf("no end of line: %q", out)
		}
		for _, r := range string(out) {
			if r != '\n' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				t.Fatalf("%q in %q", r, out)
			}
		}
		n := 0
		for range fields(in) {
			n++
		}
		if bytes.Count(out, []byte("\n")) != n {
			t.Fatalf("%d fields in %q", n, out)
		}
	})
}
