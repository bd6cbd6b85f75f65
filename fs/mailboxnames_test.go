package fs

import (
	"slices"
	"strings"
	"testing"

	"imapfs/cache"
)

func TestMailboxPath(t *testing.T) {
	long := strings.Repeat("ж", 200)
	for _, c := range []struct {
		name  string
		raw   bool
		delim rune
		want  string // components joined by "|"
	}{
		{"INBOX", false, '/', "INBOX"},
		{"inbox", false, '/', "INBOX"},
		{"Inbox.Projects", false, '.', "INBOX|Projects"},
		{"Archive/inbox", false, '/', "Archive|inbox"},
		{"inbox2", false, '/', "inbox2"},
		{"Archive/2019", false, '/', "Archive|2019"},
		{"Archive/2019", false, '.', "Archive%2F2019"},
		{"Archive/2019", false, 0, "Archive%2F2019"},
		{"..", false, '/', "%2E."},
		{".imapfs", false, '/', "%2Eimapfs"},
		{"a.b", false, '/', "a.b"},
		{"a//b/", false, '/', "a|%20|b|%20"},
		{"", false, '/', "%20"},
		{"%20", false, '/', "%2520"},
		{"100%", false, '/', "100%"},
		{"100%/%zz/%4", false, '/', "100%|%zz|%4"},
		{"%41%%4a", false, '/', "%2541%%254a"},
		{"AT&T", false, '/', "AT&T"},
		{"AT&T", true, '/', "AT%26T"},
		{"caf\xe9", true, '/', "caf%E9"},
		{"caf\xe9", false, '/', "caf%E9"},
		{"café", true, '/', "caf%C3%A9"},
		{"café", false, '/', "café"},
		{"cafe\u0301", false, '/', "cafe\u0301"},
		{"plain/caf\xe9", true, '/', "plain|caf%E9"},
		{"a\x00\x1b\x7f\u0085\u2028\u202e", false, '/', "a%00%1B%7F%C2%85%E2%80%A8%E2%80%AE"},
		{"受信箱/📁 новый", false, '/', "受信箱|📁 новый"},
		{"2026-03-04_0912_Alice_Hi_4711", false, '/', "2026-03-04_0912_Alice_Hi%5F4711"},
		{"2026-03-04_0912_Alice_Hi_4711.eml", false, '/', "2026-03-04_0912_Alice_Hi%5F4711.eml"},
		{"2026-03-04_0912_Alice_Hi%5F4711", false, '/', "2026-03-04_0912_Alice_Hi%255F4711"},
		{"Projects_2", false, '/', "Projects_2"},
		{long, false, '/', long[:222] + "~baf72f2a7ddc9e009f4e800ab362eafd"},
		{long[:222] + "~baf72f2a7ddc9e009f4e800ab362eafd", false, '/', long[:222] + "~3091a9da62efff11aed5576aa4d2ff33"},
		{strings.Repeat("a/", maxLevels-1) + "b/%2F/c.", false, '/', strings.Repeat("a|", maxLevels-1) + "b%2F%252F%2Fc."},
		{"a~7dff2e12f8c50caf60c2fc5a8a97abcc", false, '/', "a%7E7dff2e12f8c50caf60c2fc5a8a97abcc"},
	} {
		m := &cache.Mailbox{Name: c.name, Raw: c.raw, Delimiter: c.delim}
		if got := strings.Join(mailboxPath(m), "|"); got != c.want {
			t.Errorf("mailboxPath(%q, raw %v, %q) =\n     %q\nwant %q", c.name, c.raw, c.delim, got, c.want)
		}
		if m.Name != c.name {
			t.Errorf("mailboxPath changed %q", c.name)
		}
	}
}

// checkPath fails unless the path leads to one place below the mount, which
// hides neither a message nor a view.
func checkPath(t *testing.T, path []string) {
	t.Helper()
	for _, s := range path {
		if s == "" || len(s) > maxComponent || s[0] == '.' || strings.ContainsAny(s, "/\x00") ||
			strings.ContainsFunc(s, control) || looksLikeMessage(s) {
			t.Errorf("component %q of %q", s, path)
		}
	}
}

func FuzzMailboxPath(f *testing.F) {
	long := strings.Repeat("%41", 90)
	for _, pair := range [][2]string{
		{"a/b", "a%2Fb"}, {"a//b", "a/%20/b"}, {".", "%2E"}, {"x\x00", "x%00"}, {"caf\xe9", "caf%E9"},
		{"2026-03-04_0912_a_b_1", "2026-03-04_0912_a_b%5F1"}, {long, long + "x"}, {"\u0085", "\xc2\x85"},
		{"INBOX/a", "inbox/a"}, {strings.Repeat("a/", 64) + "b", strings.Repeat("a/", 63) + "a%2Fb"}, {strings.Repeat("/", 70), strings.Repeat(".", 70)},
		{"\x01", "%01"}, {"%", "%%"}, {"é", "e\u0301"},
	} {
		for modes := range uint8(8) {
			f.Add(pair[0], pair[1], modes)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string, modes uint8) {
		delim := []rune{0, '/', '.', '%'}[modes>>2&3]
		m1 := &cache.Mailbox{Name: a, Raw: modes&1 != 0, Delimiter: delim}
		m2 := &cache.Mailbox{Name: b, Raw: modes&2 != 0, Delimiter: delim}
		p1, p2 := mailboxPath(m1), mailboxPath(m2)
		checkPath(t, p1)
		checkPath(t, p2)
		if slices.Equal(p1, p2) && !same(m1, m2) {
			t.Errorf("%q raw %v and %q raw %v, delimiter %q: both %q", a, m1.Raw, b, m2.Raw, delim, p1)
		}
		// A mailbox's own cut or escaped name is another mailbox.
		m3 := &cache.Mailbox{Name: strings.Join(p1, string(delim))}
		if delim != 0 && delim != '%' && !slices.Contains(p1, emptyComponent) {
			m3.Delimiter = delim
			if slices.Equal(mailboxPath(m3), p1) && !same(m1, m3) {
				t.Errorf("%q and %q: both %q", a, m3.Name, p1)
			}
		}
	})
}

// same reports whether a server can mean but one mailbox by both. A name without
// anything that is written in another way when raw is the same octets either way.
func same(a, b *cache.Mailbox) bool {
	name := foldInbox(a)
	return name == foldInbox(b) && (a.Raw == b.Raw ||
		escape(name, true) == escape(name, false) && !strings.ContainsFunc(name, control))
}

func foldInbox(m *cache.Mailbox) string {
	first, rest := m.Name, ""
	if m.Delimiter != 0 {
		if at := strings.IndexRune(m.Name, m.Delimiter); at >= 0 {
			first, rest = m.Name[:at], m.Name[at:]
		}
	}
	if strings.EqualFold(first, "INBOX") {
		first = "INBOX"
	}
	return first + rest
}
