package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/imapbackend/imaptest"
)

// writable is what --writable does.
func writable(c *mountConfig) { c.writable = true }

func asFiles(c *mountConfig) { c.layout = "eml" }

// onWritable runs a test on the servers that keep what is written to them, and
// on a Dovecot that cannot do some things.
func onWritable(t *testing.T, test func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server)) {
	lacking := func(capabilities string) func(testing.TB, ...imaptest.Option) *imaptest.Server {
		return func(t testing.TB, opts ...imaptest.Option) *imaptest.Server {
			return imaptest.Dovecot(t, append(opts, imaptest.WithConfig("imap_capability = "+capabilities))...)
		}
	}
	for name, start := range map[string]func(testing.TB, ...imaptest.Option) *imaptest.Server{
		"courier":                  imaptest.Courier,
		"cyrus":                    imaptest.Cyrus,
		"dovecot":                  imaptest.Dovecot,
		"dovecot without MOVE":     lacking("IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE UIDPLUS SPECIAL-USE LIST-EXTENDED UNSELECT NAMESPACE CONDSTORE"),
		"dovecot without UIDPLUS":  lacking("IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE MOVE SPECIAL-USE LIST-EXTENDED"),
		"dovecot without LITERAL+": lacking("IMAP4rev1 SASL-IR ID ENABLE IDLE UIDPLUS MOVE SPECIAL-USE LIST-EXTENDED UNSELECT"),
		"dovecot without any":      lacking("IMAP4rev1"),
	} {
		t.Run(name, func(t *testing.T) { test(t, start) })
	}
}

// stored is what an account holds: a line for each message, by mailbox, digest,
// INTERNALDATE and flags.
func stored(t testing.TB, s *imaptest.Server) (lines []string) {
	t.Helper()
	client := s.Client()
	boxes, err := client.List("", "*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, box := range boxes {
		if slices.Contains(box.Attrs, imap.MailboxAttrNoSelect) {
			continue
		}
		selected, err := client.Select(box.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if selected.NumMessages == 0 {
			continue
		}
		messages, err := client.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{
			Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
		}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			var flags []string
			for _, f := range m.Flags {
				if f != `\Recent` {
					flags = append(flags, string(f))
				}
			}
			slices.Sort(flags)
			sum := sha256.Sum256(m.BodySection[0].Bytes)
			lines = append(lines, fmt.Sprintf("%s %s %s %v", box.Mailbox, hex.EncodeToString(sum[:6]), m.InternalDate.UTC().Format(time.RFC3339), flags))
		}
	}
	slices.Sort(lines)
	return lines
}

// difference tells what is too much in got, and what is missing.
func difference(got, want []string) string {
	var lines []string
	without := func(a, b []string, sign string) {
		for _, line := range a {
			if !slices.Contains(b, line) {
				lines = append(lines, sign+line)
			}
		}
	}
	without(got, want, "+ ")
	without(want, got, "- ")
	return fmt.Sprintf("%d messages, not %d:\n%s", len(got), len(want), strings.Join(lines, "\n"))
}

// restorable are samples that every server takes: Cyrus refuses NUL, and a header
// that does not end or has a line that is no field.
func restorable(one imaptest.Sample) bool {
	raw := string(imaptest.CRLF(one.Raw))
	head, _, ended := strings.Cut(raw, "\r\n\r\n")
	// Courier ends the last line.
	if !ended || strings.Contains(raw, "\x00") || !strings.HasSuffix(raw, "\r\n") {
		return false
	}
	for line := range strings.SplitSeq(head, "\r\n") {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") && !strings.Contains(line, ":") {
			return false
		}
	}
	return true
}

// rsync runs rsync and returns what it says.
func rsync(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("rsync", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("rsync %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestFullCircle copies an account to files and from there to an empty account:
// all is as it was. Doing it again does nothing, also after a remount, and
// --delete deletes nothing.
func TestFullCircle(t *testing.T) {
	onWritable(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		from, to := start(t), start(t)
		flags := [][]string{nil, {`\Seen`}, {`\Answered`, `\Flagged`}, {`\Draft`, `\Seen`}}
		boxes := []string{"INBOX", "INBOX/Projects"}
		n := 0
		for _, one := range imaptest.Samples() {
			if restorable(one) {
				date := sampleDate.Add(time.Duration(n) * time.Hour)
				from.Deliver(boxes[n%2], imaptest.CRLF(one.Raw), date, flags[n%len(flags)]...)
				n++
			}
		}
		want := stored(t, from)
		if len(want) != n || n < 20 {
			t.Fatalf("%d messages, delivered %d", len(want), n)
		}
		copies := t.TempDir() + "/"
		dir, unmount := mountOnce(t, from, from.Addr, asFiles)
		rsync(t, "-aX", dir+"/", copies)
		unmount()

		kept := filepath.Join(t.TempDir(), "cache")
		same := func(c *mountConfig) { c.cacheDir = kept }
		dir, unmount = mountOnce(t, to, to.Addr, asFiles, writable, same)
		defer func() { unmount() }()
		rsync(t, "-aX", copies, dir+"/")
		check := func(when string) {
			t.Helper()
			got := stored(t, to)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s", when, difference(got, want))
			}
		}
		check("after the first rsync")
		for _, when := range []string{"again", "after a remount"} {
			if when != "again" {
				unmount()
				dir, unmount = mountOnce(t, to, to.Addr, asFiles, writable, same)
			}
			if out := rsync(t, "-ai", "--delete", copies, dir+"/"); out != "" {
				t.Errorf("%s, rsync finds something to do:\n%s", when, out)
			}
			rsync(t, "-aX", "--delete", copies, dir+"/")
			check(when)
			if out, err := exec.Command("diff", "-r", dir, copies).CombinedOutput(); err != nil {
				t.Errorf("%s: the mount differs from the copy: %v\n%s", when, err, out)
			}
		}
		unmount()
		unmount = func() {}
		if left, err := filepath.Glob(filepath.Join(kept, "*", recoveryFolder, "*")); err != nil || len(left) > 0 {
			t.Errorf("%q are left, %v", left, err)
		}
	})
}
