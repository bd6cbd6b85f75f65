package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// TestParallelTars reads all of a mount eight times at once, over few
// connections, and over fewer than were asked for.
func TestParallelTars(t *testing.T) {
	for _, one := range []struct {
		name        string
		connections int
		allowed     string // by the server
	}{
		{"two connections", 2, ""},
		{"four connections", 4, ""},
		{"four wanted, two allowed", 4, "mail_max_userip_connections = 2"},
		{"four wanted, one allowed", 4, "mail_max_userip_connections = 1"},
	} {
		t.Run(one.name, func(t *testing.T) {
			s := imaptest.Dovecot(t, imaptest.WithMailboxes("A", "B", "C"), imaptest.WithConfig(one.allowed))
			deliverSamples(s)
			for i := range 100 {
				parts := []imaptest.Entity{imaptest.Text("text/plain", "utf-8", strings.Repeat("text ", i))}
				if i%40 == 0 {
					parts = append(parts, imaptest.Attachment("large.bin", "application/octet-stream", imaptest.Octets(3<<19+i)))
				}
				message := imaptest.Message([]string{"From: a@example.org", fmt.Sprintf("Subject: number %d", i), "MIME-Version: 1.0"}, imaptest.Multipart("mixed", parts...))
				s.Deliver([]string{"A", "B", "C"}[i%3], message, sampleDate)
			}
			want := make(map[string]map[string]content)
			calm, unmount := mountOnce(t, s, s.Addr, func(c *mountConfig) { c.maxConnections = 1 })
			for _, top := range []string{".", emlView} {
				var err error
				if want[top], err = read(filepath.Join(calm, top)); err != nil {
					t.Fatal(err)
				}
			}
			unmount()

			line := imaptest.Proxy(t, s.Addr)
			dir := mountAt(t, s, line.Addr, func(c *mountConfig) {
				c.maxConnections, c.memory, c.cacheDir = one.connections, "1MiB", noCache
			})
			var tars sync.WaitGroup
			for i := range 8 {
				top := []string{".", emlView}[i%2]
				tars.Go(func() {
					if err := tarOf(filepath.Join(dir, top), want[top]); err != nil {
						t.Errorf("tar %d: %v", i, err)
					}
				})
			}
			tars.Wait()
			status := works(t, "status", dir)
			if strings.Contains(status, "does not let") {
				t.Errorf("the limit is taken for a wrong password:\n%s", status)
			}
			if _, err := os.ReadDir(dir + "/A"); err != nil {
				t.Error(err)
			}
			if n := line.Connections(); n > 20 {
				t.Errorf("%d connections have been made", n)
			}
		})
	}
}

// tarOf compares what tar reads of a directory with the truth.
func tarOf(dir string, want map[string]content) error {
	cmd := exec.Command("tar", "-C", dir, "-cf", "-", ".")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	got, err := contents(out)
	if ended := cmd.Wait(); ended != nil {
		return fmt.Errorf("%w: %s", ended, complaints.Bytes())
	}
	if err == nil {
		err = same(got, want)
	}
	if err == nil && len(got) != len(want) {
		err = fmt.Errorf("%d files, not %d", len(got), len(want))
	}
	return err
}

// contents reads an archive.
func contents(archive io.Reader) (map[string]content, error) {
	got := make(map[string]content)
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the archive is broken: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		got[path.Clean(h.Name)] = describe(data)
	}
}
