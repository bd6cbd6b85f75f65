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

// exceptions are where the mount differs from the truth, by path and section,
// behind the name of the server if it is one's reading.
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

	"cyrus messages/stalwartlabs_mail-parser/0020.eml 1.1": twoTypes,
	"cyrus messages/stalwartlabs_mail-parser/0020.eml 1.2": twoTypes,
	"cyrus messages/stalwartlabs_mail-parser/0021.eml 1.1": twoTypes,
	"cyrus messages/stalwartlabs_mail-parser/0021.eml 1.2": twoTypes,
	"cyrus messages/deb_python3.11/0038.eml 1.2":           outerBoundary,
	"cyrus messages/deb_python3.11/0038.eml 3":             outerBoundary,
}

const (
	encodedMessage = "a message/rfc822 in base64 is one file, decoded: the sections in it are of the encoded text"
	noBase64       = "base64 of 45 digits: Python leaves it encoded, here it is decoded as far as it goes"
	unparsed       = "Dovecot does not parse the field that has the name, so its BODYSTRUCTURE has none"
	twoTypes       = "of two Content-Type fields Cyrus takes the last"
	outerBoundary  = "of a multipart whose boundaries stand in its parts' text Cyrus makes other parts"
)

// corpusRefusals are the answers of servers to messages that they do not take.
var corpusRefusals = []string{"Message contains invalid header", "Message contains NUL characters"}

// TestCorpus mounts real and hostile messages on a Dovecot and a Cyrus, and
// compares every file with the ground truth.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("IMAPFS_CORPUS")
	if corpus == "" {
		t.Skip("TestCorpus needs IMAPFS_CORPUS")
	}
	truths := readTruths(t, corpus)
	for name, start := range map[string]func(testing.TB, ...imaptest.Option) *imaptest.Server{
		"dovecot": imaptest.Dovecot, "cyrus": imaptest.Cyrus,
	} {
		t.Run(name, func(t *testing.T) {
			checkCorpus(t, start(t), name, corpus, truths)
		})
	}
}

func readTruths(t *testing.T, corpus string) (all []*truth) {
	f, err := os.Open(filepath.Join(corpus, "truth.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		one := new(truth)
		if err := json.Unmarshal(lines.Bytes(), one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func checkCorpus(t *testing.T, s *imaptest.Server, server, corpus string, all []*truth) {
	t.Helper()
	byDate := make(map[string]*truth)
	date := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, one := range all {
		message, err := os.ReadFile(filepath.Join(corpus, one.Path))
		if err != nil {
			t.Fatal(err)
		}
		date = date.Add(time.Minute)
		if err := s.Offer("INBOX", message, date); err == nil {
			byDate[date.Format("2006-01-02_1504")] = one
		} else if !slices.ContainsFunc(corpusRefusals, func(r string) bool { return strings.Contains(err.Error(), r) }) {
			t.Fatalf("%s: %v", one.Path, err)
		}
	}
	if len(byDate) < len(all)*9/10 {
		t.Errorf("the server takes only %d messages of %d", len(byDate), len(all))
	}

	dir := mountAt(t, s, s.Addr)
	walk(t, dir)
	messages, err := os.ReadDir(filepath.Join(dir, "INBOX"))
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) != len(byDate) {
		t.Errorf("%d messages of %d are listed", len(messages), len(byDate))
	}
	for _, m := range messages {
		one := byDate[m.Name()[:len("2006-01-02_1504")]]
		if one == nil {
			t.Errorf("%s: no such date", m.Name())
			continue
		}
		checkMessage(t, filepath.Join(dir, "INBOX", m.Name()), server, one)
	}
}

func checkMessage(t *testing.T, dir, server string, one *truth) {
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
		at := one.Path + " " + p.Part
		if exceptions[at] != "" || exceptions[server+" "+at] != "" {
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
