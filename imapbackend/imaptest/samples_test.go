package imaptest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// TestSamples sees to it that Dovecot serves the samples byte for byte, and
// finds a part for each file.
func TestSamples(t *testing.T) {
	s := Dovecot(t)
	samples := Samples()
	for _, sample := range samples {
		s.Deliver("INBOX", sample.Raw, date)
	}
	c := s.Client()
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection:   []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(samples) {
		t.Fatalf("%d messages of %d", len(list), len(samples))
	}
	for i, m := range list {
		sample := samples[i]
		if !bytes.Equal(m.BodySection[0].Bytes, CRLF(sample.Raw)) {
			t.Errorf("%s: served as %q", sample.What, m.BodySection[0].Bytes)
		}
		files := 0
		for name := range sample.Files {
			if !strings.HasSuffix(name, "header.txt") {
				files++
			}
		}
		if n := leaves(m.BodyStructure); n != files {
			t.Errorf("%s: %d parts for %d files", sample.What, n, files)
		}
	}
}

// leaves counts the parts that are files, those of enclosed messages included.
func leaves(b imap.BodyStructure) int {
	switch b := b.(type) {
	case *imap.BodyStructureMultiPart:
		n := 0
		for _, child := range b.Children {
			n += leaves(child)
		}
		return n
	case *imap.BodyStructureSinglePart:
		if b.MessageRFC822 != nil {
			return leaves(b.MessageRFC822.BodyStructure)
		}
	}
	return 1
}

func TestSamplesAreDistinct(t *testing.T) {
	again := Samples()
	whats, slugs := map[string]bool{}, map[string]bool{}
	for i, s := range Samples() {
		if whats[s.What] || slugs[s.Slug] {
			t.Errorf("%s, %s: twice", s.What, s.Slug)
		}
		whats[s.What], slugs[s.Slug] = true, true
		if !bytes.Equal(s.Raw, again[i].Raw) {
			t.Errorf("%s: another message each time", s.What)
		}
	}
}

func TestCRLF(t *testing.T) {
	if got := string(CRLF([]byte("a\nb\r\n\rc\n"))); got != "a\r\nb\r\n\rc\r\n" {
		t.Errorf("%q", got)
	}
}
