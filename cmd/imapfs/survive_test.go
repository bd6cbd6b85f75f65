package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// large is a message with an attachment, and that attachment.
func large(seed int64, size int) (message, data []byte) {
	data = make([]byte, size)
	rand.New(rand.NewSource(seed)).Read(data)
	return imaptest.CRLF(imaptest.Message(
		[]string{"From: a@example.org", "Subject: large", "MIME-Version: 1.0"},
		imaptest.Multipart("mixed", imaptest.Text("text/plain", "us-ascii", "see there"),
			imaptest.Attachment("large.bin", "application/octet-stream", data)))), data
}

const largeName = "2026-03-04_0912_a-example-org_large_1/large.bin"

// open opens a file for the rest of the test, with none of it in the kernel's
// cache.
func open(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestCutLiteral reads on when connections end in the middle of what they carry,
// with RST and with FIN.
func TestCutLiteral(t *testing.T) {
	s := imaptest.Dovecot(t)
	message, want := large(1, 4<<20)
	s.Deliver("INBOX", message, sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, func(c *mountConfig) { c.memory, c.cacheDir, c.maxConnections = "1MiB", noCache, 2 })
	f := open(t, dir+"/INBOX/"+largeName)
	random := rand.New(rand.NewSource(2))
	for i := range 10 {
		if err := uncache(f); err != nil {
			t.Fatal(err)
		}
		before := line.Connections()
		cut := []func(int64){line.ResetAfter, line.CloseAfter}[i%2]
		cut(random.Int63n(256 << 10))
		got := make([]byte, len(want))
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("round %d: %v, equal: %v", i, err, bytes.Equal(got, want))
		}
		if line.Connections() == before {
			t.Errorf("round %d: no connection was lost", i)
		}
	}
}

// TestServerRestarts has readers who do not notice it.
func TestServerRestarts(t *testing.T) {
	s := imaptest.Dovecot(t)
	want, _ := deliverSamples(s)
	dir := mountAt(t, s, s.Addr, func(c *mountConfig) { c.layout, c.memory, c.cacheDir = "eml", "1MiB", noCache })
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for !stop.Load() {
				uncacheAll(dir)
				if err := readSamples(dir, want); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		s.Stop() // with a BYE
		s.Start()
	}
	stop.Store(true)
	readers.Wait()
	s.Deliver("INBOX", note("afterwards"), sampleDate)
	eventually(t, func() error {
		names, err := filepath.Glob(dir + "/INBOX/*afterwards*")
		if len(names) != 1 {
			return fmt.Errorf("new mail is not seen any more: %v", err)
		}
		return nil
	})
}

// TestPasswordChanged stops asking a server that does not let us in any more,
// and says so; what is known can still be read.
func TestPasswordChanged(t *testing.T) {
	s := imaptest.Memory(t, imaptest.WithMailboxes("Other"))
	s.Deliver("INBOX", note("one"), sampleDate)
	message, _ := large(1, 3<<20)
	s.Deliver("Other", message, sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	c := newConfig(t, s, line.Addr)
	c.logFile = filepath.Join(t.TempDir(), "log")
	log, closeLog, err := c.logger()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeLog)
	m, err := c.mount(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
			return
		}
		m.wait()
	})
	dir := c.mountpoint
	shows(t, dir+"/INBOX", "one")
	f := open(t, dir+"/Other/"+largeName)

	var logins atomic.Int32
	s.Refuse(func(command string) string {
		if command != "LOGIN" {
			return ""
		}
		logins.Add(1)
		return "AUTHENTICATIONFAILED"
	})
	line.Reset()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for began := time.Now(); time.Since(began) < 6*time.Second; {
				uncache(f)
				if _, err := f.ReadAt(make([]byte, 4096), 2<<20); !errors.Is(err, syscall.EACCES) {
					t.Errorf("a read gives %v, not EACCES", err)
					return
				}
				exec.Command("ls", "-l", dir+"/INBOX").Run()
			}
		})
	}
	readers.Wait()
	if n := logins.Load(); n > 4 {
		t.Errorf("%d logins in 6 s", n)
	}
	shows(t, dir+"/INBOX", "one")
	if status := works(t, "status", dir); !strings.Contains(status, "does not let alice in") {
		t.Errorf("the status is\n%s", status)
	}
	if said, err := os.ReadFile(c.logFile); err != nil || strings.Count(string(said), "does not let alice in") != 1 {
		t.Errorf("the log says\n%s%v", said, err)
	}
}

// TestCertificateExpires says why there is no connection any more, and goes on
// when there is a new certificate.
func TestCertificateExpires(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithTLS())
	message, want := large(1, 3<<20)
	s.Deliver("INBOX", message, sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, func(c *mountConfig) { c.tlsCA = s.CAFile })
	f := open(t, dir+"/INBOX/"+largeName)
	s.Expire()
	s.Stop()
	s.Start()
	line.Reset() // Dovecot's process for TLS lives on
	got := make([]byte, 4096)
	if _, err := f.ReadAt(got, 2<<20); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a read gives %v", err)
	}
	if status := works(t, "status", dir); !strings.Contains(status, "valid from") {
		t.Errorf("the status is\n%s", status)
	}
	s.Renew()
	s.Stop()
	s.Start()
	eventuallyWithin(t, time.Minute, func() error {
		_, err := f.ReadAt(got, 2<<20)
		return err
	})
	if !bytes.Equal(got, want[2<<20:][:4096]) {
		t.Error("wrong bytes")
	}
}

// TestReplaced deletes a mailbox while files in it are open, and puts another in
// its place, with other mail under the same UIDs: the old files never show it.
func TestReplaced(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t, imaptest.WithMailboxes("Work"))
		before, was := large(1, 2<<20)
		after, is := large(2, 2<<20)
		s.Deliver("Work", before, sampleDate)
		dir := mountAt(t, s, s.Addr, soon, func(c *mountConfig) { c.memory, c.cacheDir = "1MiB", noCache })
		name := dir + "/Work/" + largeName
		f := open(t, name)
		got := make([]byte, 4096)
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, was[:4096]) {
			t.Fatalf("before: %v", err)
		}
		other := s.Client()
		if err := other.Delete("Work").Wait(); err != nil {
			t.Fatal(err)
		}
		for off := int64(512 << 10); off < 1<<20; off += 200 << 10 {
			if n, err := f.ReadAt(got, off); !bytes.Equal(got[:n], was[off:][:n]) || err != nil && !errors.Is(err, syscall.ESTALE) {
				t.Errorf("of a deleted mailbox: %d bytes, %v", n, err)
			}
		}
		// Dovecot gives UIDVALIDITY by the second.
		time.Sleep(1100 * time.Millisecond)
		if err := other.Create("Work", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		s.Deliver("Work", after, sampleDate)
		for off := int64(512<<10 + 4096); off < 2<<20; off += 300 << 10 {
			if err := uncache(f); err != nil {
				t.Fatal(err)
			}
			if n, err := f.ReadAt(got, off); !bytes.Equal(got[:n], was[off:][:n]) || err != nil && !errors.Is(err, syscall.ESTALE) {
				t.Errorf("of a replaced mailbox: %d bytes, %v", n, err)
			}
		}
		eventually(t, func() error {
			data, err := os.ReadFile(name)
			if err == nil && !bytes.Equal(data, is) {
				err = fmt.Errorf("%d bytes of something else; of the old one: %v", len(data), bytes.Equal(data, was))
			}
			return err
		})
		if _, err := f.ReadAt(got, 2<<20-8192); !errors.Is(err, syscall.ESTALE) {
			t.Errorf("an open file of the old mailbox: %v", err)
		}
	}, "courier", "mailutils") // where names and mailboxes are others
}

// TestDeletedWhileRead ends a walk of a mailbox that is deleted, and of no other.
func TestDeletedWhileRead(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Work", "Play"))
	for i := range 50 {
		for _, mailbox := range []string{"Work", "Play"} {
			s.Deliver(mailbox, note(fmt.Sprintf("number-%d", i)), sampleDate)
		}
	}
	dir := mountAt(t, s, s.Addr, soon)
	var stop atomic.Bool
	var walks sync.WaitGroup
	for _, mailbox := range []string{"Work", "Play"} {
		walks.Go(func() {
			for !stop.Load() {
				got, err := read(filepath.Join(dir, mailbox))
				gone := errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESTALE)
				switch {
				case err == nil && len(got) == 100:
				case mailbox == "Work" && (gone || err == nil): // the server deletes one by one
				default:
					t.Errorf("%s: %d files, %v", mailbox, len(got), err)
				}
			}
		})
	}
	other := s.Client()
	if err := other.Delete("Work").Wait(); err != nil {
		t.Error(err)
	}
	eventually(t, func() error {
		out, err := exec.Command("ls", dir).Output()
		if got := strings.Fields(string(out)); !slices.Equal(got, []string{"INBOX", "Play"}) {
			other.Delete("Work").Wait() // Dovecot makes it anew for who is just opening it
			return fmt.Errorf("the mailboxes are %q: %v", got, err)
		}
		return nil
	})
	stop.Store(true)
	walks.Wait()
}

// TestExpungedWhileRead fails a read of what is not there any more; what was
// read before was right.
func TestExpungedWhileRead(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		message, want := large(1, 8<<20)
		s.Deliver("INBOX", message, sampleDate)
		dir := mountAt(t, s, s.Addr, soon, func(c *mountConfig) { c.memory, c.cacheDir = "1MiB", noCache })
		f := open(t, dir+"/INBOX/"+largeName)
		got := make([]byte, 4096)
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want[:4096]) {
			t.Fatal(err)
		}
		selected(t, s).expunge(1)
		eventually(t, func() error {
			for off := int64(1 << 20); off < 8<<20; off += 1 << 20 {
				uncache(f)
				n, err := f.ReadAt(got, off)
				if !bytes.Equal(got[:n], want[off:][:n]) {
					t.Fatalf("wrong bytes at %d", off)
				}
				if errors.Is(err, syscall.ESTALE) {
					return nil
				}
				if err != nil {
					t.Fatalf("at %d: %v", off, err)
				}
			}
			return errors.New("it can be read for ever")
		})
		shows(t, dir+"/INBOX")
	}, "courier", "mailutils") // which take 20 s each for it, and tell nothing new
}

// TestInterruptRead ends programs that wait in the middle of a file.
func TestInterruptRead(t *testing.T) {
	s := imaptest.Dovecot(t)
	message, _ := large(1, 8<<20)
	s.Deliver("INBOX", message, sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, func(c *mountConfig) { c.memory, c.cacheDir = "1MiB", noCache })
	name := dir + "/INBOX/" + largeName
	if _, err := os.Stat(name); err != nil {
		t.Fatal(err)
	}
	line.Hang()
	defer line.Resume()
	for _, program := range [][]string{
		{"cat", name},
		{"grep", "-c", "nothing", name},
		{"md5sum", name},
		{"tar", "-cf", filepath.Join(t.TempDir(), "archive"), name},
		{"grep", "-r", "nothing", dir},
	} {
		cmd := exec.Command(program[0], program[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			t.Errorf("%v does not wait: %v", program, err)
			continue
		case <-time.After(500 * time.Millisecond):
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(2 * time.Second):
			t.Errorf("%v goes on for over 2 s after Ctrl-C", program)
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			line.Reset()
			<-ended
		}
	}
}
