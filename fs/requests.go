package fs

import (
	"context"
	mathbits "math/bits"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// operation is a kind of request that is counted: of all that the kernel asks,
// what may have to ask the server in turn.
type operation uint8

const (
	opLookup operation = iota
	opGetAttr
	opOpenDir
	opReadDir
	opOpen
	opRead
	opGetXAttr
	opListXAttr
	opStatFS
	operations
)

// operationNames are the kernel's, as in fuse.h.
var operationNames = [operations]string{
	"lookup", "getattr", "opendir", "readdir", "open", "read", "getxattr", "listxattr", "statfs",
}

// Buckets is how many buckets a Durations has.
const Buckets = 26

// leastDuration is the upper bound of the first bucket, as a power of two, in
// nanoseconds: 4 µs. That of the last but one is 69 s.
const leastDuration = 12

// BucketBound is the upper bound of a bucket, exclusive; the last has none, and
// counts what is left.
func BucketBound(i int) time.Duration { return 1 << (i + leastDuration) }

// durations counts how long requests took, in buckets that double. The zero
// value is ready; it is safe for concurrent use, and takes two atomic additions.
type durations struct {
	buckets [Buckets]atomic.Int64
	sum     atomic.Int64 // in ns
}

func (d *durations) add(took time.Duration) {
	i := mathbits.Len64(uint64(max(took, 0)) >> leastDuration)
	d.buckets[min(i, Buckets-1)].Add(1)
	d.sum.Add(int64(took))
}

func (d *durations) now() (s Durations) {
	for i := range d.buckets {
		s.Buckets[i] = d.buckets[i].Load()
		s.Count += s.Buckets[i]
	}
	s.Sum = time.Duration(d.sum.Load())
	return s
}

// Durations are how long requests took.
type Durations struct {
	Count   int64
	Sum     time.Duration
	Buckets [Buckets]int64 // see BucketBound
}

// requests counts what the kernel asks. It is safe for concurrent use.
type requests [operations]struct {
	cached, asked durations
	failed        atomic.Int64
}

// RequestStatus is how often the kernel has asked for something.
type RequestStatus struct {
	// Operation is the kernel's name of it: "lookup", "read" ...
	Operation string
	// Cached are the requests that were answered from what was there, Asked those
	// that had to wait for the server. Both include Failed.
	Cached, Asked Durations
	// Failed is how many got an error that is no answer: ENOENT is one, and so is
	// the end of a request that was interrupted.
	Failed int64
}

// Requests tells of each operation how often it was asked for since the mount.
// What is asked in the control directory does not count: who looks should not see
// himself.
func (f *FS) Requests() []RequestStatus {
	all := make([]RequestStatus, operations)
	for i := range f.requests {
		r := &f.requests[i]
		all[i] = RequestStatus{operationNames[i], r.cached.now(), r.asked.now(), r.failed.Load()}
	}
	return all
}

// request is one of them. As a context, it ends when the kernel says that whoever
// asked has been interrupted.
type request struct {
	cache.Asking
	kernel fuse.Context
	fs     *FS
	op     operation
	began  time.Time
}

var _ context.Context = (*request)(nil)

// begin is called at the beginning of a request about the node id, and end, with
// its outcome, at its end.
func (f *FS) begin(op operation, id uint64, cancel <-chan struct{}) *request {
	r := &request{fs: f, op: op}
	r.kernel.Cancel = cancel
	r.Context = &r.kernel
	if counts(id) {
		r.began = time.Now()
	}
	return r
}

// counts reports whether requests about a node id are counted.
func counts(id uint64) bool {
	switch {
	case id>>placeShift == 0:
		return id != idControl && id < idFiles
	case id < dynamicIDs:
		return kind(id&15) != kindWarm // its reads take as long as there is no news
	}
	return true
}

// countsName is counts for the name of a child.
func countsName(name string) bool { return !strings.HasPrefix(name, controlName) }

// forgo leaves the request out of the count.
func (r *request) forgo() { r.began = time.Time{} }

func (r *request) end(status *fuse.Status) {
	if r.began.IsZero() {
		return
	}
	count := &r.fs.requests[r.op]
	took := time.Since(r.began)
	if r.Asked() {
		count.asked.add(took)
	} else {
		count.cached.add(took)
	}
	if !answers(*status) {
		count.failed.Add(1)
	}
}

// answers reports whether a status is what the kernel wanted to know, and no
// failure.
func answers(status fuse.Status) bool {
	switch status {
	case fuse.OK, fuse.ENOENT, fuse.ENOATTR, fuse.ENOSYS, fuse.EROFS, fuse.EINTR, fuse.Status(syscall.ERANGE):
		return true
	}
	return false
}

// Quantile estimates how long the fastest share of the requests took at most, 0
// where there were none. It is right to a factor of two.
func (d *Durations) Quantile(share float64) time.Duration {
	rank := int64(share * float64(d.Count))
	for i, n := range d.Buckets {
		if rank < n {
			low := time.Duration(0)
			if i > 0 {
				low = BucketBound(i - 1)
			}
			return low + time.Duration(float64(BucketBound(i)-low)*(float64(rank)+0.5)/float64(n))
		}
		rank -= n
	}
	return 0
}
