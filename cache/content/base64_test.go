package content

import (
	"bytes"
	"encoding/base64"
	"testing"
)

func TestDecodeBase64(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"aGVsbG8=":                               "hello",
		"aGVsbG8":                                "hello",
		"aGVs\r\nbG8=\r\n":                       "hello",
		"aG\nVs bG\t8=":                          "hello",
		"aGVsbG8=\r\naGVsbG8=":                   "hellohello",
		"aA==aA==":                               "hh",
		"aGVsbG8=\r\n\r\n-- \r\nlist footer\r\n": "hello",
		"aGVsbG8=\r\n--b--":                      "hello",
		"aGVs\r\n.\r\nbG8=":                      "hello",
		"aGVs*!*bG8=":                            "hello",
		"=aGVsbG8=":                              "hello",
		"====":                                   "",
		"a":                                      "",
		"aG":                                     "h",
		"aGVsb":                                  "hel",
		"aGVs\x00\xffbG8=":                       "hello",
		"aGVsbG8====aGVsbG8=":                    "hellohello",
		"-_-_":                                   "",
		"aGVsbG8=\r\n\r\n":                       "hello",
		"\xef\xbb\xbfaGVsbG8gd29ybGQ":            "hello world",
	} {
		if got := DecodeBase64([]byte(in)); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeBase64(f *testing.F) {
	f.Add([]byte("aGVsbG8=\r\n"))
	f.Add([]byte("a=b=c=d"))
	_, encoded := wrapped(300, 76, "\r\n")
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, in []byte) {
		got := DecodeBase64(in)
		if want, err := base64.StdEncoding.AppendDecode(nil, in); err == nil && !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		back := base64.StdEncoding.EncodeToString(in)
		if again := DecodeBase64([]byte(back)); !bytes.Equal(again, in) {
			t.Fatalf("%q became %q", in, again)
		}
	})
}

func BenchmarkDecodeBase64(b *testing.B) {
	_, encoded := wrapped(1<<20, 76, "\r\n")
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		DecodeBase64(encoded)
	}
}
