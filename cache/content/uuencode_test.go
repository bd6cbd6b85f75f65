package content

import "testing"

func TestDecodeUU(t *testing.T) {
	for in, want := range map[string]string{
		"begin 644 a\r\n#0V%T\r\n`\r\nend\r\n":                "Cat",
		"text\nbegin 600 a b.txt\n#0V%T\n \nend\nmore text\n": "Cat",
		"begin 644 a\n#0V%T\nend\nbegin 644 b\n#0V%T\nend\n":  "CatCat",
		"begin 644 a\n#0V%T":                                  "Cat",
		"begin 644 a\n!80\nend":                               "a",
		"begin 644 a\n#````\nend":                             "\x00\x00\x00",
		"begin 644 a\n#\nend":                                 "\x00\x00\x00",
		"begin 644 a\n\x80\x81\n\n#0V%T\nend":                 "Cat",
		"no such thing":                                       "no such thing",
		"begin the day\n":                                     "begin the day\n",
		"begin 644\n":                                         "begin 644\n",
	} {
		if got := DecodeUU([]byte(in)); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeUU(f *testing.F) {
	f.Add([]byte("begin 644 a\n#0V%T\n`\nend\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if out := DecodeUU(in); len(out) > maxUUGrowth*len(in)+63 {
			t.Fatalf("%d octets became %d", len(in), len(out))
		}
	})
}
