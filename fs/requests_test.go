package fs

import (
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// TestDurations puts durations of all lengths into buckets, each below its bound.
func TestDurations(t *testing.T) {
	for _, took := range []time.Duration{-1, 0, 1, 4095, 4096, time.Millisecond, time.Second, time.Minute, time.Hour, 1 << 62} {
		var d durations
		d.add(took)
		now := d.now()
		if now.Count != 1 || now.Sum != took {
			t.Errorf("%v is counted as %d of %v", took, now.Count, now.Sum)
		}
		for i, n := range now.Buckets {
			above := i == 0 || took >= BucketBound(i-1)
			below := i == Buckets-1 || took < BucketBound(i)
			if (n == 1) != (above && below) {
				t.Errorf("bucket %d, up to %v, has %d of %v", i, BucketBound(i), n, took)
			}
		}
	}
}

func TestQuantile(t *testing.T) {
	var d durations
	if now := d.now(); now.Quantile(0.5) != 0 {
		t.Errorf("nothing takes %v", now.Quantile(0.5))
	}
	for range 98 {
		d.add(10 * time.Microsecond)
	}
	d.add(time.Second)
	d.add(time.Second)
	now := d.now()
	for share, want := range map[float64]time.Duration{0: 10 * time.Microsecond, 0.5: 10 * time.Microsecond, 0.97: 10 * time.Microsecond, 0.99: time.Second, 1: 0} {
		if got := now.Quantile(share); want == 0 && got != 0 || want != 0 && (got < want/2 || got > want*2) {
			t.Errorf("%v of all take up to %v, not %v", share, got, want)
		}
	}
}

// TestRequestsCounted counts answers and failures, and leaves out what is asked in
// the control directory and for warm.
func TestRequestsCounted(t *testing.T) {
	warm := uint64(1)<<placeShift | uint64(kindWarm)
	message := uint64(1)<<placeShift | 7<<uidShift | uint64(kindMessage)
	for _, test := range []struct {
		name          string
		id            uint64
		status        fuse.Status
		count, failed int64
	}{
		{"the root", idRoot, fuse.OK, 1, 0},
		{"a view", idViews + uint64(viewEML), fuse.OK, 1, 0},
		{"a message", message, fuse.OK, 1, 0},
		{"no such name", message, fuse.ENOENT, 1, 0},
		{"no such attribute", message, fuse.ENOATTR, 1, 0},
		{"an attribute that is larger", message, fuse.Status(syscall.ERANGE), 1, 0},
		{"Ctrl-C", message, fuse.EINTR, 1, 0},
		{"offline", message, fuse.Status(syscall.ENETUNREACH), 1, 1},
		{"too late", message, fuse.Status(syscall.ETIMEDOUT), 1, 1},
		{"what does not fit", dynamicIDs + 5, fuse.EIO, 1, 1},
		{"the control directory", idControl, fuse.OK, 0, 0},
		{"a control file", idFiles + 1, fuse.EIO, 0, 0},
		{"warm", warm, fuse.OK, 0, 0},
	} {
		f := new(FS)
		r := f.begin(opRead, test.id, nil)
		r.end(&test.status)
		for _, got := range f.Requests() {
			want := RequestStatus{Operation: got.Operation}
			if got.Operation == "read" {
				want.Cached.Count, want.Failed = test.count, test.failed
			}
			if got.Cached.Count != want.Cached.Count || got.Asked.Count != 0 || got.Failed != want.Failed {
				t.Errorf("%s: %+v", test.name, got)
			}
		}
	}
	for name, want := range map[string]bool{"INBOX": true, controlName: false, (&WarmRequest{}).Name(): false, "status": true} {
		if countsName(name) != want {
			t.Errorf("a lookup of %q counts: %v", name, !want)
		}
	}
}

// TestRequestAllocates no more than the context that a request has anyway.
func TestRequestAllocates(t *testing.T) {
	f := new(FS)
	cancel := make(chan struct{})
	status := fuse.OK
	if n := testing.AllocsPerRun(100, func() {
		r := f.begin(opRead, idRoot, cancel)
		sink = r
		r.end(&status)
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

var sink any

// BenchmarkRequest is what counting costs, beside the context alone.
func BenchmarkRequest(b *testing.B) {
	cancel := make(chan struct{})
	b.Run("context", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c := &fuse.Context{Cancel: cancel}
				if c.Err() != nil {
					sink = c
				}
			}
		})
	})
	b.Run("counted", func(b *testing.B) {
		b.ReportAllocs()
		f := new(FS)
		status := fuse.OK
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r := f.begin(opRead, idRoot, cancel)
				if (*cache.Asking)(&r.Asking).Err() != nil {
					sink = r
				}
				r.end(&status)
			}
		})
	})
}
