package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// deliverNotes puts n messages of two parts into INBOX, with UIDs from 1.
func deliverNotes(s *imaptest.Server, n int) {
	for i := range n {
		s.Deliver("INBOX", imaptest.CRLF(imaptest.Message(
			[]string{fmt.Sprintf("From: Sender %d <s%d@example.org>", i+1, i+1), fmt.Sprintf("Subject: note %d", i+1), "MIME-Version: 1.0"},
			imaptest.Multipart("mixed", imaptest.Text("text/plain", "utf-8", fmt.Sprintf("Text %d\n", i+1)),
				imaptest.Attachment("a.bin", "application/octet-stream", imaptest.Octets(100+i))))), sampleDate)
	}
}

// uidOf is the UID at the end of a message's name, for any path below INBOX.
func uidOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[1][strings.LastIndexByte(parts[1], '_')+1:]
}

// sameBut compares the mount at dir with what a mount on the bare server shows:
// all but the odd messages is the same; of those, message.eml and header.txt are.
func sameBut(t *testing.T, dir string, want map[string]file, bare string, odd map[string]string) {
	t.Helper()
	got := walk(t, dir)
	same := func(path string) bool {
		a, b := got[path], want[path]
		return a.Size == b.Size && a.Sum == b.Sum && a.Mode == b.Mode && a.Mtime.Equal(b.Mtime)
	}
	found := make(map[string]string)
	for path := range got {
		if uid := uidOf(path); uid != "" && odd[uid] != "" {
			if strings.Count(path, "/") == 1 {
				found[uid] = filepath.Join(dir, path)
			}
		} else if _, ok := want[path]; !ok {
			t.Errorf("%s should not be there", path)
		}
	}
	for path, f := range want {
		uid := uidOf(path)
		if odd[uid] == "" {
			if !same(path) {
				t.Errorf("%s is %+v, not %+v", path, got[path], f)
			}
			continue
		}
		if strings.Count(path, "/") != 1 {
			continue
		}
		if found[uid] == "" {
			t.Errorf("%s: message %s is missing", odd[uid], uid)
			continue
		}
		for _, name := range []string{"message.eml", "header.txt"} {
			data, err := os.ReadFile(filepath.Join(found[uid], name))
			real, err2 := os.ReadFile(filepath.Join(bare, path, name))
			if err != nil || err2 != nil || !bytes.Equal(data, real) {
				t.Errorf("%s: %s of message %s has %d bytes, not %d: %v %v", odd[uid], name, uid, len(data), len(real), err, err2)
			}
		}
	}
}

// TestQuirksMounted mounts a mailbox in which every second message has one of
// the quirks: its neighbours suffer nothing, the connections go on, and the
// message itself is there with its bytes.
func TestQuirksMounted(t *testing.T) {
	quirks := imaptest.Quirks()
	s := imaptest.Memory(t)
	deliverNotes(s, 2*len(quirks)+1)
	bare := mountAt(t, s, s.Addr)
	want := walk(t, bare)
	injector := imaptest.Hostile(t, s)
	odd := make(map[string]string)
	for i, q := range quirks {
		odd[fmt.Sprint(2*i+2)] = q.Name
	}
	injector.Use(func(r *imaptest.Response, w io.Writer) error {
		uid := int(r.UID())
		if uid == 0 || uid%2 == 1 {
			return imaptest.Pass(r, w)
		}
		q := quirks[uid/2-1]
		switch {
		case r.Has("ENVELOPE") && !q.OfBody():
			quirk := imaptest.Fit(q.Response, r)
			if uid%4 == 0 { // with all other items beside it, or alone
				quirk = imaptest.Complete(quirk, r)
			}
			_, err := w.Write(quirk)
			return err
		case !r.Has("ENVELOPE") && q.OfBody():
			_, err := w.Write(fitBody(q.Response, r))
			return err
		}
		return imaptest.Pass(r, w)
	})
	begun := time.Now()
	dir := mountAt(t, s, injector.Addr)
	sameBut(t, dir, want, bare, odd)
	t.Logf("%d quirks in %v, %d connections", len(quirks), time.Since(begun), injector.Connections())
	if n := injector.Connections(); n > 4 {
		t.Errorf("%d connections: quirks have ended some", n)
	}
}

var bodyName = regexp.MustCompile(`(?i)\bBODY(\.PEEK)?\[\](<0>)?`)

// fitBody makes a quirk about a BODY[] that is a literal one of the first body
// in r; where it is of another form, the response stays as it is.
func fitBody(quirk string, r *imaptest.Response) []byte {
	name, octets := r.Body()
	if name == "" || !bodyName.MatchString(quirk) || !strings.Contains(quirk, "{5}\r\nhello") {
		return r.Raw
	}
	section := name[len("BODY"):]
	fitted := bodyName.ReplaceAllStringFunc(string(imaptest.Fit(quirk, r)), func(found string) string {
		return found[:strings.IndexByte(found, '[')] + section
	})
	fitted = strings.Replace(fitted, "{5}\r\nhello", fmt.Sprintf("{%d}\r\n%s", len(octets), octets), 1)
	return imaptest.Complete([]byte(fitted), r)
}

// TestDefectsCounted finds in the status how many messages are hard to read, and
// at what.
func TestDefectsCounted(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 5)
	injector := imaptest.Hostile(t, s)
	injector.Use(func(r *imaptest.Response, w io.Writer) error {
		if !r.Has("ENVELOPE") || r.UID() > 2 {
			return imaptest.Pass(r, w)
		}
		_, err := w.Write(imaptest.Complete(imaptest.Fit([]string{"", "* 1 FETCH (UID 1 ENVELOPE NIL)\r\n", "* 1 FETCH (UID 1 ENVELOPE () INTERNALDATE NIL)\r\n"}[r.UID()], r), r))
		return err
	})
	dir := mountAt(t, s, injector.Addr)
	if _, err := os.ReadDir(dir + "/INBOX"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		statusFile: {"5 messages (2 hard to read: date of 1, envelope of 2)"},
		jsonFile:   {`"defects": 2`, `"date": 1`, `"envelope": 2`},
	} {
		data, err := readControl(dir, name)
		for _, s := range want {
			if err != nil || !strings.Contains(string(data), s) {
				t.Errorf("%s lacks %s: %v\n%s", name, s, err, data)
			}
		}
	}
}
