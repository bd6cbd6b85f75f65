package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

var sampleDate = time.Date(2026, 3, 4, 9, 12, 59, 0, time.UTC)

// sampleDateField is for Mailutils, which takes INTERNALDATE from it.
const sampleDateField = "Date: Wed, 04 Mar 2026 09:12:59 +0000"

// misread are the samples of which a server tells something else than the
// message holds, by server.
var misread = map[string][]string{
	// It knows no default type within multipart/digest, and decodes file names
	// itself.
	"memory": {"digest", "encoded names", "hostile names"},
	// A text that is all of an enclosed message ends in a CR that is not its own;
	// a name loses its backslash.
	"courier": {"digest", "two with one subject", "encoded names"},
	// A name ends at NUL. INTERNALDATE is the time of asking where there is no
	// Date field.
	"mailutils": {"hostile names", "folded header", "no header"},
}

// deliverSamples fills INBOX, and returns what an eml-layout mount must show
// there, and what a parts-layout mount must, by path and content.
func deliverSamples(s *imaptest.Server, except ...string) (eml, parts map[string]string) {
	eml, parts = make(map[string]string), make(map[string]string)
	samples := slices.DeleteFunc(imaptest.Samples(), func(one imaptest.Sample) bool { return slices.Contains(except, one.What) })
	for i, one := range samples {
		s.Deliver("INBOX", imaptest.CRLF(one.Raw), sampleDate)
		name := fmt.Sprintf("2026-03-04_0912_%s_%d", one.Slug, i+1)
		eml["INBOX/"+name+".eml"] = sum(imaptest.CRLF(one.Raw))
		for path, data := range one.Files {
			parts["INBOX/"+name+"/"+path] = sum(data)
		}
	}
	return eml, parts
}

// sums leaves of a walk what the truth of the samples tells of.
func sums(found map[string]file) map[string]string {
	got := make(map[string]string)
	for path, f := range found {
		if !f.Mode.IsDir() {
			got[path] = f.Sum
		}
	}
	return got
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] == "" {
			t.Errorf("%s is missing", path)
		} else if got[path] != want[path] {
			t.Errorf("%s has other bytes than it should", path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if want[path] == "" && !strings.HasSuffix(path, "/header.txt") {
			t.Errorf("%s should not be there", path)
		}
	}
}

// TestTree compares both layouts, at the root and below .imapfs, with what the
// samples are known to hold.
func TestTree(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		eml, parts := deliverSamples(s, misread[path.Base(t.Name())]...)
		asParts := mountAt(t, s, s.Addr)
		asEML := mountAt(t, s, s.Addr, func(c *mountConfig) { c.layout = "eml" })
		for dir, want := range map[string]map[string]string{
			asParts: parts, asEML: eml,
			asParts + "/.imapfs/parts": parts, asParts + "/.imapfs/eml": eml,
			asEML + "/.imapfs/parts": parts, asEML + "/.imapfs/eml": eml,
		} {
			compare(t, sums(walk(t, dir)), want)
		}
		for name, want := range eml {
			whole := filepath.Join(asParts, strings.TrimSuffix(name, ".eml"), "message.eml")
			data, err := os.ReadFile(whole)
			if err != nil || sum(data) != want {
				t.Errorf("%s is not the message: %v", whole, err)
			}
		}
		// The control directory is there, but no walk finds it.
		if entries, err := os.ReadDir(asParts); err != nil || len(entries) != 1 {
			t.Errorf("the root lists %v: %v", entries, err)
		}
		if entries, err := os.ReadDir(asParts + "/.imapfs"); err != nil || len(entries) != 4 {
			t.Errorf(".imapfs lists %v: %v", entries, err)
		}
	})
}

// TestInodeOrder lists each directory below the mailbox in the order of its inode
// numbers, by which cp -r and others sort.
func TestInodeOrder(t *testing.T) {
	s := imaptest.Memory(t)
	deliverSamples(s)
	dir := mountAt(t, s, s.Addr)
	for _, layout := range []string{"parts", "eml"} {
		dirs := 0
		err := filepath.WalkDir(filepath.Join(dir, ".imapfs", layout, "INBOX"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			names, err := f.Readdirnames(-1)
			was := uint64(0)
			for _, name := range names {
				var st unix.Stat_t
				if err := unix.Lstat(filepath.Join(path, name), &st); err != nil {
					return err
				}
				if st.Ino <= was {
					t.Errorf("%s: inode %#x of %s comes after %#x", path, st.Ino, name, was)
				}
				was = st.Ino
			}
			dirs++
			return err
		})
		if err != nil || layout == "parts" && dirs < 10 {
			t.Errorf("%s: %d directories, %v", layout, dirs, err)
		}
	}
}

// TestFS runs the standard library's conformance test for file systems.
func TestFS(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		for _, one := range imaptest.Samples()[:12] {
			s.Deliver("INBOX", imaptest.CRLF(one.Raw), sampleDate)
		}
		for _, layout := range []string{"parts", "eml"} {
			dir := mountAt(t, s, s.Addr, func(c *mountConfig) { c.layout = layout })
			if err := fstest.TestFS(os.DirFS(dir), "INBOX"); err != nil {
				t.Errorf("%s: %v", layout, err)
			}
		}
	})
}

// TestRemount finds everything the same at the next mount.
func TestRemount(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		deliverSamples(s, misread[path.Base(t.Name())]...)
		var walks [2]map[string]file
		for i := range walks {
			dir, unmount := mountOnce(t, s, s.Addr)
			walks[i] = walk(t, dir)
			unmount()
		}
		for path, was := range walks[0] {
			is, ok := walks[1][path]
			if !ok || is != was {
				t.Errorf("%s was %+v, is %+v", path, was, is)
			}
		}
		if len(walks[0]) != len(walks[1]) {
			t.Errorf("%d names, then %d", len(walks[0]), len(walks[1]))
		}
	})
}

// TestListEML lists message.eml only where it is asked for.
func TestListEML(t *testing.T) {
	s := imaptest.Memory(t)
	s.Deliver("INBOX", imaptest.CRLF(imaptest.Samples()[0].Raw), sampleDate)
	for _, list := range []bool{false, true} {
		dir := mountAt(t, s, s.Addr, func(c *mountConfig) { c.listEML = list })
		found, err := filepath.Glob(dir + "/INBOX/*/*.eml")
		if err != nil || (len(found) == 1) != list {
			t.Errorf("list-eml %v: %v, %v", list, found, err)
		}
	}
}

// TestTools does to a mount what people do, and checks that nothing was marked
// as read by it.
func TestTools(t *testing.T) {
	onServers(t, func(t *testing.T, start func(testing.TB, ...imaptest.Option) *imaptest.Server) {
		s := start(t)
		deliverSamples(s)
		dir, copies := mountAt(t, s, s.Addr), t.TempDir()
		sh := func(script string) string {
			t.Helper()
			cmd := exec.Command("/bin/sh", "-ec", script)
			cmd.Env = append(os.Environ(), "M="+dir, "C="+copies)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", script, err, out)
			}
			return string(out)
		}
		if out := sh(`grep -rl Hello "$M/INBOX"`); strings.Count(out, "\n") < 3 {
			t.Errorf("grep -r finds %q", out)
		}
		rsyncTwice(t, dir, copies)
		sh(`tar -C "$M" -cf "$C/all.tar" . && mkdir "$C/tar" && tar -C "$C/tar" -xf "$C/all.tar" && diff -r "$M" "$C/tar"`)
		sh(`cp -r "$M/INBOX" "$C/cp" && diff -r "$M/INBOX" "$C/cp"`)
		sh(`find "$M" -ls && du -s "$M" && ls -lR "$M"`)
		if out := sh(`du -s --apparent-size -B1 "$M/INBOX" | cut -f1`); out == "0\n" {
			t.Error("du finds nothing")
		}
		unread(t, s)
	})
}

// rsyncTwice copies both layouts, and fails where the second time finds something
// to do or the copy is another than the mount.
func rsyncTwice(t *testing.T, dir, copies string) {
	t.Helper()
	rsync := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("rsync", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("rsync %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for _, layout := range []string{"parts", "eml"} {
		from, to := dir+"/.imapfs/"+layout+"/", filepath.Join(copies, layout)+"/"
		rsync("-aX", from, to)
		if out := rsync("-aXi", from, to); out != "" {
			t.Errorf("%s: the second rsync finds something to do:\n%s", layout, out)
		}
		if out, err := exec.Command("diff", "-r", from, to).CombinedOutput(); err != nil {
			t.Errorf("%s: the copy differs: %v\n%s", layout, err, out)
		}
	}
}

// unread fails where a message of INBOX was marked as read.
func unread(t *testing.T, s *imaptest.Server) {
	t.Helper()
	client := s.Client()
	if _, err := client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	seen, err := client.UIDSearch(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}, nil).Wait()
	if err != nil || len(seen.AllUIDs()) > 0 {
		t.Errorf("marked as read: %v %v", seen.AllUIDs(), err)
	}
}

// TestXattrs reads the attributes of each kind of file.
func TestXattrs(t *testing.T) {
	s := imaptest.Dovecot(t)
	message := imaptest.Message([]string{"From: a@example.org", "Subject: s", "Message-ID: <1@example.org>", "MIME-Version: 1.0"},
		imaptest.Multipart("mixed", imaptest.Text("text/plain", "iso-8859-1", "x"),
			imaptest.Attachment("a.pdf", "application/pdf", []byte("pdf")).With("Content-ID: <c@example.org>")))
	s.Deliver("INBOX", message, sampleDate, `\Flagged`, `\Answered`)
	dir := mountAt(t, s, s.Addr)
	one := dir + "/INBOX/2026-03-04_0912_a-example-org_s_1"
	ofMessage := map[string]string{
		"user.imap.uid": "1", "user.imap.flags": `\Answered \Flagged`, "user.imap.message_id": "<1@example.org>",
		"user.imap.internaldate": "2026-03-04T09:12:59Z",
	}
	for path, want := range map[string]map[string]string{
		one: ofMessage, one + "/message.eml": ofMessage, dir + "/.imapfs/eml/INBOX/" + filepath.Base(one) + ".eml": ofMessage,
		one + "/header.txt": {"user.imap.uid": ""},
		one + "/body.txt":   {"user.imap.section": "1", "user.imap.charset": "iso-8859-1", "user.mime_type": "text/plain", "user.imap.content_id": ""},
		one + "/a.pdf":      {"user.imap.section": "2", "user.imap.content_id": "<c@example.org>", "user.mime_type": "application/pdf"},
		dir + "/INBOX":      {"user.imap.mailbox": "INBOX", "user.imap.special_use": ""},
	} {
		for name, value := range want {
			if got := attribute(t, path, name); got != value {
				t.Errorf("%s of %s is %q, not %q", name, path, got, value)
			}
		}
	}
	if attribute(t, dir+"/INBOX", "user.imap.uidvalidity") == "" {
		t.Error("a listed mailbox has no UIDVALIDITY")
	}
}

// TestSyncedXattr can be read by name, and stays out of copies.
func TestSyncedXattr(t *testing.T) {
	s := imaptest.Memory(t)
	dir := mountAt(t, s, s.Addr) + "/INBOX"
	if _, err := os.ReadDir(dir); err != nil {
		t.Fatal(err)
	}
	if attribute(t, dir, "user.imap.synced") == "" {
		t.Error("a listing has no age")
	}
	names := make([]byte, 1024)
	n, err := unix.Listxattr(dir, names)
	if err != nil || strings.Contains(string(names[:n]), "synced") || !strings.Contains(string(names[:n]), "user.imap.mailbox") {
		t.Errorf("listed: %q, %v", names[:n], err)
	}
}
