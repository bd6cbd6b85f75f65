package guard

import (
	"slices"
	"strings"
	"time"

	"imapfs/cache/content"
)

// interned are strings that most summaries have, so that a listing of 100,000
// messages holds each once. System flags are in their usual case.
var interned = func() map[string]string {
	m := make(map[string]string)
	for _, s := range []string{
		`\Answered`, `\Deleted`, `\Draft`, `\Flagged`, `\Seen`,
		"$Forwarded", "$Junk", "$NotJunk", "$MDNSent", "$Phishing", "Junk", "NonJunk",
		"text/plain", "text/html", "text/calendar", "text/csv", "message/rfc822", "message/delivery-status",
		"application/pdf", "application/octet-stream", "application/zip", "application/pgp-signature",
		"application/pkcs7-signature", "image/png", "image/jpeg", "image/gif",
		"inline", "attachment", "1", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "3", "4",
		"utf-8", "UTF-8", "us-ascii", "US-ASCII", "iso-8859-1", "ISO-8859-1", "windows-1252",
	} {
		m[s] = s
		if s[0] == '\\' {
			m[strings.ToLower(s)], m[strings.ToUpper(s)] = s, s
		}
	}
	return m
}()

// longestInterned bounds what is looked for among them.
const longestInterned = len("application/pkcs7-signature")

// intern returns b as valid UTF-8.
func intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) <= longestInterned {
		if s, ok := interned[string(b)]; ok {
			return s
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// flags returns a flag list sorted, without duplicates and \Recent, which
// belongs to the session and not to the message.
func (x *lexer) flags(n int32) []string {
	count := 0
	for f := x.child(n); f != none && count < maxFlags; f = x.next(f) {
		count++
	}
	flags := make([]string, 0, count)
	for f := x.child(n); f != none && len(flags) < maxFlags; f = x.next(f) {
		b := x.text(f)
		if len(b) == 0 || len(b) > maxFlag || equalFold(b, `\RECENT`) {
			continue
		}
		flags = append(flags, intern(b))
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}

// labels returns Gmail's labels, decoded to UTF-8, which they are in already
// under UTF8=ACCEPT. System labels begin with a backslash, as flags do.
func (x *lexer) labels(n int32, isUTF8 bool) []string {
	var labels []string
	for l := x.child(n); l != none && len(labels) < maxLabels; l = x.next(l) {
		b := x.text(l)
		if len(b) == 0 || len(b) > maxLabel {
			continue
		}
		label, ok := decodeUTF7(b)
		if !ok || isUTF8 {
			label = string(b)
		}
		labels = append(labels, visible(label))
	}
	return labels
}

// dateLayouts are the forms of INTERNALDATE that servers have sent; only the
// first is allowed (RFC 9051, date-time).
var dateLayouts = [...]string{
	"_2-Jan-2006 15:04:05 -0700",
	"2-Jan-2006 15:04:05",
	"2-Jan-2006 15:04:05 -07:00",
	"2-Jan-06 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04:05 -0700",
	"2 Jan 2006 15:04:05 -0700",
	time.RFC3339,
}

// zones are the names that RFC 5322, section 4.3 has for zones: servers still
// use them, and Go knows only those of the machine.
var zones = map[string]string{
	"UT": "+0000", "UTC": "+0000", "GMT": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500",
	"MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

// date returns a date-time in UTC. The years of RFC 9051 have four digits.
func (x *lexer) date(n int32) (time.Time, bool) {
	b := x.text(n)
	if len(b) > 64 {
		return time.Time{}, false
	}
	if t, ok := plainDate(b); ok {
		return t, true
	}
	s := strings.TrimSpace(string(b))
	if i := strings.IndexByte(s, '('); i > 0 { // a comment
		s = strings.TrimSpace(s[:i])
	}
	if i := strings.LastIndexByte(s, ' '); i > 0 && zones[s[i+1:]] != "" {
		s = s[:i+1] + zones[s[i+1:]]
	}
	s = strings.Replace(s, ":60 ", ":59 ", 1) // a leap second
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// plainDate reads a date-time that is exactly as RFC 9051 has it, which is many
// times as fast as time.Parse: "04-Mar-2026 09:12:00 +0100".
func plainDate(b []byte) (t time.Time, ok bool) {
	const form = "00-Aaa-0000 00:00:00 +0000"
	if len(b) != len(form) || b[20] != ' ' || b[21] != '+' && b[21] != '-' {
		return t, false
	}
	for i := range len(form) {
		switch ch := form[i]; {
		case ch == '0' && (b[i] < '0' || b[i] > '9'):
			return t, false
		case (ch == '-' || ch == ':' || ch == ' ') && b[i] != ch:
			return t, false
		}
	}
	at := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", string(b[3:6]))
	two := func(i int) int { return int(b[i]-'0')*10 + int(b[i+1]-'0') }
	day, year, hour, minute, second := two(0), two(7)*100+two(9), two(12), two(15), two(18)
	zone := two(22)*3600 + two(24)*60
	if at < 0 || at%3 != 0 || year == 0 || hour > 23 || minute > 59 || second > 59 || two(22) > 23 || two(24) > 59 {
		return t, false
	}
	if b[21] == '-' {
		zone = -zone
	}
	t = time.Date(year, time.Month(at/3+1), day, hour, minute, second, 0, time.UTC)
	return t.Add(-time.Duration(zone) * time.Second), t.Day() == day
}

// decoded returns a header text, decoded to UTF-8.
func (x *lexer) decoded(n int32) string {
	b := x.text(n)
	if len(b) == 0 {
		return ""
	}
	return content.DecodeWords(string(b))
}
