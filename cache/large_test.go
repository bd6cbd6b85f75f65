package cache

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"imapfs/cache/disk"
)

// vast is a mailbox of so many messages, which are made as they are asked for.
type vast struct {
	history
	count uint32
	added uint32
}

func (v *vast) Snapshot(context.Context, ID, State) (Snapshot, error) {
	if v.down {
		return Snapshot{}, ErrOffline
	}
	uids := make([]uint32, v.count)
	for i := range uids {
		uids[i] = uint32(i + 1)
	}
	state := State{Validity: v.validity, Next: v.count + 1, Count: v.count, ModSeq: uint64(v.count)}
	return Snapshot{State: state, UIDs: uids}, nil
}

func (v *vast) Summaries(_ context.Context, _ ID, _ uint32, uids []uint32, yield func(*Message)) error {
	for _, uid := range uids {
		m, _ := letter(int(uid))
		m.UID = uid
		m.Subject = "Re: the quarterly report of region " + strconv.Itoa(int(mix(uint64(uid))%1000)) + ", and what to do about it"
		m.MessageID = "<" + strconv.FormatUint(mix(uint64(uid)), 16) + "." + strconv.FormatUint(mix(uint64(uid)+1), 16) + "@mail.example.org>"
		v.added++
		yield(&m)
	}
	return nil
}

func (v *vast) Flags(context.Context, ID, uint32, uint64, func(*Message)) error {
	return nil
}

// memoryUse is what the process takes of the machine's memory, now (VmRSS) or at
// most (VmHWM), in MiB.
func memoryUse(which string) float64 {
	data, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(data), which+":")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseFloat(f[0], 64)
	return n / 1024
}

// BenchmarkLarge tells what a large mailbox costs: the index on disk, memory, and
// the time for the first listing, one more message, and a remount.
func BenchmarkLarge(b *testing.B) {
	for _, count := range []uint32{100_000, 1_000_000} {
		b.Run(strconv.Itoa(int(count)), func(b *testing.B) {
			for b.Loop() {
				benchmarkLarge(b, count)
			}
		})
	}
}

func benchmarkLarge(b *testing.B, count uint32) {
	path := filepath.Join(b.TempDir(), "c")
	v := &vast{count: count}
	v.validity = 1
	open := func() (*Account, *Box, func()) {
		dir, err := disk.Open(path, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		a, err := New(v, Options{Memory: 1 << 20, Poll: time.Hour, Disk: dir})
		if err != nil {
			b.Fatal(err)
		}
		return a, a.Box(ID{Name: "INBOX"}), func() { a.Close(); dir.Close() }
	}
	measure := func(what string, f func()) {
		begun := time.Now()
		f()
		b.ReportMetric(float64(time.Since(begun).Microseconds())/1000, what+"-ms")
	}
	_, box, end := open()
	measure("first", func() {
		if _, err := box.Listing(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
	v.count++
	measure("one-more", func() {
		if err := box.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
	if v.added != v.count {
		b.Errorf("%d summaries for %d messages", v.added, v.count)
	}
	end()
	runtime.GC()
	v.down = true
	var a *Account
	measure("remount", func() { a, box, end = open() })
	defer end()
	l, _ := box.Known()
	if len(l.UIDs) != int(v.count) {
		b.Fatalf("%d messages", len(l.UIDs))
	}
	measure("walk", func() {
		for i := len(l.UIDs) - 1; i >= 0; i-- {
			if box.known(l.UIDs[i]) == nil {
				b.Fatal("a message is missing")
			}
		}
	})
	measure("1000-random", func() {
		for range 1000 {
			box.known(l.UIDs[rand.IntN(len(l.UIDs))])
		}
	})
	b.ReportMetric(float64(a.opts.Disk.Status().Index)/float64(count), "index-B/message")
	b.ReportMetric(memoryUse("VmRSS"), "RSS-MiB")
	b.ReportMetric(memoryUse("VmHWM"), "peak-MiB")
}
