package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// TestGrepOverLostLine searches a warm and a half-warm mailbox while the line is
// lost and comes back, and again, in two ways: what is cached is found,
// what is not fails with ENETUNREACH and without a long wait, and what grep says
// it has found is there.
func TestGrepOverLostLine(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Warm", "Half"))
	const messages = 60
	for i := range messages {
		letter := note(fmt.Sprintf("needle-%02d", i))
		s.Deliver("Warm", letter, sampleDate.AddDate(0, 0, i-messages))
		s.Deliver("Half", letter, sampleDate.AddDate(0, 0, i-messages))
	}
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, func(c *mountConfig) { c.memory = "256MiB" })
	works(t, "warm", dir, "Warm")
	works(t, "warm", dir, "Half", "--since", sampleDate.AddDate(0, 0, -messages/2).Format(time.DateOnly))

	mend := func() {
		if err := line.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []struct {
		name      string
		cut, mend func()
	}{
		{"refused", func() { line.Refuse(); line.Reset() }, mend},
		{"silent", line.Hang, func() { line.Reset(); line.Resume() }},
		{"refused again", func() { line.Refuse(); line.Reset() }, mend},
	} {
		found, unreachable := grepCut(t, filepath.Join(dir, "Warm"), way.cut)
		if found != messages || unreachable != 0 {
			t.Errorf("%s: in the warm mailbox it finds %d of %d, %d are unreachable", way.name, found, messages, unreachable)
		}
		began := time.Now()
		found, unreachable = grepCut(t, filepath.Join(dir, "Half"), func() {})
		took := time.Since(began)
		t.Logf("%s: the half-warm mailbox takes %v, %d found, %d unreachable", way.name, took.Round(time.Millisecond), found, unreachable)
		if found < messages/2 || found < messages && unreachable == 0 || took > time.Minute {
			t.Errorf("%s: in the half-warm mailbox it finds %d of %d, %d are unreachable, after %v", way.name, found, messages, unreachable, took)
		}
		way.mend()
		eventually(t, func() error {
			if st := statusOf(t, dir).Server; st.Offline != nil || st.Error != "" {
				return fmt.Errorf("%s: it is not online again: %+v", way.name, st)
			}
			return nil
		})
	}
	for _, name := range []string{"Warm", "Half"} {
		if found, unreachable := grepCut(t, filepath.Join(dir, name), func() {}); found != messages || unreachable != 0 {
			t.Errorf("in the end it finds %d of %d in %s, %d are unreachable", found, messages, name, unreachable)
		}
	}
}

// grepCut searches a directory, and calls cut as soon as something has been
// found. It returns how many files were found, and how many the server was
// needed for and could not be reached.
func grepCut(t *testing.T, dir string, cut func()) (found, unreachable int) {
	t.Helper()
	cmd := exec.Command("grep", "-r", "--include=body.txt", "--line-buffered", "^needle-", dir)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); found++ {
		if found == 0 {
			cut()
		}
		path, text, _ := strings.Cut(lines.Text(), ":")
		if !strings.Contains(path, "_"+text+"_") {
			t.Errorf("in %s it finds %q", path, text)
		}
	}
	cmd.Wait() // 2 where there are complaints
	for _, line := range strings.Split(strings.TrimSpace(complaints.String()), "\n") {
		if strings.HasSuffix(line, syscall.ENETUNREACH.Error()) || strings.HasSuffix(line, "Network is unreachable") {
			unreachable++
		} else if line != "" {
			t.Errorf("grep complains: %s", line)
		}
	}
	return found, unreachable
}

// TestListingOffline lists what is known while nothing comes through: at first
// after a moment, then at once; and tells of it in the status.
func TestListingOffline(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", note("one"), sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, func(c *mountConfig) { c.poll = time.Second })
	shows(t, dir+"/INBOX", "one")
	line.Hang()
	defer line.Resume()
	ls := func() time.Duration {
		began := time.Now()
		if got := subjects(t, dir+"/INBOX"); len(got) != 1 {
			t.Errorf("it shows %q", got)
		}
		return time.Since(began)
	}
	slowest := ls()
	eventually(t, func() error {
		slowest = max(slowest, ls())
		if statusOf(t, dir).Server.Offline == nil {
			return errors.New("the status does not tell that it is offline")
		}
		return nil
	})
	after := ls()
	t.Logf("a listing takes %v at most before it is known, %v after", slowest.Round(time.Millisecond), after.Round(time.Millisecond))
	if slowest > 12*time.Second || after > 2*time.Second {
		t.Errorf("a listing takes %v at first, and %v after", slowest, after)
	}
	if text := works(t, "status", dir); !strings.Contains(text, "offline for ") {
		t.Errorf("the status tells\n%s", text)
	}
	line.Reset()
	line.Resume()
	s.Deliver("INBOX", note("two"), sampleDate)
	shows(t, dir+"/INBOX", "one", "two")
}

// TestMountOffline says clearly that there is nothing to show without a cache,
// and asks for no password and nothing of the network.
func TestMountOffline(t *testing.T) {
	s := imaptest.Memory(t)
	line := imaptest.Proxy(t, s.Addr)
	dir := t.TempDir()
	cmd := command(t, "mount", "--offline", "imap://alice@"+line.Addr, dir)
	cmd.Env = append(cmd.Env, passwordVar+"=")
	fails(t, cmd, "offline")
	if line.Connections() != 0 {
		t.Error("it connects")
	}
	fails(t, command(t, "mount", "--offline", "--fresh", "imap://alice@"+line.Addr, dir), "contradict")
	gone(t, dir)
	os.Remove(dir)
}
