package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// TestFromDisk shows at once, and without the server, what an earlier mount has
// seen: the same names, inodes, sizes and bytes; and what is new when the server
// answers again.
func TestFromDisk(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		deliverSamples(s)
		line := imaptest.Proxy(t, s.Addr)
		kept := filepath.Join(t.TempDir(), "cache")
		at := t.TempDir()
		same := func(c *mountConfig) { c.cacheDir, c.mountpoint, c.poll = kept, at, time.Second }
		dir, unmount := mountOnce(t, s, line.Addr, same)
		want := walk(t, dir)
		mails := walk(t, filepath.Join(dir, ".imapfs", "eml"))
		unmount()

		for _, silent := range []bool{true, false} {
			if silent {
				line.Hang()
			} else {
				line.Resume()
			}
			begun := time.Now()
			down := line.Down()
			dir, unmount = mountOnce(t, s, line.Addr, same)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the mount took %v", took)
			}
			if silent {
				if got := walk(t, dir); !maps.Equal(got, want) {
					t.Errorf("%d files without the server, %d before", len(got), len(want))
				}
				if got := walk(t, filepath.Join(dir, ".imapfs", "eml")); !maps.Equal(got, mails) {
					t.Errorf("%d messages without the server, %d before", len(got), len(mails))
				}
				unmount()
				continue
			}
			if got := walk(t, dir); !maps.Equal(got, want) {
				t.Errorf("%d files, %d before", len(got), len(want))
			}
			if got := line.Down() - down; got > 40<<10 {
				t.Errorf("%d bytes from the server for what is known", got)
			}
			s.Deliver("INBOX", imaptest.Message([]string{"Subject: later"}, imaptest.Text("text/plain", "utf-8", "x")), time.Unix(1e9, 0))
			eventually(t, func() error {
				names, err := filepath.Glob(filepath.Join(dir, "INBOX", "*_later_*"))
				if err == nil && len(names) != 1 {
					err = fmt.Errorf("the new message is there %d times", len(names))
				}
				return err
			})
			unmount()
		}
	})
}

// TestChangedMeanwhile shows the mailboxes that were made, deleted and replaced
// while nothing was mounted, also where one of them is the root.
func TestChangedMeanwhile(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Gone", "Replaced"))
	for _, mailbox := range []string{"Gone", "Replaced"} {
		s.Deliver(mailbox, note("old"), sampleDate)
	}
	kept := filepath.Join(t.TempDir(), "cache")
	same := func(c *mountConfig) { c.cacheDir, c.poll = kept, time.Second }
	dir, unmount := mountOnce(t, s, s.Addr, same)
	shows(t, dir+"/Gone", "old")
	shows(t, dir+"/Replaced", "old")
	unmount()
	client := s.Client()
	for _, mailbox := range []string{"Gone", "Replaced"} {
		if err := client.Delete(mailbox).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	s.Create("Replaced")
	s.Deliver("Replaced", note("new"), sampleDate)
	s.Create("Added")
	s.Deliver("Added", note("new"), sampleDate)

	dir, unmount = mountOnce(t, s, s.Addr, func(c *mountConfig) { same(c); c.source.mailbox = "Added" })
	shows(t, dir, "new")
	unmount()
	dir, unmount = mountOnce(t, s, s.Addr, same)
	shows(t, dir+"/Added", "new")
	shows(t, dir+"/Replaced", "new")
	eventually(t, func() error {
		if _, err := os.Stat(dir + "/Gone"); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the mailbox that was deleted: %w", err)
		}
		return nil
	})
	unmount()
	dir, unmount = mountOnce(t, s, s.Addr, same)
	shows(t, dir+"/Added", "new")
	eventually(t, func() error {
		logs, err := filepath.Glob(filepath.Join(kept, "*", "*.log"))
		if err == nil && len(logs) != 3 { // Added, Replaced and the account's own
			err = fmt.Errorf("there are logs of %q", logs)
		}
		return err
	})
	unmount()
}

// TestSecondMount does without the cache that another mount has, and says so.
func TestSecondMount(t *testing.T) {
	s := imaptest.Memory(t)
	deliverSamples(s)
	kept := filepath.Join(t.TempDir(), "cache")
	same := func(c *mountConfig) { c.cacheDir = kept }
	first, second := mountAt(t, s, s.Addr, same), mountAt(t, s, s.Addr, same)
	want, got := walk(t, first), walk(t, second)
	if !maps.Equal(want, got) {
		t.Error("the second mount shows other files")
	}
	for dir, text := range map[string]string{first: " index, ", second: "nothing on disk: another mount of the account has the cache"} {
		status, err := os.ReadFile(filepath.Join(dir, ".imapfs", statusFile))
		if err != nil || !strings.Contains(string(status), text) {
			t.Errorf("%v\n%s\nsays nothing of %q", err, status, text)
		}
	}
}

// TestWrongPasswordLater fails the mount although everything is on disk.
func TestWrongPasswordLater(t *testing.T) {
	s := imaptest.Memory(t)
	deliverSamples(s)
	kept := filepath.Join(t.TempDir(), "cache")
	dir, unmount := mountOnce(t, s, s.Addr, func(c *mountConfig) { c.cacheDir = kept })
	walk(t, dir)
	unmount()
	c := newConfig(t, s, s.Addr)
	c.cacheDir = kept
	if err := os.WriteFile(c.passwordFile, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := c.mount(context.Background(), slog.New(slog.DiscardHandler)); !errors.Is(err, cache.ErrPermission) {
		t.Errorf("mounted: %v, %v", m != nil, err)
		if err == nil {
			m.Abandon()
		}
	}
}

// TestUnusableCache mounts all the same.
func TestUnusableCache(t *testing.T) {
	s := imaptest.Memory(t)
	deliverSamples(s)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(t.TempDir(), "shared")
	for what, prepare := range map[string]func(*mountConfig) error{
		"not a directory": func(c *mountConfig) error { c.cacheDir = file; return nil },
		"others may write": func(c *mountConfig) error {
			c.cacheDir = shared
			return errors.Join(os.MkdirAll(filepath.Join(shared, c.source.cacheID()), 0o700), os.Chmod(filepath.Join(shared, c.source.cacheID()), 0o777))
		},
	} {
		dir := mountAt(t, s, s.Addr, func(c *mountConfig) {
			if err := prepare(c); err != nil {
				t.Fatal(err)
			}
		})
		walk(t, dir)
		status, err := os.ReadFile(filepath.Join(dir, ".imapfs", statusFile))
		if err != nil || !strings.Contains(string(status), "nothing on disk: ") {
			t.Errorf("%s: %v\n%s", what, err, status)
		}
	}
}
