package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"imapfs/cache/content"
)

// The digests are of the first 50 messages: mail that is compared on two machines
// has to be the same mail.
func TestComposeIsTheSameEverywhere(t *testing.T) {
	for name, test := range map[string]struct {
		recipe recipe
		want   string
	}{
		"mixed":   {mixed("x", 50, 7), "ccf77b9cbe7089b1"},
		"notices": {notices("x", 50, 7), "362a303096389897"},
	} {
		h, c := sha256.New(), newComposer(test.recipe)
		for uid := uint32(1); uid <= 50; uid++ {
			text, _ := c.compose(uid)
			h.Write(text)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// A message rests on its UID and the recipe, not on those before it.
func TestComposeInAnyOrder(t *testing.T) {
	c := newComposer(mixed("x", 10, 3))
	ninth, _ := c.compose(9)
	ninth = bytes.Clone(ninth)
	c.compose(4)
	if again, _ := c.compose(9); !bytes.Equal(again, ninth) {
		t.Error("message 9 is another one after message 4")
	}
	if other, _ := newComposer(mixed("x", 10, 4)).compose(9); bytes.Equal(other, ninth) {
		t.Error("message 9 is the same with another seed")
	}
}

// The truth about a message is what a parser finds in it.
func TestTruth(t *testing.T) {
	r := mixed("x", 300, 5)
	r.large = 300_000
	c := newComposer(r)
	kinds := map[kind]int{}
	for uid := uint32(1); uid <= 300; uid++ {
		text, truth := c.compose(uid)
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
		if truth.octets != int64(len(text)) {
			t.Fatalf("message %d: %d octets, want %d", uid, len(text), truth.octets)
		}
		if end := bytes.Index(text, []byte("\r\n\r\n")) + 4; truth.header != int64(end) {
			t.Errorf("message %d: a header of %d octets, want %d", uid, end, truth.header)
		}
		found := map[string]int64{}
		for _, p := range content.Parse(text).Parts {
			found[p.Section] = p.Octets
		}
		for _, p := range truth.parts {
			kinds[p.kind]++
			if found[p.section] != p.octets {
				t.Errorf("message %d, section %s: %d octets, want %d", uid, p.section, found[p.section], p.octets)
			}
		}
	}
	if kinds[plainText] < 100 || kinds[htmlText] < 100 || kinds[attachment] < 20 {
		t.Errorf("%v of texts, HTML and attachments are too few of a kind", kinds)
	}
}
