package content

import (
	"testing"
	"unicode/utf8"
)

func params(kv ...string) []Param {
	var p []Param
	for i := 0; i < len(kv); i += 2 {
		p = append(p, Param{kv[i], kv[i+1]})
	}
	return p
}

func TestFilename(t *testing.T) {
	for _, c := range []struct {
		disposition, contentType []Param
		want                     string
		ok                       bool
	}{
		{nil, nil, "", false},
		{params("size", "3"), params("charset", "x"), "", false},
		{params("filename", "a"), params("name", "b"), "a", true},
		{params("FileName", ""), params("name", "b"), "", true},
		{nil, params("name", "b"), "b", true},
		{params("filename", " a "), nil, " a ", true},
		{params("filename", "=?utf-8?Q?=C3=A4?= =?utf-8?Q?b?="), nil, "äb", true},
		{params("filename", "=?utf-8?Q?=C3=A4?=.txt"), nil, "ä.txt", true},
		{params("filename", "\xe4"), nil, "ä", true},
		{params("filename", "ä"), nil, "ä", true},
		{params("filename*", "utf-8''a%20%C3%a4"), nil, "a ä", true},
		{params("filename*", "iso-8859-1'de'f%fc"), nil, "fü", true},
		{params("filename*", "''f%C3%BC"), nil, "fü", true},
		{params("filename*", "%41%ZZ%4"), nil, "A%ZZ%4", true},
		{params("filename*", "utf-8'x"), nil, "utf-8'x", true},
		{params("filename*", "utf-8''it's"), nil, "it's", true},
		{params("filename*", "utf-8''=?utf-8?Q?x?="), nil, "x", true},
		{params("filename*0", "a", "filename*1", "b"), nil, "ab", true},
		{params("filename*1", "b", "filename*0", "a"), nil, "ab", true},
		{params("filename*1", "b", "filename*3", "d"), nil, "bd", true},
		{params("filename*10", "c", "filename*9", "b", "filename*2", "a"), nil, "abc", true},
		{params("filename*0", "a", "filename*0", "b", "filename*1", "c"), nil, "ac", true},
		{params("FILENAME*0*", "utf-8''a%20", "filename*1", "b%20", "filename*2*", "c%20"), nil, "a b%20c ", true},
		{params("filename*0*", "utf-8''%C3", "filename*1*", "%A4"), nil, "ä", true},
		{params("filename*0", "=?utf-8?Q?a?=", "filename*1", "=?utf-8?Q?b?="), nil, "ab", true},
		// As Dovecot passes it on: the segments merged, the plain ones escaped.
		{params("filename*", "utf-8''a%20b%2520c%20"), nil, "a b%20c ", true},
		{params("filename", "plain", "filename*", "utf-8''ext"), nil, "plain", true},
		{params("filename*", "utf-8''ext", "filename", "plain"), nil, "ext", true},
		{params("filename*0", "a", "filename", "plain", "filename*1", "b"), nil, "ab", true},
		{params("filename*x", "a", "filenames", "b", "filename*99999999999", "c"), nil, "", false},
		{params("filename*x", "a"), params("name", "b"), "b", true},
	} {
		got, ok := Filename(c.disposition, c.contentType)
		if got != c.want || ok != c.ok {
			t.Errorf("%q %q: got %q, %v; want %q, %v", c.disposition, c.contentType, got, ok, c.want, c.ok)
		}
	}
}

func FuzzFilename(f *testing.F) {
	f.Add("filename*0*", "utf-8''%C3", "filename*1*", "%a4")
	f.Add("filename", "=?utf-8?Q?a?=", "filename*", "x'y'z")
	f.Fuzz(func(t *testing.T, k, v, k2, v2 string) {
		name, ok := Filename(params(k, v, k2, v2), params("name", v))
		if !ok {
			t.Fatal("not even the name")
		}
		if !utf8.ValidString(name) {
			t.Fatalf("%q", name)
		}
	})
}
