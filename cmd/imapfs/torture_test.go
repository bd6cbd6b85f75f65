package main

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// Variables that make TestTorture longer, or repeat one.
const (
	faultsVariable = "IMAPFS_TORTURE_FAULTS" // how many; they take as long as real ones then
	seedVariable   = "IMAPFS_TORTURE_SEED"   // as the log of an earlier run tells it
)

// torture is a mount over a line and a server that fail at random.
type torture struct {
	*testing.T
	server *imaptest.Server
	line   *imaptest.Link
	dir    string
	random *rand.Rand // of the goroutine that makes the faults
	long   bool
}

// faults are what happens to the line and the server. Each returns when all
// works again.
var faults = []struct {
	name string
	do   func(x *torture)
}{
	{"reset", func(x *torture) { x.line.Reset() }},
	{"reset in a literal", func(x *torture) { x.line.ResetAfter(x.random.Int63n(1 << 20)) }},
	{"close in a literal", func(x *torture) { x.line.CloseAfter(x.random.Int63n(1 << 20)) }},
	{"black hole", func(x *torture) {
		x.line.Hang()
		x.hold()
		x.line.Resume()
	}},
	{"black hole, reset", func(x *torture) {
		x.line.Hang()
		x.hold()
		x.line.Reset()
		x.line.Resume()
	}},
	{"refused", func(x *torture) {
		x.line.Refuse()
		x.line.Reset()
		x.hold()
		if err := x.line.Accept(); err != nil {
			x.Error(err)
		}
	}},
	{"restart", func(x *torture) {
		x.server.Stop()
		x.server.Start()
	}},
	{"server away", func(x *torture) {
		x.server.Stop()
		x.hold()
		x.server.Start()
	}},
	// Only a deadline of a minute tells of this one.
	{"half-open", func(x *torture) { x.line.Lose() }},
}

var halfOpen = len(faults) - 1

// hold is how long a fault lasts: most are short, some are not.
func (x *torture) hold() {
	shortest, longest := 20*time.Millisecond, time.Second
	if x.long {
		shortest, longest = time.Second, 20*time.Second
	}
	d := shortest
	for d < longest && x.random.Intn(3) > 0 {
		d += d / 2
	}
	time.Sleep(min(d, longest)) // the fault itself
}

// pick is the next fault.
func (x *torture) pick() int {
	if x.long && x.random.Intn(40) == 0 {
		return halfOpen
	}
	return x.random.Intn(halfOpen)
}

// TestTorture lets line and server fail at random while programs read the
// mount: what is read is exact, or the read fails and says why; when it is over,
// everything reads again on the same mount, and nothing has been left behind.
func TestTorture(t *testing.T) {
	count, long := 20, false
	if s := os.Getenv(faultsVariable); s != "" {
		var err error
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		long = true
	}
	seed := time.Now().UnixNano()
	if s := os.Getenv(seedVariable); s != "" {
		var err error
		if seed, err = strconv.ParseInt(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d faults, %s=%d", count, seedVariable, seed)

	x := &torture{T: t, server: imaptest.Dovecot(t), random: rand.New(rand.NewSource(seed)), long: long}
	x.deliver()
	want := x.originals()

	descriptors := countDescriptors(t)
	x.line = imaptest.Proxy(t, x.server.Addr)
	goroutines := runtime.NumGoroutine()
	dir, unmount := mountOnce(t, x.server, x.line.Addr, func(c *mountConfig) { c.memory, c.cacheDir = "1MiB", noCache })
	x.dir = dir

	programs := x.run(want)
	recovery := x.faults(count, want)
	programs.end(x)
	recovery.log(t)
	programs.log(t)

	eventuallyWithin(t, 2*time.Minute, func() error { return want.compare(dir) })
	x.server.Deliver("INBOX", note("afterwards"), sampleDate)
	eventuallyWithin(t, 2*time.Minute, func() error {
		if !slices.Contains(subjects(t, dir+"/INBOX"), "afterwards") {
			return fmt.Errorf("new mail is not seen any more")
		}
		return nil
	})
	unmount()
	x.line.Reset()
	eventuallyWithin(t, 40*time.Second, func() error {
		if n := runtime.NumGoroutine(); n > goroutines {
			var stacks strings.Builder
			pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			return fmt.Errorf("%d goroutines, %d before the mount:\n%s", n, goroutines, stacks.String())
		}
		if n := countDescriptors(t); n > descriptors+1 { // the line still listens
			return fmt.Errorf("%d descriptors, %d before", n, descriptors)
		}
		return nil
	})
}

// faults makes them one after another, and measures after each how long it
// takes until something can be read that is in no cache.
func (x *torture) faults(count int, want *originals) *times {
	recovery := newTimes("until a read succeeds after")
	reader := want.reader(x.dir, x.random.Int63())
	defer reader.close()
	for range count {
		i := x.pick()
		fault, reads := faults[i], 1
		fault.do(x)
		if i == halfOpen {
			reads = 20 // one finds a connection that is lost
		} else if x.random.Intn(4) == 0 {
			continue // the next one before this one is over
		}
		began := time.Now()
		for reads > 0 {
			if reader.read() == nil {
				reads--
				continue
			}
			if time.Since(began) > 3*time.Minute {
				x.Fatalf("nothing can be read 3 minutes after %q", fault.name)
			}
			time.Sleep(5 * time.Millisecond) // between two tries
		}
		recovery.note(fault.name, time.Since(began))
		if reader.wrong != "" {
			x.Error(reader.wrong)
			reader.wrong = ""
		}
		time.Sleep(time.Duration(x.random.Intn(200)) * time.Millisecond) // until the next
	}
	return recovery
}

func eventuallyWithin(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// times are durations of events of several kinds. It is safe for concurrent
// use.
type times struct {
	what string
	mu   sync.Mutex
	all  map[string][]time.Duration
}

func newTimes(what string) *times { return &times{what: what, all: make(map[string][]time.Duration)} }

func (s *times) note(kind string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[kind] = append(s.all[kind], d)
}

func (s *times) log(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, list := range s.all {
		slices.Sort(list)
		t.Logf("%s %-20s %4d times, median %8.3fs, max %8.3fs", s.what, kind, len(list),
			list[len(list)/2].Seconds(), list[len(list)-1].Seconds())
	}
}
