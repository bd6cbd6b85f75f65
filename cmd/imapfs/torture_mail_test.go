package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

// deliver fills mailboxes with messages of many sizes.
func (x *torture) deliver() {
	random := rand.New(rand.NewSource(1)) // the mail is always the same
	octets := func(n int) []byte {
		data := make([]byte, n)
		random.Read(data)
		return data
	}
	messages, large := 100, 3
	if x.long {
		messages, large = 240, 8
	}
	for i := range messages {
		mailbox := []string{"INBOX", "Archive/2019", "Archive/2020", "Sent"}[i%4]
		text := strings.Repeat(fmt.Sprintf("line %d of a text, größer\n", i), 1+random.Intn(1<<uint(random.Intn(11))))
		parts := []imaptest.Entity{imaptest.Text("text/plain", "utf-8", text)}
		switch {
		case i%3 == 1:
			parts = append(parts, imaptest.QuotedPrintable("text/html", "utf-8", []byte("<p>"+text)))
		case i < 3*large && i%3 == 0:
			parts = append(parts, imaptest.Attachment("large.bin", "application/octet-stream", octets((1+i/3)<<20+random.Intn(999))))
		case i%3 == 0:
			parts = append(parts, imaptest.Attachment("small file.bin", "application/octet-stream", octets(random.Intn(200<<10))))
		}
		x.server.Deliver(mailbox, imaptest.Message([]string{
			"From: Alice <alice@example.org>", fmt.Sprintf("Subject: number %d", i), "MIME-Version: 1.0",
		}, imaptest.Multipart("mixed", parts...)), sampleDate)
	}
}

// originals are every file of the mail, by its path in the mount: those of the root
// and, below eml, those of the eml layout.
type originals struct {
	parts, eml map[string]content
	large      map[string][]byte
}

type content struct {
	sum   string
	lines int // as grep counts them
}

const emlView = ".imapfs/eml"

// originals reads everything while nothing fails.
func (x *torture) originals() *originals {
	x.Helper()
	dir, unmount := mountOnce(x, x.server, x.server.Addr)
	defer unmount()
	want := &originals{large: make(map[string][]byte)}
	var err error
	if want.parts, err = read(dir); err != nil {
		x.Fatal(err)
	}
	if want.eml, err = read(filepath.Join(dir, emlView)); err != nil {
		x.Fatal(err)
	}
	for name := range want.parts {
		if filepath.Base(name) == "large.bin" {
			if want.large[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
				x.Fatal(err)
			}
		}
	}
	if len(want.eml) < 100 || len(want.large) < 3 {
		x.Fatalf("%d messages, %d large files", len(want.eml), len(want.large))
	}
	return want
}

// read reads all files below dir, as they are in no cache of the kernel's.
func read(dir string) (map[string]content, error) {
	found := make(map[string]content)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := uncache(f); err != nil {
			return err
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(f); err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		found[name] = describe(b.Bytes())
		return nil
	})
	return found, err
}

func describe(data []byte) content {
	c := content{sum(data), bytes.Count(data, []byte("\n"))}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		c.lines++
	}
	return c
}

// uncache makes the kernel forget the pages of a file.
func uncache(f *os.File) error {
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// uncacheAll makes the kernel forget the pages of all files, as far as the line
// allows it.
func uncacheAll(dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if f, err := os.Open(path); err == nil {
			uncache(f)
			f.Close()
		}
		return nil
	})
}

// compare reads all of the mount at dir.
func (w *originals) compare(dir string) error {
	for sub, want := range map[string]map[string]content{".": w.parts, emlView: w.eml} {
		got, err := read(filepath.Join(dir, sub))
		if err != nil {
			return err
		}
		if err := same(got, want); err != nil {
			return err
		}
		if len(got) != len(want) {
			return fmt.Errorf("%d files in %s, not %d", len(got), sub, len(want))
		}
	}
	return nil
}

// same compares files that have been read with the truth.
func same(got, want map[string]content) error {
	for name, c := range got {
		if want[name] != c {
			return fmt.Errorf("%s is %v, not %v", name, c, want[name])
		}
	}
	return nil
}

// rangeReader reads here and there: ranges of large files, which stay open, and
// other files whole.
type rangeReader struct {
	random *rand.Rand
	dir    string
	of     *originals
	large  []string // names, sorted
	all    []string
	files  map[string]*os.File
	wrong  string // what was not exact, "" if everything was
}

func (w *originals) reader(dir string, seed int64) *rangeReader {
	return &rangeReader{
		random: rand.New(rand.NewSource(seed)), dir: dir, of: w, files: make(map[string]*os.File),
		large: slices.Sorted(maps.Keys(w.large)), all: slices.Sorted(maps.Keys(w.parts)),
	}
}

func (r *rangeReader) close() {
	for _, f := range r.files {
		f.Close()
	}
}

// read reads one range. The error is that of the read.
func (r *rangeReader) read() error {
	name := r.large[r.random.Intn(len(r.large))]
	f := r.files[name]
	if f == nil {
		var err error
		if f, err = os.Open(filepath.Join(r.dir, name)); err != nil {
			return err
		}
		r.files[name] = f
	}
	want := r.of.large[name]
	off := r.random.Intn(len(want))
	p := make([]byte, min(1+r.random.Intn(64<<10), len(want)-off))
	if err := uncache(f); err != nil {
		return err
	}
	n, err := f.ReadAt(p, int64(off))
	if !bytes.Equal(p[:n], want[off:off+n]) {
		r.wrong = fmt.Sprintf("%s: %d bytes from %d are not its own", name, n, off)
	}
	if errors.Is(err, io.EOF) {
		r.wrong = fmt.Sprintf("%s ends at %d", name, off+n)
	}
	return err
}

// whole reads one file.
func (r *rangeReader) whole() error {
	name := r.all[r.random.Intn(len(r.all))]
	f, err := os.Open(filepath.Join(r.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := uncache(f); err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	if err == nil && describe(data) != r.of.parts[name] {
		r.wrong = fmt.Sprintf("%s has %d bytes that are not its own", name, len(data))
	}
	return err
}
