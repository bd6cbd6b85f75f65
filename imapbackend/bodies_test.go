package imapbackend

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"imapfs/cache"
)

// TestTogether asks for the same of several messages by one command, and takes of
// its answer what is whole, whatever the order. A message of which it says nothing
// good is asked for alone.
func TestTogether(t *testing.T) {
	var mu sync.Mutex
	var commands []string
	s := &scripted{messages: 9}
	s.answer = func(tag, command string, w io.Writer) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(command, "BODY") {
			commands = append(commands, command)
		}
		switch command {
		case "UID FETCH 1:6 (UID BODY.PEEK[1])":
			io.WriteString(w, "* 3 FETCH (UID 3 BODY[1] {5}\r\nthree)\r\n"+ // out of order
				"* 1 FETCH (UID 1 BODY[1] \"one\")\r\n"+
				"* 9 FETCH (UID 9 BODY[1] {4}\r\nnine)\r\n"+ // nobody asked
				"* 2 FETCH (UID 2 BODY[1] NIL)\r\n"+
				"* 4 FETCH (UID 4 BODY[1] {2}\r\nfour)\r\n"+ // more than it announces
				"* 6 FETCH (UID 6 BODY[1] {3}\r\nsix)\r\n"+
				"* 6 FETCH (UID 6 BODY[1] {5}\r\nlater)\r\n") // twice
		case "UID FETCH 2 (UID BODY.PEEK[1])":
			io.WriteString(w, "* 2 FETCH (UID 2 BODY[1] NIL)\r\n")
		case "UID FETCH 4 (UID BODY.PEEK[1])":
			io.WriteString(w, "* 4 FETCH (UID 4 BODY[1] {4}\r\nfour)\r\n")
		case "UID FETCH 7 (UID BODY.PEEK[HEADER] BODY.PEEK[1]<5.4>)":
			io.WriteString(w, "* 7 FETCH (UID 7 BODY[1]<5> {4}\r\npart)\r\n* 7 FETCH (UID 7 BODY[HEADER] {4}\r\nhead)\r\n")
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
		return true
	}
	var requests []cache.Request
	for uid := uint32(1); uid <= 6; uid++ {
		requests = append(requests, cache.Request{UID: uid, Section: "1"})
	}
	requests = append(requests, cache.Request{UID: 7, Section: "HEADER"}, cache.Request{UID: 7, Section: "1", Offset: 5, Length: 4})
	got, progress := make(map[int]string), 0
	err := s.start(t).Fetch(t.Context(), inbox, 1, requests, cache.Taker{
		Answer: func(i int, octets []byte, err error) {
			if _, twice := got[i]; twice {
				t.Errorf("request %d is answered twice", i)
			}
			switch {
			case errors.Is(err, cache.ErrNotExist):
				got[i] = "gone"
			case err != nil:
				got[i] = err.Error()
			case octets == nil:
				got[i] = "NIL"
			default:
				got[i] = string(octets)
			}
		},
		Progress: func(octets int) { progress += octets },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"one", "NIL", "three", "four", "gone", "six", "head", "part"} {
		if got[i] != want {
			t.Errorf("request %d: %q, want %q", i, got[i], want)
		}
	}
	if len(commands) != 5 { // with one for each of 2, 4 and 5
		t.Errorf("%d commands: %q", len(commands), commands)
	}
	if least := len("one" + "three" + "four" + "six" + "head" + "part"); progress < least {
		t.Errorf("told of %d octets, of %d", progress, least)
	}
}

// TestPoisoned: a message in the middle that ends each connection costs neither
// those before it nor, asked for together, those behind it.
func TestPoisoned(t *testing.T) {
	s := &scripted{messages: 9}
	s.answer = func(tag, command string, w io.Writer) bool {
		for uid := 1; uid <= 9; uid++ {
			if fields := strings.Fields(command); len(fields) < 3 || fields[2] != "1:9" && fields[2] != fmt.Sprint(uid) {
				continue
			}
			if uid == 5 {
				io.WriteString(w, "* 5 FETCH (UID 5 BODY[1] {10}\r\nonly")
				return false
			}
			fmt.Fprintf(w, "* %d FETCH (UID %d BODY[1] {1}\r\n%d)\r\n", uid, uid, uid)
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
		return true
	}
	var requests []cache.Request
	for uid := uint32(1); uid <= 9; uid++ {
		requests = append(requests, cache.Request{UID: uid, Section: "1"})
	}
	c := s.start(t)
	got := make(map[int]string)
	err := c.Fetch(t.Context(), inbox, 1, requests, cache.Taker{Answer: func(i int, octets []byte, err error) { got[i] = string(octets) }})
	if err == nil {
		t.Error("no error")
	}
	for i := range 4 {
		if got[i] != fmt.Sprint(i+1) {
			t.Errorf("message %d: %q", i+1, got[i])
		}
	}
	if _, answered := got[4]; answered {
		t.Errorf("message 5: %q", got[4])
	}
	if one, err := c.fetch(t.Context(), inbox, 1, requests[8:]); err != nil || string(one[0]) != "9" {
		t.Errorf("message 9 alone: %q, %v", one, err)
	}
}
