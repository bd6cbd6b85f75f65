package cache

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imapfs/cache/content"
)

// mail fills a fake with n messages: a text each, and a PDF in every fourth. Their
// names are in another order than their UIDs.
func mail(n int) *fake {
	src := newFake()
	for i := range n {
		text := strings.Repeat("text\r\n", 200+i%7)
		m := Message{
			Date: time.Unix(int64(i*7919%n)*60, 0), Subject: fmt.Sprint(i), Size: int64(len(text)),
			Parts: []content.Part{{Section: "1", Parent: -1, Type: "text/plain", Octets: int64(len(text))}},
		}
		sections := map[string][]byte{"HEADER": []byte("Subject: x\r\n\r\n"), "1": []byte(text), "": []byte(text)}
		if i%4 == 0 {
			data := lines(random(3000))
			m.Parts = append(m.Parts, content.Part{Section: "2", Parent: -1, Type: "application/pdf", Named: true, Name: "a.pdf", Encoding: content.Base64, Octets: int64(len(data))})
			sections["2"] = data
		}
		src.add(m, sections)
	}
	return src
}

func nameOf(m *Message) string { return m.Date.UTC().Format("2006-01-02_1504") + m.Subject }

// openNamed is open with names to sort by.
func openNamed(t *testing.T, src Source) *Box {
	t.Helper()
	a, err := New(src, Options{Memory: 64 << 20, Poll: time.Hour, Name: nameOf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if _, err := a.Mailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := a.Box(ID{Name: "INBOX"})
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	theText   = func(m *Message) []File { return []File{{m.UID, 0, Body}} }
	theHeader = func(m *Message) []File { return []File{{m.UID, Outer, Header}} }
	thePDF    = func(m *Message) []File {
		if len(m.Parts) < 2 {
			return nil
		}
		return []File{{m.UID, 1, Body}}
	}
	theMessage = func(m *Message) []File { return []File{{m.UID, Outer, Whole}} }
)

func oldestFirst(b *Box) []uint32 {
	l, _ := b.Known()
	return slices.Clone(l.UIDs)
}

func newestFirst(b *Box) []uint32 {
	uids := oldestFirst(b)
	slices.Reverse(uids)
	return uids
}

func byName(b *Box) []uint32 {
	uids := oldestFirst(b)
	slices.SortFunc(uids, func(x, y uint32) int { return strings.Compare(nameOf(b.known(x)), nameOf(b.known(y))) })
	return uids
}

// nearly is the order of several threads that take messages in turn.
func nearly(b *Box) []uint32 {
	uids := newestFirst(b)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i+4 <= len(uids); i += 4 {
		r.Shuffle(4, func(x, y int) { uids[i+x], uids[i+y] = uids[i+y], uids[i+x] })
	}
	return uids
}

// readFile reads a file as a program does.
func readFile(ctx context.Context, b *Box, f File) ([]byte, error) {
	if _, err := b.Size(ctx, f); err != nil {
		return nil, err
	}
	r, err := b.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	data := make([]byte, r.Size())
	for n := 0; n < len(data); {
		k, err := r.ReadAt(ctx, data[n:min(n+128<<10, len(data))], int64(n))
		if err != nil {
			return nil, err
		}
		n += k
	}
	return data, nil
}

// TestWalk goes through a mailbox in the ways in which programs do. All that they
// use but for the first is fetched ahead, in few questions, nothing twice, and
// hardly anything that they do not use.
func TestWalk(t *testing.T) {
	for what, test := range map[string]struct {
		order func(*Box) []uint32
		files func(*Message) []File
		title string
	}{
		"grep -r":            {newestFirst, func(m *Message) []File { return filesOf(m) }, "newest first"},
		"grep of texts":      {newestFirst, theText, "newest first"},
		"headers by name":    {byName, theHeader, "by name"},
		"rsync":              {byName, theMessage, "by name"},
		"oldest first":       {oldestFirst, theMessage, "oldest first"},
		"PDFs by name":       {byName, thePDF, "by name"},
		"PDFs":               {newestFirst, thePDF, "newest first"},
		"in several threads": {nearly, theText, "newest first"},
	} {
		t.Run(what, func(t *testing.T) {
			const n = 600
			src := mail(n)
			b := openNamed(t, src)
			used := make(map[File]bool)
			titles := make(map[string]bool)
			for i, uid := range test.order(b) {
				m := b.known(uid)
				for _, f := range test.files(m) {
					used[f] = true
					data, err := readFile(t.Context(), b, f)
					if want := f.decode(m, src.sections[uid][f.section(m)]); err != nil || !bytes.Equal(data, want) {
						t.Fatalf("%+v is %d bytes, want %d: %v", f, len(data), len(want), err)
					}
				}
				if i == 8 { // a walk by name takes an order that is made beside it
					waitFor(t, func() bool {
						b.walks.mu.Lock()
						defer b.walks.mu.Unlock()
						return !b.walks.naming
					})
				}
				for _, w := range b.account.Status().Ahead.Walks {
					titles[w.Order] = true
				}
			}
			if !titles[test.title] {
				t.Errorf("seen as %v, want %q", titles, test.title)
			}
			status := b.account.Status().Ahead
			src.mu.Lock()
			defer src.mu.Unlock()
			asked := make(map[Request]int)
			useless := 0
			for _, r := range src.requests {
				if asked[r]++; asked[r] > 1 {
					t.Fatalf("asked for twice: %+v", r)
				}
				m := src.messages[r.UID]
				if !slices.ContainsFunc(test.files(m), func(f File) bool { return f.section(m) == r.Section }) {
					useless++
				}
			}
			if useless > len(used)/20 {
				t.Errorf("%d of %d requests are for what nobody uses", useless, len(src.requests))
			}
			if src.fetches > len(used)/2 {
				t.Errorf("%d questions for %d files", src.fetches, len(used))
			}
			if status.Fetched == 0 || status.Wasted > status.Fetched/20 {
				t.Errorf("fetched ahead %d octets, wasted %d", status.Fetched, status.Wasted)
			}
		})
	}
}

// TestNoWalk fetches nothing ahead of who reads here and there, lists, or asks for
// sizes that are known.
func TestNoWalk(t *testing.T) {
	src := mail(500)
	b := openNamed(t, src)
	uids := oldestFirst(b)
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		if _, err := readFile(t.Context(), b, File{uids[r.IntN(len(uids))], 0, Body}); err != nil {
			t.Fatal(err)
		}
	}
	fetches := src.fetches
	for _, uid := range newestFirst(b) {
		if _, err := b.Size(t.Context(), File{uid, Outer, Whole}); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.account.Status().Ahead; s.Fetched > 0 || src.fetches != fetches {
		t.Errorf("%d octets fetched ahead; %d questions for sizes that are known", s.Fetched, src.fetches-fetches)
	}
}

// TestWalkStops is not further ahead of who stops than he has come.
func TestWalkStops(t *testing.T) {
	src := mail(1500)
	b := openNamed(t, src)
	for _, uid := range newestFirst(b)[:500] {
		if _, err := readFile(t.Context(), b, File{uid, 0, Body}); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { w := b.walks.active[0]; return w.coming.Load() == 0 })
	if s := b.account.Status().Ahead; s.Fetched-s.Used > max(s.Used, leastFlight)+leastFlight {
		t.Errorf("%d octets used, %d more fetched", s.Used, s.Fetched-s.Used)
	}
	b.walks.mu.Lock()
	b.walks.end(b.walks.active[0])
	b.walks.mu.Unlock()
	waitFor(t, func() bool { return b.account.ahead.count.Load() == 0 })
	if s := b.account.Status().Ahead; s.Fetched != s.Used+s.Wasted {
		t.Errorf("%d octets fetched, %d used, %d wasted", s.Fetched, s.Used, s.Wasted)
	}
}

// TestSizesAhead probes the large files of a walk that wants their sizes only.
func TestSizesAhead(t *testing.T) {
	src := newFake()
	encoded := lines(random(200 << 10))
	for range 300 {
		src.add(Message{Size: -1, Parts: single("a/b", content.Base64, len(encoded))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": encoded})
	}
	b := openNamed(t, src)
	for _, uid := range newestFirst(b) {
		if s, err := b.Size(t.Context(), File{uid, 0, Body}); err != nil || s.N != 200<<10 {
			t.Fatalf("size %d: %v", s.N, err)
		}
	}
	for _, r := range src.requests {
		if r.Section == "1" && r.Length == 0 {
			t.Fatal("a file is fetched for its size")
		}
	}
	if src.fetches > 60 {
		t.Errorf("%d questions for 300 sizes", src.fetches)
	}
}

// TestPieces reads large messages one after another, each octet fetched once.
func TestPieces(t *testing.T) {
	src := newFake()
	whole := random(3<<20 + 12345)
	for range 40 {
		src.add(Message{Size: int64(len(whole))}, map[string][]byte{"": whole})
	}
	b := openNamed(t, src)
	for _, uid := range oldestFirst(b) {
		data, err := readFile(t.Context(), b, File{uid, Outer, Whole})
		if err != nil || !bytes.Equal(data, whole) {
			t.Fatalf("message %d is %d bytes: %v", uid, len(data), err)
		}
	}
	s := b.account.Status().Ahead
	octets := int64(0)
	for _, r := range src.requests {
		octets += r.Length
	}
	if total := int64(40 * len(whole)); octets > total+total/20 || s.Fetched < total/4 {
		t.Errorf("%d octets asked for, of %d; %d of them ahead", octets, total, s.Fetched)
	}
}

// TestAheadFails gets everything also where nothing can be fetched ahead, or
// messages have gone.
func TestAheadFails(t *testing.T) {
	src := mail(300)
	src.refuses = true
	b := openNamed(t, src)
	src.mu.Lock()
	delete(src.sections, 100)
	src.mu.Unlock()
	for i, uid := range newestFirst(b) {
		if i == 150 {
			src.mu.Lock()
			src.refuses = false
			src.mu.Unlock()
			b.walks.mu.Lock()
			for _, w := range b.walks.active {
				w.failures = 0
			}
			b.walks.mu.Unlock()
		}
		_, err := readFile(t.Context(), b, File{uid, 0, Body})
		if gone := uid == 100; (err != nil) != gone {
			t.Errorf("message %d: %v", uid, err)
		}
	}
	if s := b.account.Status().Ahead; s.Fetched == 0 {
		t.Error("nothing was fetched ahead after all")
	}
}

// TestWalkOn goes on in the next mailbox at once.
func TestWalkOn(t *testing.T) {
	src := mail(400)
	src.more = []Mailbox{{Name: "Two"}}
	b := openNamed(t, src)
	for _, uid := range newestFirst(b) {
		if _, err := readFile(t.Context(), b, File{uid, 0, Body}); err != nil {
			t.Fatal(err)
		}
	}
	two := b.account.Box(ID{Name: "Two"})
	if _, err := two.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := b.account.ahead.fetched.Load()
	if _, err := readFile(t.Context(), two, File{400, 0, Body}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return b.account.ahead.fetched.Load() > before })
}

// TestWalksTogether: several programs, and who reads beside them, get what they
// read.
func TestWalksTogether(t *testing.T) {
	src := mail(250)
	b := openNamed(t, src)
	var group sync.WaitGroup
	for _, order := range []func(*Box) []uint32{newestFirst, oldestFirst, byName, nearly} {
		group.Go(func() {
			for _, uid := range order(b) {
				m := b.known(uid)
				for _, f := range append(theMessage(m), filesOf(m)...) {
					data, err := readFile(t.Context(), b, f)
					if want := f.decode(m, src.sections[uid][f.section(m)]); err != nil || !bytes.Equal(data, want) {
						t.Errorf("%+v is %d bytes, want %d: %v", f, len(data), len(want), err)
						return
					}
				}
			}
		})
	}
	group.Wait()
}

// TestWalkBack: who has looked at all of a mailbox from one end, and then reads it
// from the other, is a walk again at once, as is who begins anew.
func TestWalkBack(t *testing.T) {
	for what, order := range map[string]func(*Box) []uint32{"from the other end": oldestFirst, "from the same": newestFirst} {
		t.Run(what, func(t *testing.T) {
			src := mail(100)
			b := openNamed(t, src)
			for _, uid := range newestFirst(b) {
				if _, err := b.Size(t.Context(), File{uid, Outer, Whole}); err != nil {
					t.Fatal(err)
				}
			}
			for i, uid := range order(b) {
				if _, err := readFile(t.Context(), b, File{uid, Outer, Whole}); err != nil {
					t.Fatal(err)
				}
				if i == 10 && b.account.Status().Ahead.Fetched == 0 {
					t.Fatal("nothing is fetched ahead")
				}
			}
		})
	}
}

// TestBeginnings fetches no more of large messages than who looks at their
// beginnings.
func TestBeginnings(t *testing.T) {
	src := newFake()
	whole := random(3 << 20)
	for range 40 {
		src.add(Message{Size: int64(len(whole))}, map[string][]byte{"": whole})
	}
	b := openNamed(t, src)
	for _, uid := range oldestFirst(b) {
		r, err := b.Open(t.Context(), File{uid, Outer, Whole})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.ReadAt(t.Context(), make([]byte, 100), 0); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	octets := int64(0)
	for _, r := range src.requests {
		octets += r.Length
	}
	if most := int64(40 * pieceBlocks * blockSize); octets > most {
		t.Errorf("%d octets fetched for 40 beginnings", octets)
	}
}
