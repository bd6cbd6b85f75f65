package fs

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"imapfs/cache"
)

var march = time.Date(2026, 3, 4, 10, 12, 59, 0, time.FixedZone("", 3600))

func TestMessageName(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, c := range []struct {
		date          time.Time
		from, subject string
		uid           uint32
		want          string
	}{
		{march, "Alice Smith", "Q1 report", 4711, "2026-03-04_0912_Alice-Smith_Q1-report_4711"},
		{march, "alice@example.org", "Re: [x] a_b/c ", 1, "2026-03-04_0912_alice-example-org_Re-x-a-b-c_1"},
		{time.Time{}, "", "", 1<<32 - 1, "0000-00-00_0000_no-sender_no-subject_4294967295"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "a", "b", 1, "0000-00-00_0000_a_b_1"},
		{time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)), "a", "b", 1, "0000-00-00_0000_a_b_1"},
		{time.Date(0, 1, 1, 1, 0, 0, 0, time.FixedZone("", 7200)), "a", "b", 1, "0000-00-00_0000_a_b_1"},
		{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "a", "b", 1, "0000-01-01_0000_a_b_1"},
		{march, "🎉🎉", "❤\ufe0f 1\ufe0f\u20e3", 2, "2026-03-04_0912_no-sender_1\ufe0f\u20e3_2"},
		{march, "\u0301a", "❤\ufe0f", 2, "2026-03-04_0912_a_no-subject_2"},
		{march, "a\u0308", "- -", 2, "2026-03-04_0912_ä_no-subject_2"},
		{march, "नमस्ते दुनिया", "مرحبا بالعالم ٣", 2, "2026-03-04_0912_नमस्ते-दुनिया_مرحبا-بالعالم-٣_2"},
		{march, "می\u200cخواهم", "二〇二六年 Ⅳ ½", 2, "2026-03-04_0912_می-خواهم_二〇二六年-Ⅳ_2"},
		{march, "a\xffb", "\x00\u202e../..", 2, "2026-03-04_0912_a-b_no-subject_2"},
		{march, "a", long, 7, "2026-03-04_0912_a_" + long[:180] + "_7"},
		{march, long, long, 1<<32 - 1, "2026-03-04_0912_" + long[:100] + "_" + long[:72] + "_4294967295"},
		{march, "a", strings.Repeat("b", 179) + " ccc", 12, "2026-03-04_0912_a_" + strings.Repeat("b", 179) + "_12"},
	} {
		m := &cache.Message{UID: c.uid, Date: c.date, From: c.from, Subject: c.subject}
		if got := MessageName(m); got != c.want {
			t.Errorf("MessageName(%q, %q) = %q, want %q", c.from, c.subject, got, c.want)
		}
	}
}

func TestParseMessageName(t *testing.T) {
	for _, c := range []struct {
		name string
		uid  uint32
	}{
		{"2026-03-04_0912_Alice-Smith_Q1-report_4711", 4711},
		{"0000-00-00_0000_no-sender_no-subject_4294967295", 4294967295},
		{"2026-03-04_0912_a_b_4294967296", 0},
		{"2026-03-04_0912_a_b_0", 0},
		{"2026-03-04_0912_a_b_01", 0},
		{"2026-03-04_0912_a_b_+1", 0},
		{"2026-03-04_0912_a_b_", 0},
		{"2026-03-04_0912_a_b_1.eml", 0},
		{"2026-03-04_0912_a__1", 0},
		{"2026-03-04_0912_a_b_c_1", 0},
		{"2026-03-04_0912_b_1", 0},
		{"2026-03-04_912_a_b_1", 0},
		{"2026/03/04_0912_a_b_1", 0},
		{"٢٠٢٦-03-04_0912_a_b_1", 0},
		{"Projects_2", 0},
		{"1", 0},
		{"", 0},
	} {
		uid, ok := parseMessageName(c.name)
		if uid != c.uid && ok || ok != (c.uid != 0) {
			t.Errorf("parseMessageName(%q) = %d, %v", c.name, uid, ok)
		}
		if looksLikeMessage(c.name+".eml") != ok {
			t.Errorf("looksLikeMessage(%q) = %v", c.name+".eml", !ok)
		}
	}
}

func FuzzMessageName(f *testing.F) {
	f.Add("Alice Smith", "Q1 report", int64(1772615579), uint32(4711))
	f.Add("a\u0308\u200d", "\u0301❤\ufe0f\xff__/..", int64(-1<<62), uint32(1))
	f.Add(strings.Repeat("नमस्ते ", 40), strings.Repeat("\u0301", 500), int64(1<<40), uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, from, subject string, date int64, uid uint32) {
		if uid == 0 {
			return
		}
		m := &cache.Message{UID: uid, Date: time.Unix(date, 0), From: from, Subject: subject}
		name := MessageName(m)
		if len(name) > maxName || !utf8.ValidString(name) || !norm.NFC.IsNormalString(name) {
			t.Errorf("%q: %d bytes", name, len(name))
		}
		if got, ok := parseMessageName(name); !ok || got != uid {
			t.Errorf("parseMessageName(%q) = %d, %v, want %d", name, got, ok, uid)
		}
		if !strings.HasSuffix(name, "_"+strconv.Itoa(int(uid))) {
			t.Errorf("%q does not end with UID %d", name, uid)
		}
		last := '_'
		for _, r := range name {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.Nl, r):
			case (r == '-' || r == '_' || unicode.IsMark(r)) && last != '-' && last != '_':
			default:
				t.Errorf("%q: %U after %U", name, r, last)
			}
			last = r
		}
		if strings.Contains(name, "-_") {
			t.Errorf("%q: a dash at the end of a field", name)
		}
	})
}
