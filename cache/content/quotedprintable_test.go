package content

import (
	"bytes"
	"mime/quotedprintable"
	"testing"
)

func TestDecodeQuotedPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"a=20b":                "a b",
		"a=c3=A4":              "aä",
		"a=\r\nb":              "ab",
		"a=\nb":                "ab",
		"a= \t\r\nb":           "ab",
		"a=":                   "a",
		"a= ":                  "a",
		"a=4":                  "a=4",
		"a=ZZ=":                "a=ZZ",
		"a==41":                "a=A",
		"a==\r\nb":             "a=b",
		"=3D=\r\n=\r\n=3d":     "==",
		"a  \r\nb\t\n":         "a  \r\nb\t\n",
		"a\rb\r\r\nc\nd":       "a\rb\r\r\nc\nd",
		"=0D=0A":               "\r\n",
		"\xe4=E4":              "\xe4\xe4",
		"-- \r\nsignature\r\n": "-- \r\nsignature\r\n",
	} {
		if got := DecodeQuotedPrintable([]byte(in)); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeQuotedPrintable(f *testing.F) {
	f.Add([]byte("a=20b= \r\n=C3=A4\r\n"))
	f.Add([]byte("=\r=\n==4"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if out := DecodeQuotedPrintable(in); len(out) > len(in) {
			t.Fatalf("%q grew to %q", in, out)
		}
		var b bytes.Buffer
		w := quotedprintable.NewWriter(&b)
		w.Binary = true
		w.Write(in)
		w.Close()
		if got := DecodeQuotedPrintable(b.Bytes()); !bytes.Equal(got, in) {
			t.Fatalf("%q became %q", in, got)
		}
	})
}

func BenchmarkDecodeQuotedPrintable(b *testing.B) {
	in := bytes.Repeat([]byte("Sehr geehrte Damen und Herren, f=C3=BCr heute nur dies: wir sind im Urlaub =\r\n"), 4096)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		DecodeQuotedPrintable(in)
	}
}
