package demo

import (
	"bytes"
	"io"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
)

// TestLetters reads every letter with go-message, and finds what was written.
func TestLetters(t *testing.T) {
	for _, m := range mailboxes() {
		last := time.Time{}
		for _, l := range m.letters {
			if l.time().Before(last) || l.time().IsZero() {
				t.Errorf("%s: %q of %q is no date, or out of order", m.name, l.date, l.subject)
			}
			last = l.time()
			check(t, &l)
		}
	}
	now := time.Date(2026, 11, 22, 23, 59, 58, 0, time.UTC)
	for _, n := range notes {
		l := n.letter(now)
		check(t, l)
		if !bytes.Contains(l.message(), []byte("23:59:58")) {
			t.Errorf("%q does not tell the time", l.subject)
		}
	}
}

func check(t *testing.T, l *letter) {
	t.Helper()
	raw := l.message()
	if bytes.Count(raw, []byte("\n")) != bytes.Count(raw, []byte(crlf)) || bytes.Count(raw, []byte("\r")) != bytes.Count(raw, []byte(crlf)) {
		t.Errorf("%q has line ends that are not CRLF", l.subject)
	}
	for line := range bytes.Lines(raw) {
		if len(line) > 998+len(crlf) { // RFC 5322, section 2.1.1
			t.Errorf("%q has a line of %d octets", l.subject, len(line))
		}
	}
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("%q: %v", l.subject, err)
		return
	}
	if subject, err := r.Header.Subject(); err != nil || subject != l.subject {
		t.Errorf("the subject is %q, not %q: %v", subject, l.subject, err)
	}
	from, err := r.Header.AddressList("From")
	if err != nil || len(from) != 1 || !strings.HasPrefix(l.from, from[0].Name) || !strings.Contains(l.from, from[0].Address) {
		t.Errorf("the sender of %q is %v, not %s: %v", l.subject, from, l.from, err)
	}
	if _, err := r.Header.AddressList("To"); err != nil {
		t.Errorf("the recipient of %q: %v", l.subject, err)
	}
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Errorf("%q: %v", l.subject, err)
			break
		}
		if data, err := io.ReadAll(part.Body); err != nil || len(data) == 0 {
			t.Errorf("%q has a part of %d octets: %v", l.subject, len(data), err)
		}
	}
}

// TestParameter reads file names back.
func TestParameter(t *testing.T) {
	for _, test := range []struct{ name, begins string }{
		{"Q1 report.pdf", `filename="Q1 report.pdf"`},
		{"50%.pdf", "filename*=utf-8''50%25.pdf"},
		{"Grüße.pdf", "filename*=utf-8''Gr%C3%BC"},
		{"予約確認書 二〇二六年十一月 竹の間.pdf", "filename*0*=utf-8''%E4"},
		{strings.Repeat("é", 200) + ".pdf", "filename*0*="},
		{"ab" + strings.Repeat("é", 200), "filename*0*="},
	} {
		p := parameter(test.name)
		_, params, err := mime.ParseMediaType("attachment; " + strings.ReplaceAll(p, crlf, ""))
		if err != nil || params["filename"] != test.name || !strings.HasPrefix(p, test.begins) {
			t.Errorf("%s is written as %s and read as %q: %v", test.name, p, params["filename"], err)
		}
		for line := range strings.SplitSeq(p, crlf) {
			if len(line) > 76 {
				t.Errorf("%s has a line of %d octets", test.name, len(line))
			}
		}
	}
}

// TestCharsets turns all text in old charsets into them and back.
func TestCharsets(t *testing.T) {
	for c, s := range map[*charset]string{latin1: "Grüße", koi8r: "Привет", iso2022jp: "日本 a 日本"} {
		code := c.encode(s)
		back, err := c.encoding.NewDecoder().String(code)
		if err != nil || back != s || code == s {
			t.Errorf("%s: %q is encoded as %q: %v", c.name, s, code, err)
		}
		if c == iso2022jp && !strings.HasSuffix(code, "\x1b(B") {
			t.Errorf("%s: %q does not return to ASCII", c.name, code)
		}
	}
}
