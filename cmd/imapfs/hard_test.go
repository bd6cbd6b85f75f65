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
	"syscall"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// TestManyParts reads a message of 3,041 parts, more than fit into node ids.
func TestManyParts(t *testing.T) {
	s := imaptest.Dovecot(t)
	one := imaptest.ManyParts(3041)
	s.Deliver("INBOX", one.Raw, sampleDate)
	dir := mountAt(t, s, s.Addr)
	want := make(map[string]string)
	for path, data := range one.Files {
		want[fmt.Sprintf("INBOX/2026-03-04_0912_%s_1/%s", one.Slug, path)] = sum(data)
	}
	compare(t, sums(walk(t, dir)), want)
}

// TestMailboxNames reaches mailboxes whatever they are called.
func TestMailboxNames(t *testing.T) {
	s := imaptest.Dovecot(t)
	names := []string{
		"with space", "100%25", "%41", "a.b", "R&D", "仕事", "📬 mail", "INBOX/child",
		"deep/er/est", "2026-03-04_0912_Alice_Hi_1", "trailing ", "quote\"s", "back\\slash", "Łódź", "مشروع",
	}
	for _, name := range names {
		s.Create(name)
		s.Deliver(name, imaptest.Message([]string{"Subject: in " + name, "From: a@example.org"}, imaptest.Text("text/plain", "utf-8", name)), sampleDate)
	}
	dir := mountAt(t, s, s.Addr)
	seen := make(map[string]int)
	for path, f := range walk(t, dir) {
		if f.Mode.IsDir() {
			if name := attribute(t, filepath.Join(dir, path), "user.imap.mailbox"); name != "" {
				seen[name]++
			}
		} else if filepath.Base(path) == "body.txt" {
			data, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			mailbox := filepath.Dir(filepath.Dir(filepath.Join(dir, path)))
			if name := attribute(t, mailbox, "user.imap.mailbox"); name != string(data) {
				t.Errorf("%s is in %s, the mailbox %q", data, path, name)
			}
		}
	}
	for _, name := range names {
		if seen[name] != 1 {
			t.Errorf("mailbox %q is there %d times", name, seen[name])
		}
	}
}

// TestLargeAttachment reads in the middle of a large part for the price of a
// block, and all of it exactly.
func TestLargeAttachment(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		data := make([]byte, 24<<20+12345)
		if strings.HasSuffix(t.Name(), "/mailutils") {
			data = data[:2<<20+12345] // it reads all of a message for each range of it
		}
		rand.New(rand.NewSource(1)).Read(data)
		s.Deliver("INBOX", imaptest.CRLF(imaptest.Message(
			[]string{"From: a@example.org", "Subject: large", sampleDateField, "MIME-Version: 1.0"},
			imaptest.Multipart("mixed", imaptest.Text("text/plain", "us-ascii", "see there"), imaptest.Attachment("large.bin", "application/octet-stream", data)))),
			sampleDate)
		line := imaptest.Proxy(t, s.Addr)
		dir := mountAt(t, s, line.Addr)
		name := dir + "/INBOX/2026-03-04_0912_a-example-org_large_1/large.bin"
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil || info.Size() != int64(len(data)) {
			t.Fatalf("size %d, want %d: %v", info.Size(), len(data), err)
		}
		before := line.Down()
		middle := make([]byte, 4096)
		at := int64(len(data)/2 + 4321)
		if _, err := f.ReadAt(middle, at); err != nil || !bytes.Equal(middle, data[at:at+4096]) {
			t.Fatalf("the middle is wrong: %v", err)
		}
		if cost := line.Down() - before; cost > 256<<10 {
			t.Errorf("4 KiB in the middle cost %d octets", cost)
		}
		all, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(all, data) {
			t.Errorf("the whole is wrong: %d bytes, %v", len(all), err)
		}
	})
}

// TestIrregularInside reads a large part whose ends lie on a grid and whose
// inside does not: never wrong bytes, and right ones on the second try.
func TestIrregularInside(t *testing.T) {
	s := imaptest.Dovecot(t)
	data := make([]byte, 3<<20)
	rand.New(rand.NewSource(2)).Read(data)
	body := strings.Split(strings.TrimSpace(imaptest.Base64Lines(data, 76)), "\n")
	middle := len(body) / 2
	body[middle] = strings.Repeat("!", 4) + body[middle][:72] // junk on the grid
	lost := 3
	want := slices.Concat(data[:middle*57], data[middle*57:middle*57+57-lost], data[(middle+1)*57:])
	message := "From: a@example.org\nSubject: odd\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name=odd.bin\nContent-Transfer-Encoding: base64\n\n" + strings.Join(body, "\n") + "\n"
	s.Deliver("INBOX", []byte(message), sampleDate)
	name := mountAt(t, s, s.Addr) + "/INBOX/2026-03-04_0912_a-example-org_odd_1/odd.bin"
	_, err := os.ReadFile(name)
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("the first read gives %v, not EIO", err)
	}
	eventually(t, func() error {
		info, err := os.Stat(name)
		if err != nil || info.Size() != int64(len(want)) {
			return fmt.Errorf("size %v, want %d: %v", info.Size(), len(want), err)
		}
		return nil
	})
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d: %v", len(got), len(want), err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
}

// TestInterrupt ends programs that wait for a server that hangs.
func TestInterrupt(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Other"))
	deliverSamples(s)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr)
	if _, err := os.ReadDir(dir + "/INBOX"); err != nil {
		t.Fatal(err)
	}
	line.Hang()
	defer line.Resume()
	for _, program := range [][]string{
		{"grep", "-r", "nothing", dir + "/INBOX"},
		{"ls", "-l", dir + "/Other"},
		{"sh", "-c", "cat " + dir + "/INBOX/*_1/message.eml"},
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
		case <-time.After(time.Second):
			t.Errorf("%v goes on for over a second after Ctrl-C", program)
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	}
}

// TestOtherUser finds that nobody else can read a mount.
func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("TestOtherUser needs root, to become somebody else")
	}
	s := imaptest.Memory(t)
	s.Deliver("INBOX", imaptest.CRLF(imaptest.Samples()[0].Raw), sampleDate)
	for _, allow := range []bool{false, true} {
		base, err := os.MkdirTemp("", "imapfs-other")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(base)
		if err := os.Chmod(base, 0o755); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(base, "mnt")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		mountAt(t, s, s.Addr, func(c *mountConfig) { c.mountpoint, c.allowOther = dir, allow })
		for _, script := range []string{"ls " + dir, "ls " + dir + "/INBOX", "cat " + dir + "/INBOX/*/body.txt", "ls " + dir + "/.imapfs/eml"} {
			cmd := exec.Command("/bin/sh", "-c", script)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("denied")) && !bytes.Contains(out, []byte("No such file")) {
				t.Errorf("allow-other %v: nobody may %s: %s", allow, script, out)
			}
		}
	}
}

// TestParallelTars reads all of a mount eight times at once.
func TestParallelTars(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("A", "B"))
	deliverSamples(s)
	for i := range 200 {
		message := imaptest.Message([]string{"From: a@example.org", fmt.Sprintf("Subject: number %d", i)}, imaptest.Text("text/plain", "utf-8", strings.Repeat("text ", i)))
		s.Deliver([]string{"A", "B"}[i%2], message, sampleDate)
	}
	dir := mountAt(t, s, s.Addr)
	var group sync.WaitGroup
	tars := make([][]byte, 8)
	for i := range tars {
		group.Go(func() {
			out, err := exec.Command("tar", "--sort=name", "-C", dir, "-cf", "-", "INBOX", "A", "B", ".imapfs/eml").Output()
			if err != nil {
				t.Errorf("tar: %v", err)
			}
			tars[i] = out
		})
	}
	group.Wait()
	// The time of a mailbox may become known between two of them.
	list := exec.Command("tar", "-xOf", "-")
	list.Stdin = bytes.NewReader(tars[0])
	first, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range tars {
		list := exec.Command("tar", "-xOf", "-")
		list.Stdin = bytes.NewReader(one)
		if out, err := list.Output(); err != nil || !bytes.Equal(out, first) {
			t.Errorf("tar %d holds other bytes: %v", i, err)
		}
	}
}

// TestReset goes on reading when every connection is reset.
func TestReset(t *testing.T) {
	s := imaptest.Dovecot(t)
	eml, _ := deliverSamples(s)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, func(c *mountConfig) { c.layout = "eml" })
	for name, want := range eml {
		line.Reset()
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || sum(data) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExpunged gives ESTALE for a message that went while it was open, and
// takes it out of the listing.
func TestExpunged(t *testing.T) {
	s := imaptest.Dovecot(t)
	for range 2 {
		s.Deliver("INBOX", imaptest.Samples()[0].Raw, sampleDate)
	}
	dir := mountAt(t, s, s.Addr, func(c *mountConfig) { c.poll = 100 * time.Millisecond })
	names, err := filepath.Glob(dir + "/INBOX/*")
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	selected(t, s).expunge(1)
	if _, err := os.ReadFile(names[0] + "/message.eml"); !errors.Is(err, syscall.ESTALE) && !errors.Is(err, syscall.ENOENT) {
		t.Errorf("reading what is gone gives %v", err)
	}
	eventually(t, func() error {
		names, err := filepath.Glob(dir + "/INBOX/*")
		if len(names) != 1 {
			return fmt.Errorf("listed: %v, %v", names, err)
		}
		return nil
	})
}
