package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imapfs/imapbackend/imaptest"
)

// truth is a line of truth.jsonl: what independent readers agree on.
type truth struct {
	Path      string
	SHA       string `json:"sha256_crlf"`
	Structure struct{ Agree string }
	Ambiguous bool
	Differs   bool `json:"server_bytes_differ"`
	Parts     []truthPart
}

type truthPart struct {
	Part, CT, CTE, Filename string
	Charset                 string
	Container               bool
	Size                    int64  `json:"size_crlf"`
	SHA                     string `json:"sha256_crlf"`
	LF                      string `json:"sha256_lf"`
	Ambiguous               []string
}

// exceptions are where the mount differs from the truth, by path and section.
var exceptions = map[string]string{
	"messages/apache_james-mime4j/0047.eml 1.1": encodedMessage,
	"messages/apache_james-mime4j/0085.eml 1.1": encodedMessage,
	"messages/apache_james-mime4j/0090.eml 1.1": encodedMessage,
	"messages/ikvk_imap_tools/0004.eml 2.1":     encodedMessage,
	"messages/ikvk_imap_tools/0004.eml 3.1":     encodedMessage,
	"messages/webklex_php-imap/0006.eml 2":      noBase64,
	"messages/ddeboer_imap/0005.eml 2":          noBase64,
	"messages/apache_spamassassin/0163.eml 2":   unparsed,
	"messages/inline_cpython/0088.eml 1":        unparsed,
}

const (
	encodedMessage = "a message/rfc822 in base64 is one file, decoded: the sections in it are of the encoded text"
	noBase64       = "base64 of 45 digits: Python leaves it encoded, here it is decoded as far as it goes"
	unparsed       = "Dovecot does not parse the field that has the name, so its BODYSTRUCTURE has none"
)

// TestCorpus mounts real and hostile messages on a Dovecot, and compares every
// file with the ground truth.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("IMAPFS_CORPUS")
	if corpus == "" {
		t.Skip("TestCorpus needs IMAPFS_CORPUS")
	}
	f, err := os.Open(filepath.Join(corpus, "truth.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := imaptest.Dovecot(t)
	truths := make(map[string]*truth)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	date := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for lines.Scan() {
		one := new(truth)
		if err := json.Unmarshal(lines.Bytes(), one); err != nil {
			t.Fatal(err)
		}
		message, err := os.ReadFile(filepath.Join(corpus, one.Path))
		if err != nil {
			t.Fatal(err)
		}
		date = date.Add(time.Minute)
		s.Deliver("INBOX", message, date)
		truths[date.Format("2006-01-02_1504")] = one
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}

	dir := mountAt(t, s, s.Addr)
	walk(t, dir)
	messages, err := os.ReadDir(filepath.Join(dir, "INBOX"))
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) != len(truths) {
		t.Errorf("%d messages of %d are listed", len(messages), len(truths))
	}
	for _, m := range messages {
		one := truths[m.Name()[:len("2006-01-02_1504")]]
		if one == nil {
			t.Errorf("%s: no such date", m.Name())
			continue
		}
		checkMessage(t, filepath.Join(dir, "INBOX", m.Name()), one)
	}
}

func checkMessage(t *testing.T, dir string, one *truth) {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join(dir, "message.eml"))
	if err != nil {
		t.Error(err)
		return
	}
	if sum(whole) != one.SHA && !one.Differs {
		t.Errorf("%s: message.eml is not the message", one.Path)
	}
	if !strings.Contains(one.Structure.Agree, "D") || len(one.Structure.Agree) < 2 {
		return // the structure itself is in dispute, or the server's reading is
	}
	sections := make(map[string]string)
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if section := attribute(t, path, "user.imap.section"); section != "" && d.Name() != "message.eml" {
			sections[section] = path
		}
		return err
	})
	for _, p := range one.Parts {
		path := sections[p.Part]
		if exceptions[one.Path+" "+p.Part] != "" {
			continue
		}
		if path == "" {
			t.Errorf("%s: part %s is missing", one.Path, p.Part)
			continue
		}
		checkPart(t, path, one, &p)
	}
}

func checkPart(t *testing.T, path string, one *truth, p *truthPart) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if info.IsDir() {
		path = filepath.Join(path, "message.eml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	if !slices.Contains(p.Ambiguous, "bytes") && !slices.Contains(p.Ambiguous, "cte") && !one.Differs {
		lf := sum(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
		if lf != p.LF && sum(data) != p.SHA && !converted(path, p, data) {
			t.Errorf("%s part %s (%s, %s, %s): %d bytes that are not the part's %d", one.Path, p.Part, p.CT, p.CTE, p.Charset, len(data), p.Size)
		}
	}
	if p.Filename != "" && plain(p.Filename) && !slices.Contains(p.Ambiguous, "filename") && !info.IsDir() {
		got := filepath.Base(path)
		stem := strings.TrimSuffix(p.Filename, filepath.Ext(p.Filename))
		if got != p.Filename && !strings.HasPrefix(got, stem+" (") {
			t.Errorf("%s part %s is called %q, not %q", one.Path, p.Part, got, p.Filename)
		}
	}
}

// converted reports whether a file shows text in another charset than the
// part has, or has what is not of that charset replaced, so that the truth about
// the part's bytes cannot be compared.
func converted(path string, p *truthPart, data []byte) bool {
	name := filepath.Base(path)
	return strings.HasPrefix(p.CT, "text/") && p.Filename == "" &&
		(name == "body.txt" || name == "body.html" || strings.HasPrefix(name, "part-")) &&
		(!strings.EqualFold(p.Charset, "utf-8") || bytes.ContainsRune(data, utf8.RuneError))
}

// plain reports whether a file name needs no change to be one here.
func plain(name string) bool {
	return len(name) <= 200 && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' || r == '/' || r == utf8.RuneError || r == 0x7f
	}) && strings.TrimSpace(name) == name && strings.TrimLeft(name, ".-") == name
}
