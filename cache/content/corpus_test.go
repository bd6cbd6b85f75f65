package content

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exceptions are what Parse does otherwise than the truth says, by path and
// section, each with its reason.
var exceptions = map[string]string{
	"messages/mailcore_mailcore2/0153.eml":          "multiparts that all have one boundary: the innermost gets it, as in Dovecot; inner parts were lost otherwise",
	"messages/zbateson_mail-mime-parser/0017.eml 4": "a raw windows-1252 name: GMime and Parse read it, the others put U+FFFD",
	"messages/webklex_php-imap/0006.eml 2":          "base64 of 45 digits: Python, the only reader, leaves it encoded; 33 octets and a rest are better",
	"messages/ddeboer_imap/0005.eml 2":              "as webklex_php-imap/0006",
	"messages/gomod_go-message_inline/0017.eml 1":   "begins with a line that is no field: Dovecot and Parse read the fields after it",
	"messages/inline_mox/0009.eml 1":                "as go-message_inline/0017",
	"messages/jhillyerd_enmime/0053.eml 1":          "no blank line between header and first boundary: type as in Dovecot",
}

// truth is a line of the corpus's truth.jsonl; its README.md says what means what.
type truth struct {
	Path      string
	Structure struct{ Agree string }
	Parts     []truthPart
}

type truthPart struct {
	Part       string
	CT         string
	Filename   *string
	Container  bool
	CTE        *string
	SHA256LF   string `json:"sha256_lf"`
	SHA256CRLF string `json:"sha256_crlf"`
	Ambiguous  []string
	LFByPeer   map[string]string `json:"lf_by_peer"`
}

func (p *truthPart) clear(field string) bool { return !slices.Contains(p.Ambiguous, field) }

func (p *truthPart) encoded() bool {
	return p.Container && p.CTE != nil && parseEncoding(*p.CTE) >= Base64
}

func TestCorpus(t *testing.T) {
	dir := os.Getenv("IMAPFS_CORPUS")
	if dir == "" {
		t.Skip("IMAPFS_CORPUS is not set: no corpus to compare with")
	}
	f, err := os.Open(filepath.Join(dir, "truth.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	messages, parts, excepted := 0, 0, 0
	for lines.Scan() {
		var m truth
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Structure.Agree) < 2 {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, m.Path))
		if err != nil {
			t.Fatal(err)
		}
		messages++
		parts += len(m.Parts)
		for where, what := range m.compare(served(raw)) {
			if exceptions[where] == "" {
				t.Errorf("%s: %s", where, what)
			}
			excepted++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages, %d parts, %d exceptions", messages, parts, excepted)
}

// served returns a message as an IMAP server has it: no LF without a CR.
func served(raw []byte) []byte {
	return bytes.ReplaceAll(FoldLines(raw), []byte("\n"), []byte("\r\n"))
}

// compare returns what differs, by path and section.
func (m *truth) compare(message []byte) map[string]string {
	differ := map[string]string{}
	got := Parse(message)
	var want []truthPart
	var sections, wanted []string
	leaf := "" // an enclosed message that is itself encoded: one file for us
	for _, p := range m.Parts {
		if leaf != "" && strings.HasPrefix(p.Part, leaf) {
			continue
		}
		if p.encoded() {
			leaf = p.Part + "."
		}
		want = append(want, p)
		wanted = append(wanted, p.Part)
	}
	for _, p := range got.Parts {
		sections = append(sections, p.Section)
	}
	if !slices.Equal(wanted, sections) {
		differ[m.Path] = "parts " + strings.Join(sections, " ") + ", want " + strings.Join(wanted, " ")
		return differ
	}
	for i := range got.Parts {
		body := message[got.Bodies[i].Start:got.Bodies[i].End]
		if s := want[i].compare(&got.Parts[i], body, m.Structure.Agree); s != "" {
			differ[m.Path+" "+want[i].Part] = s
		}
	}
	return differ
}

func (w *truthPart) compare(p *Part, body []byte, agree string) string {
	// A multipart without parts is text for us, as for IMAP servers.
	whole := p.Type == "text/plain" && strings.HasPrefix(w.CT, "multipart/")
	if w.clear("ct") && w.CT != p.Type && !whole {
		return "type " + p.Type + ", want " + w.CT
	}
	// Names come from two readers; where only the other two agree on the parts,
	// none are known.
	if w.clear("filename") && (strings.Contains(agree, "P") || w.Filename != nil) {
		if p.Named != (w.Filename != nil) || p.Named && p.Name != *w.Filename {
			return "name " + p.Name
		}
	}
	if !w.clear("bytes") {
		return ""
	}
	data := p.Encoding.decode(body)
	folded := sum(FoldLines(data))
	right := []string{w.SHA256LF}
	for _, s := range w.LFByPeer {
		right = append(right, s)
	}
	if sum(data) != w.SHA256CRLF && !slices.Contains(right, folded) {
		return "octets differ"
	}
	return ""
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
