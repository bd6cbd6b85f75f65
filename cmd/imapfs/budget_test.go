package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imapfs/cache/disk"
	"imapfs/imapbackend/imaptest"
)

// TestDailyLimit reads until the limit: first the background stops, then all that
// is not cached, in the next mount as well, even if this one is killed. The
// listing goes on, and when a day has passed, all does.
func TestDailyLimit(t *testing.T) {
	s := imaptest.Dovecot(t)
	const messages, octets = 30, 100_000
	for i := range messages {
		s.Deliver("INBOX", append(note(fmt.Sprint(i)), imaptest.CRLF(imaptest.Octets(octets))...), sampleDate)
	}
	kept := filepath.Join(t.TempDir(), "cache")
	args := []string{"--cache-dir", kept, "--layout", "eml", "--daily-limit", "1MB", "--rate-limit", "250kB", "--poll", "1s"}
	dir := background(t, s, args...)
	name := func(i int) string {
		return filepath.Join(dir, "INBOX", fmt.Sprintf("2026-03-04_0912_a-example-org_%d_%d.eml", i, i+1))
	}

	// Warming stops when four fifths are used; the rate keeps little under way by then.
	_, complaint, code := run(t, command(t, "warm", "--bodies", dir))
	if code != 1 || !strings.Contains(complaint, "the daily limit is reached") {
		t.Errorf("warm: exit status %d, %s", code, complaint)
	}
	budget := func() budgetReport {
		t.Helper()
		b := statusOf(t, dir).Budget
		if b == nil {
			t.Fatal("no budget in the status")
		}
		return *b
	}
	if b := budget(); b.State != "thrifty" || b.Used < 800_000 || b.Limit != 1_000_000 {
		t.Errorf("after warm it stands at %+v", b)
	}
	if text := works(t, "status", dir); !strings.Contains(text, "of 1.0 MB in 24 hours: nothing is fetched ahead until 20") {
		t.Errorf("status:\n%s", text)
	}

	// Who reads may have the rest.
	var read, refused []string
	readAll := func() {
		t.Helper()
		read, refused = nil, nil
		for i := range messages {
			switch data, err := os.ReadFile(name(i)); {
			case errors.Is(err, syscall.EDQUOT):
				refused = append(refused, name(i))
			case err != nil || len(data) < octets:
				t.Errorf("%d bytes of %s, %v", len(data), name(i), err)
			default:
				read = append(read, name(i))
			}
		}
	}
	readAll()
	if len(read) < 8 || len(read) > 12 || len(refused) != messages-len(read) {
		t.Fatalf("%d messages can be read, %d cannot", len(read), len(refused))
	}
	first := len(read)
	readAll()
	if len(read) != first {
		t.Errorf("%d messages can be read again, of %d", len(read), first)
	}
	spent := budget()
	if spent.State != "spent" || spent.Resumes == nil || time.Until(*spent.Resumes) < 23*time.Hour {
		t.Errorf("it stands at %+v", spent)
	}
	if text := works(t, "status", dir); !strings.Contains(text, "what is not cached cannot be read until 20") {
		t.Errorf("status:\n%s", text)
	}
	s.Deliver("INBOX", note("new"), sampleDate)
	eventually(t, func() error {
		if list, err := os.ReadDir(filepath.Join(dir, "INBOX")); err != nil || len(list) != messages+1 {
			return fmt.Errorf("%d messages, %v", len(list), err)
		}
		return nil
	})

	// Killed, what was saved before still counts.
	eventually(t, func() error {
		if was := saved(t, kept); was < spent.Used {
			return fmt.Errorf("%d octets are saved of %d", was, spent.Used)
		}
		return nil
	})
	if err := syscall.Kill(daemon(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	works(t, append([]string{"mount", sourceOf(s), dir}, args...)...)
	if b := budget(); b.State != "spent" || b.Used < spent.Used {
		t.Errorf("after a kill it stands at %+v, before at %+v", b, spent)
	}
	readAll()
	if len(read) != first {
		t.Errorf("%d messages can be read after a remount, of %d", len(read), first)
	}
	works(t, "umount", dir)
	gone(t, dir)

	aged(t, kept)
	works(t, append([]string{"mount", sourceOf(s), dir}, args...)...)
	if b := budget(); b.State != "open" {
		t.Errorf("a day later it stands at %+v", b)
	}
	if data, err := os.ReadFile(refused[0]); err != nil || len(data) < octets {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// ledger is the note of a cache directory with one account.
func ledger(t *testing.T, kept string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(kept, "*", "received.note"))
	if err != nil || len(found) != 1 {
		t.Fatalf("notes %q: %v", found, err)
	}
	return found[0]
}

// saved is how many octets the ledger has.
func saved(t *testing.T, kept string) (n int64) {
	t.Helper()
	data, err := os.ReadFile(ledger(t, kept))
	var hours map[int64]int64
	if err == nil && len(data) > 8 {
		err = json.Unmarshal(data[8:], &hours)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range hours {
		n += one
	}
	return n
}

// aged makes a ledger a day older.
func aged(t *testing.T, kept string) {
	t.Helper()
	d, err := disk.Open(filepath.Dir(ledger(t, kept)), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var hours map[int64]int64
	if err := json.Unmarshal(d.Note("received").Read(), &hours); err != nil {
		t.Fatal(err)
	}
	older := make(map[int64]int64)
	for hour, n := range hours {
		older[hour-25] = n
	}
	data, err := json.Marshal(older)
	if err != nil {
		t.Fatal(err)
	}
	d.Note("received").Write(data)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNoRoomForLimits refuses limits that would make a mount useless.
func TestNoRoomForLimits(t *testing.T) {
	s := imaptest.Memory(t)
	for _, wrong := range []string{"--rate-limit=9kB", "--rate-limit=fast", "--rate-limit=-1", "--daily-limit=999kB", "--daily-limit=1EB"} {
		option, _, _ := strings.Cut(wrong, "=")
		fails(t, command(t, "mount", wrong, sourceOf(s), t.TempDir()), option+" ")
	}
}
