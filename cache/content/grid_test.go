package content

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// wrapped returns n octets in base64 with lines of so many digits.
func wrapped(n, line int, end string) (data, encoded []byte) {
	data = make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	digits := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(digits) > line {
		b.WriteString(digits[:line] + end)
		digits = digits[line:]
	}
	b.WriteString(digits)
	return data, []byte(b.String())
}

func probe(encoded []byte) (Grid, bool) {
	n := len(encoded)
	if n < ProbeHead {
		return NewGrid(int64(n), encoded, encoded)
	}
	return NewGrid(int64(n), encoded[:ProbeHead], encoded[n-ProbeTail/2:])
}

// readAll decodes encoded through the grid, in blocks; ok is false if any is
// off the grid.
func readAll(t testing.TB, g Grid, encoded []byte, block int64) (data []byte, ok bool) {
	covered := int64(0)
	for off := int64(0); off < g.Size(); off += block {
		start, length := g.Encoded(off, block)
		if start > covered {
			t.Fatalf("octets %d to %d are in no range", covered, start)
		}
		covered = start + length
		got, at, ok := g.Decode(make([]byte, DecodedRoom(int(length))), encoded[start:start+length], start)
		if !ok {
			return nil, false
		}
		want := min(block, g.Size()-off)
		if at > off || at+int64(len(got)) < off+want {
			t.Fatalf("block at %d of %d: got %d at %d", off, want, len(got), at)
		}
		data = append(data, got[off-at:][:want]...)
	}
	if covered != int64(len(encoded)) {
		t.Fatalf("ranges end at %d of %d", covered, len(encoded))
	}
	return data, true
}

func TestGrid(t *testing.T) {
	for _, line := range []int{4, 60, 64, 72, 76, 252} {
		for _, end := range []string{"\r\n", "\n"} {
			for _, tail := range []string{"", "\r\n", "\n\n\n", " \r\n"} {
				for n := 700; n < 760; n++ {
					data, encoded := wrapped(n, line, end)
					encoded = append(encoded, tail...)
					g, ok := probe(encoded)
					if !ok || g.Size() != int64(n) {
						t.Fatalf("line %d%q%q: size %d, %v; want %d", line, end, tail, g.Size(), ok, n)
					}
					for _, block := range []int64{1, 64, 100, 1 << 20} {
						got, ok := readAll(t, g, encoded, block)
						if !ok || !bytes.Equal(got, data) {
							t.Fatalf("line %d%q%q, block %d: wrong data, %v", line, end, tail, block, ok)
						}
					}
				}
			}
		}
	}
}

// TestNoGrid refuses what both ends do not prove.
func TestNoGrid(t *testing.T) {
	for what, encoded := range map[string]func() []byte{
		"one line":       func() []byte { _, b := wrapped(4000, 1<<30, "\n"); return b },
		"lines of 996":   func() []byte { _, b := wrapped(4000, 996, "\r\n"); return b },
		"all blank":      func() []byte { return bytes.Repeat([]byte("\r\n"), 500) },
		"a blank end":    func() []byte { _, b := wrapped(4000, 76, "\n"); return append(b, bytes.Repeat([]byte("\n"), 300)...) },
		"line of 75":     func() []byte { _, b := wrapped(4000, 75, "\n"); return b },
		"a footer":       func() []byte { _, b := wrapped(4000, 76, "\n"); return append(b, "\n-- \nlist\n"...) },
		"blank at first": func() []byte { _, b := wrapped(4000, 76, "\n"); return append([]byte("\n"), b...) },
	} {
		if g, ok := probe(encoded()); ok || g != (Grid{}) {
			t.Errorf("%s: a grid of %d bytes", what, g.Size())
		}
	}
}

func TestGridRange(t *testing.T) {
	_, encoded := wrapped(100<<10, 76, "\r\n")
	g, _ := probe(encoded)
	for _, c := range []struct{ off, n, start, length int64 }{
		{0, 57, 0, 78},
		{0, 3, 0, 4},
		{57, 57, 78, 78},
		{58, 1, 78, 4},
		{-5, 3, 0, 4},
		{g.Size(), 10, int64(len(encoded)) - 4, 0},
		{g.Size() - 1, 10, int64(len(encoded)) - 4, 4},
	} {
		if start, length := g.Encoded(c.off, c.n); start != c.start || length != c.length {
			t.Errorf("Encoded(%d, %d) = %d, %d; want %d, %d", c.off, c.n, start, length, c.start, c.length)
		}
	}
}

func TestGridRefuses(t *testing.T) {
	_, regular := wrapped(3001, 76, "\r\n")
	s := string(regular)
	for name, body := range map[string]string{
		"short":                 s[:200],
		"line no multiple of 4": func() string { _, b := wrapped(3001, 75, "\r\n"); return string(b) }(),
		"line beyond the probe": func() string { _, b := wrapped(3001, 988, "\r\n"); return string(b) }(),
		"blank line first":      "\r\n" + s,
		"blank at line ends":    strings.ReplaceAll(s, "\r\n", " \r\n"),
		"footer":                s + "\r\n\r\n_______\r\nlist\r\n",
		"padding missing one":   s[:len(s)-1],
		"padding too long":      s + "=",
		"padding only":          strings.Repeat("=", 1000),
		"blanks only":           strings.Repeat(" ", 1000),
		"one digit over":        strings.TrimRight(s, "=") + "AAA",
		"early short line":      s[:72] + s[76:],
		"late short line":       s[:len(s)-100] + s[len(s)-96:],
		"stray CR":              strings.Replace(s, "\r\n", "\n", 1),
		"octet count":           s,
	} {
		head, tail := ProbeHead, ProbeTail/2
		if name == "octet count" {
			tail++
		}
		var ok bool
		if len(body) < 300 {
			_, ok = probe([]byte(body))
		} else {
			_, ok = NewGrid(int64(len(body)), []byte(body[:head]), []byte(body[len(body)-tail:]))
		}
		if ok {
			t.Errorf("%s: taken for regular", name)
		}
	}
}

// TestGridInside has damage that neither end shows: it must be seen on reading.
func TestGridInside(t *testing.T) {
	_, regular := wrapped(3001, 76, "\r\n")
	s := string(regular)
	for name, body := range map[string]string{
		"junk that keeps the grid": s[:1500] + "!!!!" + s[1504:],
		"padding inside":           s[:1558] + "==" + s[1560:],
		"line end moved":           s[:1556] + s[1560:1640] + s[1556:1560] + s[1640:],
		"lone LF":                  strings.Replace(s[:1600], "\r\n", "A\n", -1)[:1600] + s[1600:],
	} {
		if name == "lone LF" {
			body = s[:76*8+14] + "A\n" + s[76*8+16:]
		}
		g, ok := probe([]byte(body))
		if !ok {
			t.Errorf("%s: seen too early to be a test", name)
			continue
		}
		if _, ok := readAll(t, g, []byte(body), 512); ok {
			t.Errorf("%s: not seen", name)
		}
	}
}

func FuzzGrid(f *testing.F) {
	for _, line := range []int{60, 76, 1000} {
		_, encoded := wrapped(1000, line, "\r\n")
		f.Add(encoded, int64(100))
	}
	_, encoded := wrapped(700, 76, "\n")
	f.Add(append(encoded, "\n\n"...), int64(57))
	f.Add([]byte(strings.Repeat("AAAA\n", 100)+"AA"), int64(3))
	f.Fuzz(func(t *testing.T, encoded []byte, block int64) {
		g, ok := probe(encoded)
		if !ok {
			return
		}
		got, ok := readAll(t, g, encoded, min(max(block, 1), 1<<20))
		if !ok {
			return
		}
		want := DecodeBase64(encoded)
		if !bytes.Equal(got, want) || g.Size() != int64(len(want)) {
			t.Fatalf("size %d, %d octets read, %d decoded", g.Size(), len(got), len(want))
		}
	})
}

func BenchmarkGrid(b *testing.B) {
	_, encoded := wrapped(1<<20, 76, "\r\n")
	g, _ := probe(encoded)
	start, length := g.Encoded(0, 256<<10)
	dst := make([]byte, DecodedRoom(int(length)))
	b.SetBytes(length)
	for b.Loop() {
		if _, _, ok := g.Decode(dst, encoded[start:start+length], start); !ok {
			b.Fatal("off the grid")
		}
	}
}

// BenchmarkStandardBase64 is what the standard library takes for the same.
func BenchmarkStandardBase64(b *testing.B) {
	_, encoded := wrapped(256<<10, 76, "\r\n")
	dst := make([]byte, DecodedRoom(len(encoded)))
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		base64.StdEncoding.Decode(dst, encoded)
	}
}
