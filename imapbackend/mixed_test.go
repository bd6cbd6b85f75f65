package imapbackend

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"imapfs/cache"
)

// fetchTwo asks for the same of messages 1 and 2, of a server that answers the
// command for both with both, and one for a single message as it should be.
// Section 1 of each is its UID in 8 letters, section 2 in 4.
func fetchTwo(t *testing.T, both string) (got map[int]string) {
	s := &scripted{messages: 9}
	s.answer = func(tag, command string, w io.Writer) bool {
		if strings.HasPrefix(command, "UID FETCH 1:2 ") {
			io.WriteString(w, both)
		}
		for uid, letter := range map[int]string{1: "a", 2: "b"} {
			if strings.HasPrefix(command, fmt.Sprintf("UID FETCH %d (UID BODY", uid)) {
				fmt.Fprintf(w, "* %d FETCH (UID %d BODY[1] {8}\r\n%s BODY[2] {4}\r\n%s)\r\n",
					uid, uid, strings.Repeat(letter, 8), strings.Repeat(letter, 4))
			}
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
		return true
	}
	var requests []cache.Request
	for uid := uint32(1); uid <= 2; uid++ {
		requests = append(requests, cache.Request{UID: uid, Section: "1"}, cache.Request{UID: uid, Section: "2"})
	}
	got = make(map[int]string)
	err := s.start(t).Fetch(t.Context(), inbox, 1, requests, cache.Taker{Answer: func(i int, octets []byte, err error) {
		if got[i] = string(octets); err != nil {
			got[i] = "error: " + err.Error()
		}
	}})
	if err != nil {
		t.Log(err) // what there is has been told
	}
	return got
}

// checkTwo finds no octets but those of each message.
func checkTwo(t *testing.T, got map[int]string) {
	t.Helper()
	for i, want := range []string{"aaaaaaaa", "aaaa", "bbbbbbbb", "bbbb"} {
		if answer, ok := got[i]; ok && answer != want && !strings.HasPrefix(answer, "error") {
			t.Errorf("request %d: %q, want %q", i, answer, want)
		}
	}
}

// TestSplitBodies takes what a server tells of a message in several answers, but
// not if one of them has lost something.
func TestSplitBodies(t *testing.T) {
	const second = "* 2 FETCH (UID 2 BODY[1] {8}\r\nbbbbbbbb BODY[2] {4}\r\nbbbb)\r\n"
	for what, first := range map[string]string{
		"whole":         "* 1 FETCH (UID 1 BODY[1] {8}\r\naaaaaaaa)\r\n* 1 FETCH (UID 1 BODY[2] {4}\r\naaaa)\r\n",
		"around":        "* 1 FETCH (UID 1 BODY[2] {4}\r\naaaa)\r\n" + second + "* 1 FETCH (BODY[1] {8}\r\naaaaaaaa UID 1)\r\n",
		"more at first": "* 1 FETCH (UID 1 BODY[1] {5}\r\naaaaaaaa)\r\n* 1 FETCH (UID 1 BODY[2] {4}\r\naaaa)\r\n",
		"more at last":  "* 1 FETCH (UID 1 BODY[1] {8}\r\naaaaaaaa)\r\n* 1 FETCH (UID 1 BODY[2] {2}\r\naaaa)\r\n",
		"NIL at first":  "* 1 FETCH (UID 1 BODY[1] NIL)\r\n* 1 FETCH (UID 1 BODY[2] {4}\r\naaaa)\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			got := fetchTwo(t, first+second)
			checkTwo(t, got)
			if len(got) != 4 {
				t.Errorf("answers: %v", got)
			}
		})
	}
}

// TestSwallowed: of a literal that is announced too long, what it swallows of the
// next answer makes no message another one's.
func TestSwallowed(t *testing.T) {
	const second = "* 2 FETCH (UID 2 BODY[1] {8}\r\nbbbbbbbb BODY[2] {4}\r\nbbbb)\r\n"
	// Up to where an answer would end as it should.
	for more := 1; more < len(second)-len(")\r\n"); more++ {
		first := fmt.Sprintf("* 1 FETCH (UID 1 BODY[1] {8}\r\naaaaaaaa BODY[2] {%d}\r\naaaa)\r\n", 4+more)
		checkTwo(t, fetchTwo(t, first+second))
		first = fmt.Sprintf("* 1 FETCH (UID 1 BODY[2] {4}\r\naaaa BODY[1] {%d}\r\naaaaaaaa)\r\n", 8+more)
		checkTwo(t, fetchTwo(t, first+second))
		if t.Failed() {
			t.Fatalf("%d octets more", more)
		}
	}
}
