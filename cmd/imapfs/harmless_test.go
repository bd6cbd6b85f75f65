//go:build linux

package main

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

// TestHarmlessSignals lets a stat go on that a signal comes by, one that the
// program handles and that is no reason to give up.
func TestHarmlessSignals(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Other"))
	s.Deliver("Other", note("there"), sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, never)
	shows(t, dir+"/INBOX")
	line.Hang()
	thread, result := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		thread <- unix.Gettid()
		var st unix.Stat_t
		result <- unix.Stat(dir+"/Other/2026-03-04_0912_a-example-org_there_1/body.txt", &st) // not os.Stat: that tries again
	}()
	tid := <-thread
	for range 5 {
		<-time.After(50 * time.Millisecond)
		// Go handles SIGURG, which moves goroutines on.
		if err := unix.Tgkill(unix.Getpid(), tid, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-result:
		t.Errorf("stat has not waited: %v", err)
	default:
		line.Resume()
		if err := <-result; err != nil {
			t.Error(err)
		}
	}
}
