package cache

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imapfs/cache/content"
)

// line is a fake server behind a line that takes a while and has a rate. Its
// clock is that of a synctest bubble, or none if rtt is 0.
type line struct {
	*fake
	rtt  time.Duration
	rate float64 // octets a second

	mu       sync.Mutex
	free     time.Time // when the line has sent all that was asked for
	under    int64     // octets that were asked for and have not come
	most     int64     // the most of those at one time
	octets   int64     // asked for, all in all
	commands int
	order    []int64 // offsets, as they were asked for
	left     int     // fetches that were cancelled
}

func (l *line) Fetch(ctx context.Context, id ID, validity uint32, requests []Request, take Taker) error {
	n := int64(0)
	for _, r := range requests {
		n += r.Length
	}
	l.mu.Lock()
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	due := l.free.Add(l.rtt)
	l.under += n
	l.most = max(l.most, l.under)
	l.octets += n
	l.commands++
	l.order = append(l.order, requests[0].Offset)
	l.mu.Unlock()
	Sent(ctx)
	var err error
	if l.rtt > 0 {
		select {
		case <-time.After(due.Sub(now)):
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	l.mu.Lock()
	l.under -= n
	if err != nil {
		l.left++
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return l.fake.Fetch(ctx, id, validity, requests, take)
}

// reset forgets what has been counted.
func (l *line) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under, l.most, l.octets, l.commands, l.order, l.left = 0, 0, 0, 0, nil, 0
}

// overLine opens a file of data at the other end of a line.
func overLine(t testing.TB, rtt time.Duration, mbps float64, memory int64, data []byte, encoding content.Encoding) (*line, func() *Reader) {
	l := &line{fake: newFake(), rtt: rtt, rate: mbps * 1e6 / 8}
	encoded := data
	if encoding == content.Base64 {
		encoded = lines(data)
	}
	uid := l.add(Message{Size: -1, Parts: single("a/b", encoding, len(encoded))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": encoded})
	a, err := New(l, Options{Memory: memory, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	b := a.Box(ID{Name: "INBOX"})
	if _, err := b.Listing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Size(t.Context(), File{uid, 0, Body}); err != nil {
		t.Fatal(err)
	}
	return l, func() *Reader {
		r, err := b.Open(t.Context(), File{uid, 0, Body})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// readOn reads n bytes from off on, in pieces, as the kernel does.
func readOn(t testing.TB, r *Reader, off, n int64, data []byte) {
	p := make([]byte, 128<<10)
	for end := off + n; off < end; {
		n, err := r.ReadAt(t.Context(), p[:min(int64(len(p)), end-off)], off)
		if err != nil || !bytes.Equal(p[:n], data[off:][:n]) {
			t.Fatalf("%d bytes at %d are wrong: %v", n, off, err)
		}
		off += int64(n)
	}
}

// TestFillsLine reads a large file at the speed of the line, once it has found out
// what that takes, with no more in flight than that, and in order.
func TestFillsLine(t *testing.T) {
	const begin = 12 << 20 // it has found out by then
	data := random(28 << 20)
	for _, test := range []struct{ mbps, most float64 }{{100, 3 << 20}, {1000, (lastWindow + longestRun) * blockSize}} {
		synctest.Test(t, func(t *testing.T) {
			l, open := overLine(t, 50*time.Millisecond, test.mbps, 128<<20, data, content.Binary)
			r := open()
			defer r.Close()
			readOn(t, r, 0, begin, data)
			begun := time.Now()
			readOn(t, r, begin, int64(len(data))-begin, data)
			filled := float64(len(data)-begin) / l.rate / time.Since(begun).Seconds()
			if filled < 0.95 || float64(l.most) > test.most {
				t.Errorf("%v Mbit/s: %.2f of it used, by %d KiB in flight", test.mbps, filled, l.most>>10)
			}
			if over := l.octets - int64(len(data)); over > 64<<10 || !slices.IsSorted(l.order[1:]) {
				t.Errorf("%v Mbit/s: %d octets too many, in order %v", test.mbps, over, l.order)
			}
		})
	}
}

// TestCloseEnds cancels what is in flight, and asks for nothing more.
func TestCloseEnds(t *testing.T) {
	data := random(16 << 20)
	synctest.Test(t, func(t *testing.T) {
		l, open := overLine(t, 50*time.Millisecond, 1000, 128<<20, data, content.Binary)
		r := open()
		readOn(t, r, 0, 4<<20, data)
		synctest.Wait()
		commands, under := l.commands, l.under
		r.Close()
		synctest.Wait()
		if under == 0 || l.under != 0 || l.left == 0 || l.commands != commands {
			t.Errorf("%d octets in flight, %d after Close, %d cancelled, %d new commands", under, l.under, l.left, l.commands-commands)
		}
		if n := r.box.account.readaheads.active.Load(); n != 0 || len(r.readings.blocks) > 1 {
			t.Errorf("%d readings of a file that is closed, %d blocks", n, len(r.readings.blocks))
		}
		readOn(t, r, 6<<20, 1<<20, data) // the kernel's last reads may come late
		if more := l.octets; l.under != 0 || more == 0 {
			t.Errorf("%d octets in flight for who has closed", l.under)
		}
	})
}

// TestReadHere takes one block for a small read, and what it needs for a large one
// in one request.
func TestReadHere(t *testing.T) {
	data := random(6 << 20)
	synctest.Test(t, func(t *testing.T) {
		l, open := overLine(t, 50*time.Millisecond, 1000, 128<<20, data, content.Base64)
		r := open()
		l.reset()
		for _, off := range []int64{4 << 20, 1<<20 + 5000, 200 << 10, 5 << 20} {
			readOn(t, r, off, 4096, data)
		}
		synctest.Wait()
		if l.commands != 4 || l.octets > 4*256<<10 {
			t.Errorf("4 reads of 4 KiB: %d commands for %d octets", l.commands, l.octets)
		}
		l.reset()
		p := make([]byte, 1<<20)
		if n, err := r.ReadAt(t.Context(), p, 2<<20); n != len(p) || err != nil || !bytes.Equal(p, data[2<<20:][:n]) {
			t.Errorf("%d bytes, %v", n, err)
		}
		if synctest.Wait(); l.commands != 1 || len(l.order) != 1 {
			t.Errorf("1 MiB: %d commands", l.commands)
		}
	})
}

// TestTwoReadings reads two parts of a file, each from its beginning, through one
// Reader and through two, with little memory and with enough.
func TestTwoReadings(t *testing.T) {
	data := random(16 << 20)
	half := int64(len(data) / 2)
	for _, memory := range []int64{1 << 20, 128 << 20} {
		for _, readers := range []int{1, 2} {
			synctest.Test(t, func(t *testing.T) {
				l, open := overLine(t, 50*time.Millisecond, 1000, memory, data, content.Binary)
				one := open()
				two := one
				if readers == 2 {
					two = open()
				}
				var both sync.WaitGroup
				both.Go(func() { readOn(t, one, 0, half, data) })
				both.Go(func() { readOn(t, two, half, half, data) })
				both.Wait()
				// The first goes on into what the second has read.
				if over := l.octets - int64(len(data)); over > half/4 {
					t.Errorf("%d readers: %d octets too many", readers, over)
				}
				if most := (memory/4 + 2*longestRun*blockSize); l.most > most {
					t.Errorf("%d bytes of memory, %d readers: %d octets in flight", memory, readers, l.most)
				}
				one.Close()
				two.Close()
			})
		}
	}
}

// BenchmarkReader reads 32 MiB of base64 from a source without a line, and over
// one of 5 ms and 1 Gbit/s.
func BenchmarkReader(b *testing.B) {
	data := random(32 << 20)
	for what, rtt := range map[string]time.Duration{"bare": 0, "5ms": 5 * time.Millisecond} {
		b.Run(what, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				_, open := overLine(b, rtt, 1000, 128<<20, data, content.Base64)
				b.StartTimer()
				r := open()
				readOn(b, r, 0, int64(len(data)), data)
				r.Close()
			}
		})
	}
}
