package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

// letter is a message of about so many octets.
func letter(subject string, octets int) []byte {
	return imaptest.Message([]string{"From: a@example.org", "Subject: " + subject, "Message-ID: <" + subject + "@example.org>"},
		imaptest.Text("text/plain", "utf-8", strings.Repeat("0123456789 0123456789\n", octets/22)))
}

// recoverable fails unless the recovery folder has exactly what was written, and
// the status names it.
func recoverable(t *testing.T, dir, cache string, want []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cache, "*", recoveryFolder, "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recovered: %q, %v", files, err)
	}
	if data, err := os.ReadFile(files[0]); err != nil || string(data) != string(want) {
		t.Errorf("%s has %d bytes, not %d: %v", files[0], len(data), len(want), err)
	}
	status, err := os.ReadFile(filepath.Join(dir, ".imapfs", statusFile))
	if err != nil || !strings.Contains(string(status), filepath.Dir(files[0])) || !strings.Contains(string(status), filepath.Base(files[0])) {
		t.Errorf("the status says nothing of it: %v\n%s", err, status)
	}
}

// writes writes a file as cp does, and tells which step failed.
func writes(path string, data []byte) (step string, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "open", err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return "write", err
	}
	if err := f.Close(); err != nil {
		return "close", err
	}
	return "", nil
}

// TestOverQuota tells who writes: at close, at fsync and at the rename of a
// temporary name.
func TestOverQuota(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig(`mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=20k
}`))
	kept := filepath.Join(t.TempDir(), "cache")
	dir := mountAt(t, s, s.Addr, asFiles, writable, func(c *mountConfig) { c.cacheDir = kept })
	large := letter("large", 40<<10)
	if step, err := writes(dir+"/INBOX/large.eml", large); step != "close" || !errors.Is(err, syscall.EDQUOT) {
		t.Errorf("%s: %v", step, err)
	}
	if _, err := os.Stat(dir + "/INBOX/large.eml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it looks as if it were there: %v", err)
	}
	recoverable(t, dir, kept, large)
	if _, err := writes(dir+"/INBOX/.large", large); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/INBOX/.large", dir+"/INBOX/large.eml"); !errors.Is(err, syscall.EDQUOT) {
		t.Errorf("rename: %v", err)
	}
	if _, err := os.Stat(dir + "/INBOX/.large"); err != nil {
		t.Errorf("a rename that failed has renamed: %v", err)
	}
	if err := os.Remove(dir + "/INBOX/.large"); err != nil {
		t.Error(err)
	}
	f, err := os.Create(dir + "/INBOX/other.eml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(large); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EDQUOT) {
		t.Errorf("fsync: %v", err)
	}
	if step, err := writes(dir+"/INBOX/small.eml", letter("small", 100)); err != nil {
		t.Errorf("a small one: %s: %v", step, err)
	}
	if got := heldBy(t, s); len(got) != 1 {
		t.Errorf("the account holds %q", got)
	}
}

// TestOfflineWrite is refused, and not put off.
func TestOfflineWrite(t *testing.T) {
	s := imaptest.Dovecot(t)
	line := imaptest.Proxy(t, s.Addr)
	kept := filepath.Join(t.TempDir(), "cache")
	dir := mountAt(t, s, line.Addr, asFiles, writable, func(c *mountConfig) { c.cacheDir = kept })
	shows(t, dir+"/INBOX")
	line.Refuse()
	line.Reset()
	message := letter("x", 100)
	step, err := writes(dir+"/INBOX/x.eml", message)
	if step != "close" || !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("%s: %v", step, err)
	}
	recoverable(t, dir, kept, message)
	if err := os.Mkdir(dir+"/New", 0o700); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("mkdir: %v", err)
	}
	if err := line.Accept(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return os.Mkdir(dir+"/New", 0o700) })
	if got := heldBy(t, s); len(got) != 0 {
		t.Errorf("the account holds %q", got)
	}
}

// TestReplacedMeanwhile deletes nothing of a mailbox that has taken the place of
// the one that was looked at, though its message has the same name.
func TestReplacedMeanwhile(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig(withTrash), imaptest.WithMailboxes("Work"))
	s.Deliver("Work", note("one"), sampleDate)
	dir := mountAt(t, s, s.Addr, asFiles, writable, never)
	shows(t, dir+"/Work", "one")
	mailbox, err := unix.Open(dir+"/Work", unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mailbox)
	name := "2026-03-04_0912_a-example-org_one_1.eml"
	client := s.Client()
	if err := client.Delete("Work").Wait(); err != nil {
		t.Fatal(err)
	}
	s.Create("Work")
	s.Deliver("Work", note("one"), sampleDate)
	if err := unix.Unlinkat(mailbox, name, 0); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("unlink: %v", err)
	}
	if got := heldBy(t, s); len(got) != 1 || got[0] != "Work one []" {
		t.Errorf("the account holds %q", got)
	}
}

// TestUncertain loses the answer to an APPEND and to a MOVE: each is done once.
func TestUncertain(t *testing.T) {
	for _, capabilities := range []string{"", "imap_capability = IMAP4rev1 LITERAL+ IDLE MOVE", "imap_capability = IMAP4rev1 IDLE UIDPLUS"} {
		s := imaptest.Dovecot(t, imaptest.WithConfig(withTrash+"\n"+capabilities), imaptest.WithMailboxes("Work"))
		line := imaptest.Proxy(t, s.Addr)
		dir := mountAt(t, s, line.Addr, asFiles, writable, never)
		shows(t, dir+"/INBOX")
		done := make(chan error, 1)
		for i, change := range []func() error{
			func() error { _, err := writes(dir+"/INBOX/x.eml", letter("x", 100)); return err },
			func() error { return os.Rename(dir+"/INBOX/x.eml", dir+"/Work/x.eml") },
		} {
			line.Delay(100 * time.Millisecond)
			go func() { done <- change() }()
			want := []string{"INBOX x []", "Work x []"}[i]
			eventually(t, func() error { // it is done, and the answer is on its way
				if got := heldBy(t, s); len(got) != 1 || got[0] != want {
					return errors.New(strings.Join(got, ", "))
				}
				return nil
			})
			line.Reset()
			line.Delay(0)
			if err := <-done; err != nil {
				t.Errorf("%q: change %d: %v", capabilities, i, err)
			}
			if got := heldBy(t, s); len(got) != 1 || got[0] != want {
				t.Errorf("%q: the account holds %q", capabilities, got)
			}
		}
	}
}

// TestNoDuplicates stores nothing that is there.
func TestNoDuplicates(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", letter("x", 100), sampleDate)
	dir := mountAt(t, s, s.Addr, asFiles, writable, func(c *mountConfig) { c.noDuplicates = true })
	files := t.TempDir()
	for name, one := range map[string]struct {
		message []byte
		date    time.Time
	}{
		"same.eml": {letter("x", 100), sampleDate}, "later.eml": {letter("x", 100), sampleDate.Add(time.Hour)}, "other.eml": {letter("y", 100), sampleDate},
	} {
		if err := errors.Join(os.WriteFile(filepath.Join(files, name), one.message, 0o600), os.Chtimes(filepath.Join(files, name), one.date, one.date)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		rsync(t, "-t", "-r", files+"/", dir+"/INBOX/")
		if got := stored(t, s); len(got) != 3 {
			t.Errorf("the account holds %q", got)
		}
	}
}

// TestMarkedDeleted hides what another program has marked as deleted, and shows
// it again when it no longer is; a mount that is read-only shows it.
func TestMarkedDeleted(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", note("one"), sampleDate)
	s.Deliver("INBOX", note("two"), sampleDate)
	dir := mountAt(t, s, s.Addr, writable, soon)
	reading := mountAt(t, s, s.Addr, soon)
	shows(t, dir+"/INBOX", "one", "two")
	other := selected(t, s)
	other.flag(1, imap.FlagDeleted)
	shows(t, dir+"/INBOX", "two")
	shows(t, reading+"/INBOX", "one", "two")
	if _, err := other.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsDel, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Collect(); err != nil {
		t.Fatal(err)
	}
	shows(t, dir+"/INBOX", "one", "two")
}

// TestRightsAsModes shows in the mode of a mailbox what its rights are, which are
// changed by the attribute; who may not write is told so.
func TestRightsAsModes(t *testing.T) {
	s := imaptest.Cyrus(t, imaptest.WithMailboxes("INBOX", "Work"))
	dir := mountAt(t, s, s.Addr, asFiles, writable, func(c *mountConfig) { c.poll = time.Second })
	mode := func() string {
		info, err := os.Lstat(dir + "/Work")
		if err != nil {
			return err.Error()
		}
		return info.Mode().String()
	}
	if got := mode(); got != "drwx------" {
		t.Errorf("the mode is %s", got)
	}
	if err := unix.Setxattr(dir+"/Work", "user.imap.acl", []byte("alice lrsxa\nbob lr"), 0); err != nil {
		t.Fatal(err)
	}
	// Cyrus adds what the obsolete rights were made of.
	mine, his, _ := strings.Cut(attribute(t, dir+"/Work", "user.imap.acl"), "\n")
	if !strings.HasPrefix(mine, "alice lrs") || strings.ContainsAny(strings.TrimPrefix(mine, "alice "), "idte") || his != "bob lr" {
		t.Errorf("the rights are %q, %q", mine, his)
	}
	eventually(t, func() error {
		if got := mode(); got != "dr-x------" {
			return errors.New("the mode is " + got)
		}
		return nil
	})
	if step, err := writes(dir+"/Work/x.eml", letter("x", 10)); step != "open" || !errors.Is(err, syscall.EACCES) {
		t.Errorf("%s: %v", step, err)
	}
}
