package main

import (
	"bufio"
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
// lost and comes back, by each of two ways, twice: what is cached is found,
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

	for range 2 {
		for _, way := range []struct {
			name      string
			cut, mend func()
		}{
			{"refused", func() { line.Refuse(); line.Reset() }, func() {
				if err := line.Accept(); err != nil {
					t.Fatal(err)
				}
			}},
			{"hangs", line.Hang, func() { line.Reset(); line.Resume() }},
		} {
			found, unreachable := grepCut(t, filepath.Join(dir, "Warm"), way.cut)
			if found != messages || unreachable != 0 {
				t.Errorf("%s: in the warm mailbox it finds %d of %d, %d are unreachable", way.name, found, messages, unreachable)
			}
			began := time.Now()
			found, unreachable = grepCut(t, filepath.Join(dir, "Half"), func() {})
			t.Logf("%s: the half-warm mailbox takes %v, %d found, %d unreachable", way.name, time.Since(began).Round(time.Millisecond), found, unreachable)
			if found < messages/2 || found < messages && unreachable == 0 || time.Since(began) > time.Minute {
				t.Errorf("%s: in the half-warm mailbox it finds %d of %d, %d are unreachable, after %v", way.name, found, messages, unreachable, time.Since(began))
			}
			way.mend()
			eventually(t, func() error {
				if st := statusOf(t, dir).Server; st.Offline != nil || st.Error != "" {
					return fmt.Errorf("%s: it is not online again: %+v", way.name, st)
				}
				return nil
			})
		}
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
