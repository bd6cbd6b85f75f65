package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	dir, unmount := mountOnce(t, s, line.Addr, func(c *mountConfig) { c.layout, c.memory, c.cacheDir = "eml", "1MiB", noCache })

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

// TestHangElsewhere reads on in one mailbox while another is being listed over
// a line that hangs, and sees what the line brings when it goes on.
func TestHangElsewhere(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Other"))
	s.Deliver("INBOX", note("here"), sampleDate)
	s.Deliver("Other", note("there"), sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, never)
	shows(t, dir+"/INBOX", "here")
	body := dir + "/INBOX/2026-03-04_0912_a-example-org_here_1/body.txt"
	if _, err := os.ReadFile(body); err != nil {
		t.Fatal(err)
	}
	line.Hang()
	listed := make(chan []byte)
	go func() {
		out, _ := exec.Command("ls", dir+"/Other").Output()
		listed <- out
	}()
	s.Deliver("INBOX", note("new"), sampleDate)
	for range 20 {
		if data, err := os.ReadFile(body); string(data) != "here\n" {
			t.Fatalf("%q, %v", data, err)
		}
		if got := subjects(t, dir+"/INBOX"); !slices.Contains(got, "here") {
			t.Fatalf("INBOX shows %q", got)
		}
	}
	select {
	case out := <-listed:
		t.Errorf("the other mailbox does not wait: %q", out)
	default:
	}
	line.Resume()
	shows(t, dir+"/INBOX", "here", "new")
	if out := <-listed; !strings.Contains(string(out), "_there_1") {
		t.Errorf("the other mailbox shows %q", out)
	}
}
