package fs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imapfs/cache/content"
)

func named(name string) content.Part {
	return content.Part{Parent: -1, Type: "application/pdf", Disposition: "attachment", Named: true, Name: name}
}

func unnamed(mediaType, disposition string) content.Part {
	return content.Part{Parent: -1, Type: mediaType, Disposition: disposition}
}

// sections numbers the parts of one level.
func sections(parts ...content.Part) []content.Part {
	for i := range parts {
		parts[i].Section = strconv.Itoa(i + 1)
	}
	return parts
}

func names(list []entry) []string {
	var s []string
	for _, e := range list {
		s = append(s, e.name)
	}
	return s
}

func TestEntries(t *testing.T) {
	long := strings.Repeat("ü", 120)
	for _, c := range []struct {
		what  string
		parts []content.Part
		want  []string
	}{
		{"no structure", nil, nil},
		{"bodies", sections(unnamed("text/plain", ""), unnamed("text/html", "inline"), unnamed("text/plain", ""), unnamed("text/calendar", "")),
			[]string{"body.txt", "body.html", "part-3.txt", "part-4.ics"}},
		{"a body that is attached or named is none", sections(unnamed("text/plain", "attachment"), content.Part{Parent: -1, Type: "text/html", Named: true}, unnamed("text/plain", "x-other")),
			[]string{"part-1.txt", "part-2.html", "body.txt"}},
		{"types", sections(unnamed("", ""), unnamed("image/jpeg", "inline"), unnamed("message/rfc822", ""), unnamed("video/x-unknown", "")),
			[]string{"part-1.bin", "part-2.jpg", "part-3.eml", "part-4.bin"}},
		{"hostile", sections(named("../../etc/passwd"), named(""), named("."), named(".."), named(" \u3000"), named("-rf"), named(".profile"), named("a\x00\x1b[2J\u202egpj.exe\u2028\x85\u0085")),
			[]string{"_.._.._etc_passwd", "part-2.pdf", "part-3.pdf", "part-4.pdf", "part-5.pdf", "_-rf", "_.profile", "a__[2J_gpj.exe_\ufffd_"}},
		{"spaces and case stay", sections(named("Q1 report.pdf"), named("Q1 Report.pdf"), named("Q1 report .pdf")),
			[]string{"Q1 report.pdf", "Q1 Report.pdf", "Q1 report .pdf"}},
		{"equal", sections(named("x.pdf"), named("x.pdf"), named("x.pdf"), named("x"), named("x")),
			[]string{"x.pdf", "x (2).pdf", "x (3).pdf", "x", "x (2)"}},
		{"imitated numbers", sections(named("x.pdf"), named("x.pdf"), named("x (2).pdf"), named("x (2).pdf"), named("x.pdf")),
			[]string{"x.pdf", "x (3).pdf", "x (2).pdf", "x (2) (2).pdf", "x (4).pdf"}},
		{"equal once made safe", sections(named("a/b"), named("a_b"), named("a\\b")),
			[]string{"a_b", "a_b (2)", "a\\b"}},
		{"normal forms", sections(named("ä"), named("a\u0308")), []string{"ä", "a\u0308"}},
		{"fixed names", sections(named("header.txt"), named("body.txt"), named("body.html"), named("message.eml"), unnamed("text/plain", "")),
			[]string{"header (2).txt", "body (2).txt", "body (2).html", "message (2).eml", "body.txt"}},
		{"imitated parts", sections(named("part-2.txt"), unnamed("text/plain", "attachment"), named("part-9.txt")),
			[]string{"part-2 (2).txt", "part-2.txt", "part-9.txt"}},
		{"long", sections(named(long+".pdf"), named(long+"x.pdf"), named(long+"."+long), named("a.tar.gz"), named("a.tar.gz")),
			[]string{long[:196] + ".pdf", long[:188] + " (2).pdf", long[:200], "a.tar.gz", "a.tar (2).gz"}},
	} {
		got := names(entries(c.parts, -1))
		if want := append([]string{"header.txt"}, c.want...); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", c.what, got, want)
		}
	}
}

func TestEntriesOfEnclosedMessages(t *testing.T) {
	enclosed := func(section string, parent int, subject string) content.Part {
		return content.Part{Section: section, Parent: parent, Type: "message/rfc822", Message: true, Subject: subject}
	}
	leaf := func(section string, parent int) content.Part {
		return content.Part{Section: section, Parent: parent, Type: "text/plain"}
	}
	imitation := named("3_Re-contract")
	imitation.Section = "5"
	parts := []content.Part{
		0:  leaf("1", -1),
		1:  enclosed("2", -1, ""),
		2:  leaf("2.1", 1),
		3:  enclosed("3", -1, "Re: contract"),
		4:  leaf("3.1", 3),
		5:  enclosed("3.2", 3, "v1.2 of it"),
		6:  leaf("3.2.1", 5),
		7:  leaf("3.2.2", 5),
		8:  leaf("3.3", 3),
		9:  leaf("4", -1),
		10: imitation,
	}
	for parent, want := range map[int][]entry{
		-1: {{"header.txt", -1, entryHeader}, {"body.txt", 0, entryPart}, {"2_no-subject", 1, entryMessage},
			{"3_Re-contract", 3, entryMessage}, {"part-4.txt", 9, entryPart}, {"3_Re-contract (2)", 10, entryPart}},
		1: {{"header.txt", -1, entryHeader}, {"body.txt", 2, entryPart}},
		3: {{"header.txt", -1, entryHeader}, {"body.txt", 4, entryPart}, {"3.2_v1-2-of-it", 5, entryMessage}, {"part-3.3.txt", 8, entryPart}},
		5: {{"header.txt", -1, entryHeader}, {"body.txt", 6, entryPart}, {"part-3.2.2.txt", 7, entryPart}},
	} {
		if got := entries(parts, parent); !slices.Equal(got, want) {
			t.Errorf("parent %d:\n got %v\nwant %v", parent, got, want)
		}
	}
}

// TestEntriesOfManyParts would not end if names that are equal, or become equal
// when they are cut, took quadratic time.
func TestEntriesOfManyParts(t *testing.T) {
	stem := strings.Repeat("a", 190)
	for what, name := range map[string]func(i int) string{
		"equal":        func(int) string { return "x.pdf" },
		"equal if cut": func(i int) string { return stem + strings.Repeat("b", i) + ".pdf" },
		"pairs that differ where the number goes": func(i int) string { return fmt.Sprintf("%s%05x.pdf", stem, i/2) },
		"imitated numbers":                        func(i int) string { return fmt.Sprintf("x%s.pdf", strings.Repeat(" (2)", i%40)) },
	} {
		var parts []content.Part
		for i := range content.MaxParts {
			n := i
			if what == "equal if cut" {
				n = i % 1000
			}
			parts = append(parts, named(name(n)))
		}
		start := time.Now()
		list := entries(parts, -1)
		checkEntries(t, list)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v for %d parts", what, d, len(parts))
		}
	}
}

// checkEntries fails unless the names are ones that a directory can hold, and
// that a shell, a terminal and the copy of a file can take.
func checkEntries(t *testing.T, list []entry) {
	t.Helper()
	seen := map[string]bool{emlName: true}
	for _, e := range list {
		if seen[e.name] {
			t.Errorf("%q twice", e.name)
		}
		seen[e.name] = true
		if e.name == "" || len(e.name) > maxName || !utf8.ValidString(e.name) ||
			strings.HasPrefix(e.name, ".") || strings.HasPrefix(e.name, "-") ||
			strings.Contains(e.name, "/") || strings.ContainsFunc(e.name, control) {
			t.Errorf("name %q of part %d", e.name, e.part)
		}
	}
}

func FuzzEntries(f *testing.F) {
	f.Add("x.pdf\nx.pdf\nx (2).pdf\n.\n\n../a\nheader.txt", uint16(0))
	f.Add("part-2.txt\n3_a\n\n\n"+strings.Repeat("é", 150)+".pdf\n"+strings.Repeat("é", 150)+"b.pdf", uint16(0xbeef))
	f.Fuzz(func(t *testing.T, lines string, kinds uint16) {
		var parts []content.Part
		for i, name := range strings.Split(lines, "\n") {
			p := named(name)
			p.Section = strconv.Itoa(i + 1)
			switch kinds >> (i % 8 * 2) & 3 {
			case 1:
				p.Type, p.Disposition = "text/plain", ""
			case 2:
				p.Message, p.Subject = true, name
			case 3:
				p.Named, p.Type = false, "text/html"
			}
			if len(parts) > 0 && kinds>>15 == 1 {
				p.Parent = len(parts)/2 - 1
			}
			parts = append(parts, p)
		}
		for parent := -1; parent < min(len(parts), 8); parent++ {
			list := entries(parts, parent)
			checkEntries(t, list)
			if !slices.Equal(list, entries(parts, parent)) {
				t.Errorf("two answers for parent %d", parent)
			}
		}
		total := 0
		for _, p := range parts {
			if p.Parent == -1 {
				total++
			}
		}
		if got := len(entries(parts, -1)); kinds>>15 == 0 && got != total+1 {
			t.Errorf("%d entries for %d parts", got, total)
		}
	})
}

// TestEntriesTooDeep keeps the paths of enclosed messages below PATH_MAX.
func TestEntriesTooDeep(t *testing.T) {
	var parts []content.Part
	section := "1"
	for i := range content.MaxDepth {
		parts = append(parts, content.Part{Section: section, Parent: i - 1, Type: "message/rfc822", Message: true, Subject: strings.Repeat("long ", 100)})
		section += ".1"
	}
	length, parent := 0, -1
	for depth := 0; ; depth++ {
		list := entries(parts, parent)
		last := list[len(list)-1]
		length += len(last.name) + 1
		if last.kind == entryEML {
			if depth != maxNested || !strings.HasSuffix(last.name, ".eml") {
				t.Errorf("%q is a file at level %d", last.name, depth)
			}
			break
		}
		parent = last.part
	}
	if length > 2500 {
		t.Errorf("a path of %d bytes", length)
	}
}
