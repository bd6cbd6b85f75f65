package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// isOlder reports whether a response is the summary of a message that is not
// among the 128 newest of 300.
func isOlder(r *imaptest.Response) bool {
	_, after, _ := strings.Cut(string(r.Raw), "UID ")
	uid, err := strconv.Atoi(after[:max(0, strings.IndexAny(after, " )"))])
	return strings.Contains(string(r.Raw), "ENVELOPE") && err == nil && uid <= 300-128
}

// held holds back the summaries of the older messages until release is closed;
// then do decides what becomes of them.
func held(release <-chan struct{}, do imaptest.Filter) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		if !isOlder(r) {
			return imaptest.Pass(r, w)
		}
		<-release
		return do(r, w)
	}
}

// newest are the names in a directory as they come: so many.
func newest(t *testing.T, d *os.File, n int) []string {
	t.Helper()
	names, err := d.Readdirnames(n)
	if err != nil || len(names) != n {
		t.Fatalf("%d names, %v", len(names), err)
	}
	return names
}

// TestGrowingDirectory lists the newest messages of a mailbox, and reads them,
// while the server still owes the rest; and then the rest.
func TestGrowingDirectory(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 300)
	line := imaptest.Hostile(t, s)
	release := make(chan struct{})
	line.Use(held(release, imaptest.Pass))
	dir := mountAt(t, s, line.Addr, never) + "/INBOX"
	var readers []*os.File
	for range 2 {
		d, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		readers = append(readers, d)
	}
	var shown []string
	for _, d := range readers {
		shown = newest(t, d, 128)
		for i, name := range shown {
			if uidOf("INBOX/"+name) != fmt.Sprint(300-i) {
				t.Fatalf("at place %d: %s", i, name)
			}
		}
	}
	for _, name := range []string{shown[0], shown[127]} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, name, "body.txt")); err != nil || string(data) != "Text "+uidOf("INBOX/"+name)+"\n" {
			t.Errorf("%q, %v", data, err)
		}
	}
	close(release)
	for _, d := range readers {
		rest, err := d.Readdirnames(-1)
		if err != nil || len(rest) != 300-128 || uidOf("INBOX/"+rest[len(rest)-1]) != "1" {
			t.Errorf("the rest is %d, %v", len(rest), err)
		}
		if _, err := d.Seek(0, io.SeekStart); err != nil { // rewinddir
			t.Error(err)
		}
		if all, err := d.Readdirnames(-1); err != nil || !slices.Equal(all, append(slices.Clone(shown), rest...)) {
			t.Errorf("from the beginning: %d, %v", len(all), err)
		}
	}
	for range 2 { // the second is the kernel's
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 300 {
			t.Errorf("%d entries, %v", len(entries), err)
		}
	}
}

// TestGrowingReplaced fails a listing in the middle of which the mailbox turns out
// to be another, and lists that one afterwards.
func TestGrowingReplaced(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 300)
	line := imaptest.Hostile(t, s)
	release := make(chan struct{})
	line.Use(held(release, func(*imaptest.Response, io.Writer) error { return errors.New("reset") }))
	dir := mountAt(t, s, line.Addr, never) + "/INBOX"
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	newest(t, d, 128)
	replaced := func(r *imaptest.Response, w io.Writer) error {
		if strings.Contains(string(r.Raw), "UIDVALIDITY") && r.Name() == "OK" {
			_, err := io.WriteString(w, "* OK [UIDVALIDITY 4711] x\r\n")
			return err
		}
		return imaptest.Pass(r, w)
	}
	line.Use(replaced)
	close(release)
	if names, err := d.Readdirnames(-1); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("%d more, %v", len(names), err)
	}
	eventually(t, func() error {
		entries, err := os.ReadDir(dir)
		if err == nil && len(entries) != 300 {
			err = fmt.Errorf("%d entries", len(entries))
		}
		return err
	})
}

// TestGrowingInterrupted ends an ls with Ctrl-C that has shown a part and waits
// for the rest.
func TestGrowingInterrupted(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 300)
	line := imaptest.Hostile(t, s)
	release := make(chan struct{})
	var waits atomic.Bool
	waiting := make(chan struct{})
	line.Use(func(r *imaptest.Response, w io.Writer) error {
		if isOlder(r) && waits.CompareAndSwap(false, true) {
			close(waiting)
		}
		return held(release, imaptest.Pass)(r, w)
	})
	dir := mountAt(t, s, line.Addr, never) + "/INBOX"
	ls := exec.Command("ls", "-U1", dir)
	out, err := ls.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ls.Start(); err != nil {
		t.Fatal(err)
	}
	if first, err := bufio.NewReader(out).ReadString('\n'); err != nil || uidOf("INBOX/"+strings.TrimSpace(first)) != "300" {
		t.Errorf("%q, %v", first, err)
	}
	<-waiting
	if err := ls.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var ended *exec.ExitError
	if err := ls.Wait(); !errors.As(err, &ended) || !ended.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("ls ended with %v", err)
	}
	close(release)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 300 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
