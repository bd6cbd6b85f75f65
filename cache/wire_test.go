package cache

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWire sends lines that end in LF with CRLF, whatever the size of a read, and
// everything else as it is.
func TestWire(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"a\nb\n":                               "a\r\nb\r\n",
		"a\r\nb\r\n":                           "a\r\nb\r\n",
		"\n\n":                                 "\r\n\r\n",
		"a\rb\n":                               "a\rb\r\n",
		"a\r\n\nb":                             "a\r\n\r\nb",
		strings.Repeat("\n", 9):                strings.Repeat("\r\n", 9),
		strings.Repeat("0123456789\n", 20_000): strings.Repeat("0123456789\r\n", 20_000),
	} {
		for _, size := range []int{1, 2, 3, 7, 4096} {
			r := bufio.NewReaderSize(&crlfReader{r: bufio.NewReaderSize(strings.NewReader(in), 16)}, 64<<10)
			var out strings.Builder
			for buf := make([]byte, size); ; {
				n, err := r.Read(buf)
				out.Write(buf[:n])
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if out.String() != want {
				t.Errorf("%.20q, %d at a time: %.20q", in, size, out.String())
			}
		}
	}
}

func TestScan(t *testing.T) {
	for in, want := range map[string]wire{
		"Subject: x\r\n\r\ntext\r\n":                 {size: 20, header: true},
		"Subject: x\n\ntext\n":                       {size: 20, header: true, bare: true},
		"Message-ID:\r\n <1@x>\r\n\r\n\x00":          {size: 24, header: true, nul: true, messageID: "<1@x>"},
		"text\r\n":                                   {size: 6},
		"From alice Mon Mar  2 2026\nSubject: x\n\n": {size: 42, bare: true},
		"not a field: x\r\n\r\n":                     {size: 18},
		"Subject: x\r\n\r\nMessage-ID: <2@x>\r\n":    {size: 33, header: true},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "draft"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(in); err != nil {
			t.Fatal(err)
		}
		got, err := (&Draft{file: f, size: int64(len(in))}).scan()
		f.Close()
		got.sum = want.sum
		if err != nil || got != want {
			t.Errorf("%q: %+v, not %+v, %v", in, got, want, err)
		}
	}
}
