package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// honest are the failures that a read may report while the line is down.
var honest = []error{syscall.ENETUNREACH, syscall.ETIMEDOUT, syscall.EIO, syscall.ESTALE}

// TestFaults resets and hangs the line while programs walk the mount: what is
// read is right, or the read fails; afterwards everything reads again, without
// a new mount; and when it is over, nothing has been left behind.
func TestFaults(t *testing.T) {
	s := imaptest.Dovecot(t)
	want, _ := deliverSamples(s)
	descriptors, goroutines := countDescriptors(t), runtime.NumGoroutine()
	line := imaptest.Proxy(t, s.Addr)
	withProxy := runtime.NumGoroutine()
	dir, unmount := mountOnce(t, s, line.Addr, func(c *mountConfig) { c.layout, c.memory = "eml", "1MiB" })

	var stop atomic.Bool
	var walkers sync.WaitGroup
	for range 3 {
		walkers.Go(func() {
			for !stop.Load() {
				if err := readSamples(dir, want); err != nil && !slices.ContainsFunc(honest, func(e error) bool { return errors.Is(err, e) }) {
					t.Error(err)
				}
			}
		})
	}
	random := rand.New(rand.NewSource(3))
	for range 20 {
		pause := time.Duration(random.Intn(60)) * time.Millisecond
		if random.Intn(2) == 0 {
			line.Reset()
			<-time.After(pause)
			continue
		}
		line.Hang()
		<-time.After(pause)
		line.Resume()
	}
	stop.Store(true)
	walkers.Wait()
	eventually(t, func() error { return readSamples(dir, want) })
	unmount()
	line.Reset()
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > withProxy {
			return fmt.Errorf("%d goroutines, %d before the mount, %d before its line", n, withProxy, goroutines)
		}
		if n := countDescriptors(t); n > descriptors+1 { // the line still listens
			return fmt.Errorf("%d descriptors, %d before", n, descriptors)
		}
		return nil
	})
}

// readSamples reads what deliverSamples has delivered; an error is that of a
// read, or says what is wrong.
func readSamples(dir string, want map[string]string) error {
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if want[name] != sum(data) {
			return fmt.Errorf("%s has %d bytes that are not its own", name, len(data))
		}
		found++
		return nil
	})
	if err == nil && found != len(want) {
		err = fmt.Errorf("%d messages are listed, not %d", found, len(want))
	}
	return err
}

func countDescriptors(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
