package cache

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"imapfs/cache/content"
	"imapfs/cache/disk"
)

// mount opens an account of f that is kept in a directory. end closes it.
func mount(t *testing.T, f Source, path string, notify func(Event)) (b *Box, end func()) {
	t.Helper()
	dir, err := disk.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(f, Options{Memory: 8 << 20, Poll: time.Hour, Disk: dir, Bodies: 64 << 20, Notify: notify})
	if err != nil {
		t.Fatal(err)
	}
	return a.Box(ID{Name: "INBOX"}), func() {
		a.Close()
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	}
}

// letter is message n of a mailbox, with two parts.
func letter(n int) (Message, map[string][]byte) {
	text, data := fmt.Sprintf("Hello %d\r\n", n), lines(random(n%200+50))
	raw := fmt.Sprintf("Subject: letter %d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\nContent-Type: a/b; name=x\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n", n, text, data)
	parsed := content.Parse([]byte(raw))
	flags := []string{`\Answered`, `\Seen`, "$Label" + fmt.Sprint(n%5)}
	m := Message{
		Flags: flags[n%3:], Date: time.Unix(int64(1e9+n*1000), 0).UTC(), Size: int64(len(raw)),
		From: "Anna Ö", Subject: fmt.Sprintf("letter %d", n), MessageID: fmt.Sprintf("<%d@example.org>", n), Parts: parsed.Parts,
	}
	if n%7 == 0 {
		m.Defects = DefectDate
		m.Date = time.Time{}
	}
	sections := map[string][]byte{"": []byte(raw), "HEADER": []byte(raw[parsed.Header.Start:parsed.Header.End])}
	for i, p := range parsed.Parts {
		sections[p.Section] = []byte(raw[parsed.Bodies[i].Start:parsed.Bodies[i].End])
	}
	return m, sections
}

// fill adds n letters.
func (f *fake) fill(n int) {
	for range n {
		f.add(letter(int(f.state.Next)))
	}
}

// equal fails unless the box tells of the same messages as f has.
func (f *fake) equal(t *testing.T, b *Box) {
	t.Helper()
	l, err := b.Listing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if want := slices.Sorted(maps.Keys(f.messages)); !slices.Equal(l.UIDs, want) {
		t.Fatalf("%d messages, want %d", len(l.UIDs), len(want))
	}
	unseen := uint32(0)
	for _, uid := range l.UIDs {
		m, want := b.known(uid), f.messages[uid]
		if !reflect.DeepEqual(m, want) {
			t.Fatalf("message %d:\n%+v, want\n%+v", uid, m, want)
		}
		if !slices.Contains(want.Flags, `\Seen`) {
			unseen++
		}
	}
	if b.state.Unseen != unseen || b.index.unseen != unseen {
		t.Errorf("%d and %d unseen, want %d", b.state.Unseen, b.index.unseen, unseen)
	}
}

// TestRemount finds everything again without the server: the listing, sizes,
// flags and what has been read; and says of when it is.
func TestRemount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(1000)
	big := random(3 << 20)
	large := src.add(Message{Size: -1, Flags: []string{}, Parts: single("a/b", content.Base64, len(lines(big)))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": lines(big)})
	src.messages[large].Flags = nil
	b, end := mount(t, src, path, nil)
	files := []File{{3, Outer, Header}, {3, 0, Body}, {3, 1, Body}, {500, Outer, Whole}, {large, 0, Body}}
	contents := make(map[File][]byte)
	if _, err := b.account.Mailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		_, data, err := read(t, b, f)
		if err != nil {
			t.Fatal(err)
		}
		contents[f] = data
	}
	probed := File{large, 0, Body}
	was, _ := b.Known()
	end()

	src.fail(ErrOffline)
	b, end = mount(t, src, path, nil)
	defer end()
	if list, err := b.account.Mailboxes(t.Context()); err != nil || len(list) != 1 || list[0].Name != "INBOX" {
		t.Errorf("mailboxes: %v, %v", list, err)
	}
	src.equal(t, b)
	if now, ok := b.Known(); !ok || !now.Synced.Equal(was.Synced) || now.Validity != was.Validity {
		t.Errorf("synced %v, was %v", now.Synced, was.Synced)
	}
	if when, ok := b.KnownNewest(); !ok || !when.IsZero() {
		t.Errorf("newest: %v, %v", when, ok)
	}
	for _, f := range files {
		s, ok := b.KnownSize(f)
		if want := int64(len(contents[f])); !ok || s.N != want || !s.Proven {
			t.Errorf("%+v: size %+v, %v, want %d", f, s, ok, want)
		}
		if _, data, err := read(t, b, f); err != nil || !bytes.Equal(data, contents[f]) {
			t.Errorf("%+v: %d bytes, %v", f, len(data), err)
		}
	}
	if _, ok := b.grid(probed); !ok {
		t.Error("the grid is forgotten")
	}
	// What is cached as a whole is cached in parts.
	for _, f := range []File{{500, Outer, Header}, {500, 0, Body}, {500, 1, Body}} {
		if _, data, err := read(t, b, f); err != nil || len(data) == 0 {
			t.Errorf("%+v cut from the message: %d bytes, %v", f, len(data), err)
		}
	}
	if _, _, err := read(t, b, File{501, Outer, Header}); err == nil {
		t.Error("what was never read is there")
	}
}

// TestChanges follows the server through mounts: mail that comes and goes, flags,
// one by one and many at once, and a log that is rewritten.
func TestChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(300)
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 30 {
		var events []Event
		b, end := mount(t, src, path, func(e Event) { events = append(events, e) })
		src.equalBefore(t, b, n)
		gone := 0
		src.mu.Lock()
		for uid, m := range src.messages {
			switch random.IntN(20) {
			case 0:
				if len(src.messages) > 100 {
					delete(src.messages, uid)
					gone++
				}
			case 1:
				changed := *m
				changed.Flags = []string{"$" + fmt.Sprint(n), `\Seen`}[n%2:]
				src.messages[uid] = &changed
			}
		}
		src.state.ModSeq++
		src.state.Count = uint32(len(src.messages))
		src.mu.Unlock()
		src.fill([]int{0, 1, 1, 50, 400}[n%5])
		events = nil
		if err := b.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		src.equal(t, b)
		if told := len(events); n > 0 && gone > 0 && (told != 1 || len(events[0].Gone) != gone) {
			t.Fatalf("round %d: %d events, %d gone", n, told, gone)
		}
		if n%10 == 9 {
			if err := b.rewrite(); err != nil {
				t.Fatal(err)
			}
			src.equal(t, b)
		}
		src.last = b.account.opts.Disk.Status().Index
		end()
	}
	if size := src.last; size > 200*int64(len(src.messages)) {
		t.Errorf("%d bytes for %d messages", size, len(src.messages))
	}
}

// equalBefore is equal for a box that has just been opened, with what the
// server had when it was last synced.
func (f *fake) equalBefore(t *testing.T, b *Box, n int) {
	t.Helper()
	down := f.down
	f.fail(ErrOffline)
	defer f.fail(down)
	if _, ok := b.Known(); n > 0 || ok {
		f.equal(t, b)
	}
}

// TestInterrupted goes on with a first listing where it was, and shows none
// before it is complete.
func TestInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(2000)
	src.breaks = 700
	for n := range 3 {
		b, end := mount(t, src, path, nil)
		if l, ok := b.Known(); ok {
			t.Fatalf("round %d: a listing of %d messages that nobody has completed", n, len(l.UIDs))
		}
		b.Listing(t.Context())
		end()
	}
	b, end := mount(t, src, path, nil)
	src.equal(t, b)
	if src.asked != 2000 {
		t.Errorf("%d summaries were asked for", src.asked)
	}
	src.fill(1000)
	if err := b.Sync(t.Context()); err == nil {
		t.Fatal("what breaks, succeeds")
	}
	if l, _ := b.Known(); len(l.UIDs) != 2000 {
		t.Errorf("%d messages", len(l.UIDs))
	}
	b.saveSynced(0)
	end()
	b, end = mount(t, src, path, nil)
	defer end()
	if l, _ := b.Known(); len(l.UIDs) != 2000 {
		t.Errorf("%d messages after a sync that failed", len(l.UIDs))
	}
}

// TestReplaced forgets a mailbox whose UIDVALIDITY is another.
func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(10)
	b, end := mount(t, src, path, nil)
	src.equal(t, b)
	if _, _, err := read(t, b, File{3, Outer, Whole}); err != nil {
		t.Fatal(err)
	}
	end()
	src.state.Validity = 2
	src.messages[3].Subject = "another"
	src.sections[3][""] = []byte("another")
	src.messages[3].Size = 7
	b, end = mount(t, src, path, nil)
	a := b.account
	if err := b.Sync(t.Context()); err == nil {
		t.Error("a mailbox that was replaced is synced")
	}
	b = a.Box(b.id)
	src.equal(t, b)
	if _, data, err := read(t, b, File{3, Outer, Whole}); err != nil || string(data) != "another" {
		t.Errorf("%q, %v", data, err)
	}
	end()
	src.fail(ErrOffline)
	b, end = mount(t, src, path, nil)
	defer end()
	src.equal(t, b)
}

// TestOtherVersion begins anew where the index is of another version.
func TestOtherVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	dir, err := disk.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	log := dir.NewLog(logName(ID{Name: "INBOX"}))
	frame := headFrame(ID{Name: "INBOX"}, 1)
	frame[1]++
	log.Append(frame)
	log.Append([]byte{frameOfSync, 1, 2, 3})
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	src := newFake()
	src.fill(5)
	for range 2 {
		b, end := mount(t, src, path, nil)
		src.equal(t, b)
		end()
	}
	if src.asked != 5 {
		t.Errorf("%d summaries were asked for", src.asked)
	}
}

// TestDamage finds what is damaged on disk, and gets it again from the server,
// whatever it is and whenever it happens.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	src := newFake()
	src.fill(1500)
	random := rand.New(rand.NewPCG(5, 6))
	hurt := func(n int) {
		files, err := filepath.Glob(filepath.Join(path, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil || len(data) == 0 {
				continue
			}
			switch n % 3 {
			case 0:
				data = data[:random.IntN(len(data))]
			default:
				for range n {
					data[random.IntN(len(data))] ^= 1 << random.IntN(8)
				}
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := range 16 {
		b, _ := mount(t, src, path, nil)
		if _, err := b.Listing(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n%2 == 1 { // while it is in use
			b.account.opts.Disk.Settle()
			hurt(n)
		}
		for uid := uint32(1 + n%3); uid < 1500; uid += 50 {
			for _, f := range []File{{uid, Outer, Header}, {uid, 1, Body}, {uid, Outer, Whole}} {
				m, err := b.Message(t.Context(), uid)
				if err != nil {
					t.Fatalf("round %d: message %d: %v", n, uid, err)
				}
				size, data, err := read(t, b, f)
				want := f.decode(m, src.sections[uid][f.section(m)])
				if err != nil || !bytes.Equal(data, want) || size != int64(len(want)) {
					t.Fatalf("round %d: %+v: %d bytes, size %d, want %d: %v", n, f, len(data), size, len(want), err)
				}
			}
		}
		if err := b.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		l, _ := b.Known()
		for _, uid := range l.UIDs {
			if _, err := b.Message(t.Context(), uid); err != nil {
				t.Fatal(err)
			}
		}
		src.equal(t, b)
		a, dir := b.account, b.account.opts.Disk
		a.Close()
		dir.Close() // what is missing under it is no failure of the account's
		if n%2 == 0 {
			hurt(n)
		}
	}
}
