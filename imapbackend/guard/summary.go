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

// intern returns b as valid UTF-8.
func intern(b []byte) string {
	if s, ok := interned[string(b)]; ok {
		return s
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

// decoded returns a header text, decoded to UTF-8.
func (x *lexer) decoded(n int32) string {
	b := x.text(n)
	if len(b) == 0 {
		return ""
	}
	return content.DecodeWords(string(b))
}
