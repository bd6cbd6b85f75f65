package cache

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"imapfs/cache/content"
)

// lines is base64 in lines of 76 digits.
func lines(data []byte) []byte {
	digits := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(digits) > 76 {
		b.WriteString(digits[:76] + "\r\n")
		digits = digits[76:]
	}
	b.WriteString(digits + "\r\n")
	return []byte(b.String())
}

func random(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	return data
}

// TestSizes finds the size of everything before it is read, and then proves it.
func TestSizes(t *testing.T) {
	big := random(3 << 20)
	for what, test := range map[string]struct {
		part    []content.Part
		encoded []byte
		want    []byte
	}{
		"small base64":     {single("a/b", content.Base64, 100), lines(big[:70]), big[:70]},
		"large base64":     {single("a/b", content.Base64, len(lines(big))), lines(big), big},
		"middling base64":  {single("a/b", content.Base64, len(lines(big[:200<<10]))), lines(big[:200<<10]), big[:200<<10]},
		"one line":         {single("a/b", content.Base64, 4<<20), []byte(base64.StdEncoding.EncodeToString(big)), big},
		"large binary":     {single("a/b", content.Binary, len(big)), big, big},
		"binary, less":     {single("a/b", content.Binary, 100<<10), big[:100<<10-7], big[:100<<10-7]},
		"large text":       {single("text/plain", content.Identity, 400<<10), bytes.Repeat([]byte("line\r\n"), 60<<10), bytes.Repeat([]byte("line\n"), 60<<10)},
		"quoted-printable": {single("text/plain", content.QuotedPrintable, 9), []byte("a=3Db=\r\nc"), []byte("a=bc")},
		"octets not known": {single("a/b", content.Identity, -1), big, big},
		"blank at the end": {single("a/b", content.Base64, len(lines(big[:200<<10]))+600), append(lines(big[:200<<10]), bytes.Repeat([]byte("\r\n"), 300)...), big[:200<<10]},
		"octets are a lie": {single("a/b", content.Base64, len(lines(big[:200<<10]))+7), lines(big[:200<<10]), big[:200<<10]},
		"nothing":          {single("a/b", content.Base64, 0), nil, nil},
	} {
		t.Run(what, func(t *testing.T) {
			src := newFake()
			uid := src.add(Message{Size: -1, Parts: test.part}, map[string][]byte{"1": test.encoded})
			b := open(t, src, nil)
			f := File{uid, 0, Body}
			size, got, err := read(t, b, f)
			if err != nil || !bytes.Equal(got, test.want) {
				t.Fatalf("read %d bytes, want %d: %v", len(got), len(test.want), err)
			}
			if exact := what != "binary, less"; exact && size != int64(len(test.want)) {
				t.Errorf("the first size is %d, want %d", size, len(test.want))
			}
			if s, err := b.Size(t.Context(), f); err != nil || s != (Size{int64(len(test.want)), true}) {
				t.Errorf("then it is %+v, want %d, proven: %v", s, len(test.want), err)
			}
		})
	}
}

// TestIrregularInside never gives wrong bytes of a part that has a grid at its
// ends and none inside, to whoever reads it by whatever descriptor.
func TestIrregularInside(t *testing.T) {
	data := random(3 << 20)
	encoded := lines(data)
	middle := len(encoded) / 78 / 2 * 78
	copy(encoded[middle:], "!!!!")
	src := newFake()
	uid := src.add(Message{Size: -1, Parts: single("a/b", content.Base64, len(encoded))}, map[string][]byte{"1": encoded})
	var resized atomic.Int32
	b := open(t, src, func(e Event) {
		if e.Kind == Resized {
			resized.Add(1)
		}
	})
	f := File{uid, 0, Body}
	other, err := b.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, b, f); !errors.Is(err, ErrContent) || resized.Load() == 0 {
		t.Errorf("the first read: %v, resized %d times", err, resized.Load())
	}
	for off := int64(0); off < other.Size(); off += 64 << 10 {
		if n, err := other.ReadAt(t.Context(), make([]byte, 4096), off); !errors.Is(err, ErrContent) {
			t.Fatalf("a reader from before gets %d bytes at %d: %v", n, off, err)
		}
	}
	size, got, err := read(t, b, f)
	if want := content.DecodeBase64(encoded); err != nil || size != int64(len(want)) || !bytes.Equal(got, want) {
		t.Errorf("the second read: size %d, %d bytes, want %d: %v", size, len(got), len(want), err)
	}
}

// TestTrust believes RFC822.SIZE after it was right for a while, and takes back
// everything after it was wrong once.
func TestTrust(t *testing.T) {
	src := newFake()
	message := []byte("Subject: x\r\n\r\nbody\r\n")
	for range enough {
		src.add(Message{Size: int64(len(message))}, map[string][]byte{"": message})
	}
	liar := src.add(Message{Size: 5}, map[string][]byte{"": message})
	lost := 0
	b := open(t, src, func(e Event) {
		if e.Kind == SizesLost {
			lost++
		}
	})
	for i := uint32(0); i < enough; i++ {
		uid := i*13%enough + 1 // in no order, or they would be fetched ahead, and proven
		f := File{uid, Outer, Whole}
		if s, err := b.Size(t.Context(), f); err != nil || s.N != int64(len(message)) || s.Proven {
			t.Fatalf("message %d: %+v, %v", uid, s, err)
		}
		if _, _, err := read(t, b, f); err != nil {
			t.Fatal(err)
		}
	}
	f := File{liar, Outer, Whole}
	if s, err := b.Size(t.Context(), f); err != nil || !s.Proven {
		t.Errorf("a server that was right %d times is not believed: %+v, %v", enough, s, err)
	}
	r, err := b.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(t.Context(), make([]byte, 99), 0); !errors.Is(err, ErrContent) || lost != 1 {
		t.Errorf("a lie is read as %d bytes, %v; %d times lost", n, err, lost)
	}
	if size, got, err := read(t, b, f); err != nil || size != int64(len(message)) || !bytes.Equal(got, message) {
		t.Errorf("then size %d, %q, %v", size, got, err)
	}
}

// TestRecover cuts from the message what the server announces and does not
// serve, and what it cannot number at all.
func TestRecover(t *testing.T) {
	message := []byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n--b--\r\n")
	parts := content.Parse(message).Parts
	src := newFake()
	mute := src.add(Message{Size: int64(len(message)), Parts: parts}, map[string][]byte{"": message, "HEADER": []byte("Subject: x\r\n\r\n"), "1": []byte("first")})
	broken := src.add(Message{Size: int64(len(message)), Defects: DefectStructure}, map[string][]byte{"": message})
	empty := src.add(Message{Size: 9, Defects: DefectStructure}, map[string][]byte{})
	header := []byte("Subject: x\r\n\r\n")
	bare := src.add(Message{Size: int64(len(header)), Defects: DefectStructure}, map[string][]byte{"": header, "HEADER": header, "1": {}})
	b := open(t, src, nil)
	for _, uid := range []uint32{mute, broken} {
		m, err := b.Structured(t.Context(), uid)
		if err != nil || len(m.Parts) != 2 {
			t.Fatalf("message %d: %v, %v", uid, m, err)
		}
		for i, want := range []string{"first", "second"} {
			if size, got, err := read(t, b, File{uid, int32(i), Body}); err != nil || string(got) != want || size != int64(len(want)) {
				t.Errorf("message %d, part %d: %q, %d, %v", uid, i+1, got, size, err)
			}
		}
	}
	if m, err := b.Structured(t.Context(), empty); err != nil || m.Parts == nil || len(m.Parts) != 0 {
		t.Errorf("a message that cannot be fetched: %+v, %v", m, err)
	}
	if m, err := b.Structured(t.Context(), bare); err != nil || len(m.Parts) != 1 || m.Defects != 0 {
		t.Errorf("a message without a body: %+v, %v", m, err)
	}
	if _, _, err := read(t, b, File{empty, Outer, Whole}); err == nil {
		t.Error("a message that cannot be fetched can be read")
	}
}

// TestEnclosedMisserved cuts from the message what the server serves as part of
// an enclosed one, and what is of another length than it announced.
func TestEnclosedMisserved(t *testing.T) {
	enclosed := "Subject: y\r\n\r\ninside"
	message := []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + enclosed + "\r\n--b--\r\n")
	parts := content.Parse(message).Parts
	src := newFake()
	whole := src.add(Message{Size: int64(len(message)), Parts: parts}, map[string][]byte{"": message, "1": []byte(enclosed), "1.1": []byte(enclosed)})
	lost := src.add(Message{Size: int64(len(message)), Parts: parts}, map[string][]byte{"1.1": []byte("all that there is")})
	b := open(t, src, nil)
	for uid, want := range map[uint32]string{whole: "inside", lost: "all that there is"} {
		if size, got, err := read(t, b, File{uid, 1, Body}); err != nil || string(got) != want || size != int64(len(want)) {
			t.Errorf("message %d: %q, %d, %v", uid, got, size, err)
		}
	}
}

// TestShared makes one fetch of concurrent reads, lets each leave by itself,
// and ends the fetch when all have left.
func TestShared(t *testing.T) {
	src := newFake()
	uid := src.add(Message{Size: 4}, map[string][]byte{"": []byte("mail")})
	b := open(t, src, nil)
	src.hang = make(chan struct{})
	f := File{uid, Outer, Whole}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 9)
	get := func(ctx context.Context) {
		r, err := b.Open(ctx, f)
		if err == nil {
			_, err = r.ReadAt(ctx, make([]byte, 4), 0)
		}
		results <- err
	}
	go get(ctx)
	for range 7 {
		go get(t.Context())
	}
	b.account.groups.await(t, 8)
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	close(src.hang)
	for range 7 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if src.fetches != 1 {
		t.Errorf("%d fetches", src.fetches)
	}
}

// await waits until one call has so many waiters.
func (f *flight[K, V]) await(t *testing.T, waiters int) {
	t.Helper()
	for t.Context().Err() == nil {
		f.mu.Lock()
		for _, c := range f.calls {
			if c.waiters == waiters {
				f.mu.Unlock()
				return
			}
		}
		f.mu.Unlock()
	}
}

// TestNothingPromised takes an empty answer for none, where there should be
// something: the message itself may have it.
func TestNothingPromised(t *testing.T) {
	whole := []byte("Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n")
	for _, raw := range [][]byte{whole, {}} {
		src := newFake()
		uid := src.add(Message{Size: int64(len(whole)), Parts: single("a/b", content.Base64, 6)}, map[string][]byte{"1": {}, "": raw})
		b := open(t, src, nil)
		_, got, err := read(t, b, File{uid, 0, Body})
		_, eml, emlErr := read(t, b, File{uid, Outer, Whole})
		if len(raw) > 0 && (err != nil || string(got) != "abc" || emlErr != nil || !bytes.Equal(eml, whole)) {
			t.Errorf("%q, %v; %q, %v", got, err, eml, emlErr)
		}
		if len(raw) == 0 && (err == nil || emlErr == nil) {
			t.Errorf("nothing at all reads as %q and %q", got, eml)
		}
	}
}
