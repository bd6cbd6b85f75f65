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
	"testing"
)

// truth is a line of the corpus's truth.jsonl; its README.md says what means what.
type truth struct {
	Path      string
	Structure struct{ Agree string }
	Parts     []truthPart
}

type truthPart struct {
	Part       string
	CT         string
	Charset    *string
	CTE        *string
	Filename   *string
	Container  bool
	SHA256LF   string `json:"sha256_lf"`
	SHA256CRLF string `json:"sha256_crlf"`
	Ambiguous  []string
	LFByPeer   map[string]string `json:"lf_by_peer"`
}

func (p *truthPart) clear(field string) bool { return !slices.Contains(p.Ambiguous, field) }

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
	messages, parts := 0, 0
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
		compare(t, m, served(raw))
	}
	t.Logf("%d messages, %d parts", messages, parts)
}

// served returns a message as an IMAP server has it: no LF without a CR.
func served(raw []byte) []byte {
	return bytes.ReplaceAll(FoldLines(raw), []byte("\n"), []byte("\r\n"))
}

func compare(t *testing.T, m truth, message []byte) {
	got := Parse(message)
	var want, have []string
	for _, p := range m.Parts {
		want = append(want, p.Part)
	}
	for _, p := range got.Parts {
		have = append(have, p.Section)
	}
	if !slices.Equal(want, have) {
		t.Errorf("%s: STRUCT %s: want %q, got %q", m.Path, m.Structure.Agree, want, have)
		return
	}
	for i, p := range got.Parts {
		w := m.Parts[i]
		if w.clear("ct") && w.CT != p.Type {
			t.Errorf("%s %s: CT want %q, got %q", m.Path, w.Part, w.CT, p.Type)
		}
		if w.clear("filename") {
			switch {
			case w.Filename == nil && p.Named:
				t.Errorf("%s %s: NAME want none, got %q", m.Path, w.Part, p.Name)
			case w.Filename != nil && (!p.Named || *w.Filename != p.Name):
				t.Errorf("%s %s: NAME want %q, got %v %q", m.Path, w.Part, *w.Filename, p.Named, p.Name)
			}
		}
		body := message[got.Bodies[i].Start:got.Bodies[i].End]
		data := Decode(&p, File, body)
		exact := p.Encoding == Base64 || p.Encoding == Binary
		if w.clear("bytes") {
			if sum(FoldLines(data)) != w.SHA256LF {
				t.Errorf("%s %s: BYTES %v %d", m.Path, w.Part, p.Encoding, len(data))
			} else if exact && w.SHA256CRLF != "" && sum(data) != w.SHA256CRLF && len(w.LFByPeer) == 0 {
				t.Errorf("%s %s: CRLF %v %d", m.Path, w.Part, p.Encoding, len(data))
			}
		}
	}
}

func peer(w truthPart, s string) bool {
	for _, p := range w.LFByPeer {
		if p == s {
			return true
		}
	}
	return false
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
