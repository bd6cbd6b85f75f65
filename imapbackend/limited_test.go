package imapbackend

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"imapfs/cache"
)

// limited is a server with one mailbox, whose messages have every third UID. It
// looks at no more than limit messages in a command, the highest UIDs first.
type limited struct {
	caps     string
	messages int
	limit    int
	// how is the way in which it says so, in terms of the tag, the limit and
	// the lowest UID; "refuse" makes it do nothing for a command that is too
	// large.
	how    string
	refuse bool
	// fetch makes a FETCH response of a message.
	fetch func(uid uint32, items string) string

	mu   sync.Mutex
	sent []string // commands; guarded by mu
}

func (l *limited) uidNext() uint32 { return uint32(3*l.messages + 1) }

// start serves until the test ends, and returns a client.
func (l *limited) start(t *testing.T) *Client {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(time.Minute))
				l.serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	c, err := Dial(t.Context(), Options{
		Address: ln.Addr().String(), Security: Plaintext, Username: "alice", Password: "secret",
		MaxConnections: 2, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (l *limited) serve(nc net.Conn) {
	w := bufio.NewWriter(nc)
	lines := bufio.NewScanner(nc)
	lines.Buffer(nil, 1<<20)
	fmt.Fprintf(w, "* OK ready\r\n")
	for w.Flush() == nil && lines.Scan() {
		tag, command, _ := strings.Cut(lines.Text(), " ")
		l.mu.Lock()
		l.sent = append(l.sent, command)
		l.mu.Unlock()
		words := strings.SplitN(command, " ", 4)
		switch {
		case words[0] == "CAPABILITY":
			fmt.Fprintf(w, "* CAPABILITY IMAP4rev1 %s\r\n", l.caps)
		case words[0] == "EXAMINE":
			fmt.Fprintf(w, "* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n", l.messages, l.uidNext())
		case words[0] == "UID" && words[1] == "SEARCH":
			keys := strings.TrimPrefix(strings.Join(words[2:], " "), "RETURN (ALL) ")
			found, end := l.look(tag, strings.TrimPrefix(keys, "UID "))
			fmt.Fprintf(w, "* SEARCH")
			for _, uid := range found {
				fmt.Fprintf(w, " %d", uid)
			}
			fmt.Fprintf(w, "\r\n%s", end)
			continue
		case words[0] == "UID" && words[1] == "FETCH":
			found, end := l.look(tag, words[2])
			for _, uid := range found {
				io.WriteString(w, l.fetch(uid, words[3]))
			}
			io.WriteString(w, end)
			continue
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
	}
}

// look returns the UIDs in a set that a command gets to see, and how it ends.
func (l *limited) look(tag, set string) (found []uint32, end string) {
	for i := l.messages; i > 0; i-- {
		if uid := uint32(3 * i); contains(set, uid) || set == "*" && i == l.messages {
			found = append(found, uid)
		}
	}
	if len(found) <= l.limit {
		return found, tag + " OK done\r\n"
	}
	lowest := found[max(l.limit, 1)-1]
	end = strings.NewReplacer("%T", tag, "%N", strconv.Itoa(l.limit), "%U", strconv.Itoa(int(lowest))).Replace(l.how)
	if l.refuse {
		return nil, end
	}
	return found[:l.limit], end
}

// fetched is a response without its end.
func fetched(uid uint32, flag string) string {
	return fmt.Sprintf("* %d FETCH (UID %d FLAGS (%s) INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" RFC822.SIZE 5 "+
		`ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 1 1)`, uid/3, uid, flag)
}

// contains reports whether a UID is in a set as on the wire.
func contains(set string, uid uint32) bool {
	return set == "ALL" || set != "*" && slices.ContainsFunc(strings.Split(set, ","), func(r string) bool {
		first, last, isRange := strings.Cut(r, ":")
		if !isRange {
			last = first
		}
		a, _ := strconv.ParseUint(first, 10, 32)
		b, err := strconv.ParseUint(last, 10, 32)
		if err != nil {
			b = math.MaxUint32
		}
		return uint64(uid) >= a && uint64(uid) <= b
	})
}

// TestMessageLimit gets at all messages of servers that look only at so many in
// a command (RFC 9738), however they say so: a part of the mailbox never looks
// like the whole.
func TestMessageLimit(t *testing.T) {
	for _, tt := range []struct {
		name, how string
		refuse    bool
	}{
		{"as it should be", "%T OK [MESSAGELIMIT %N %U] partial\r\n", false},
		{"in a response of its own", "* NO [MESSAGELIMIT %N %U] partial\r\n%T OK [HIGHESTMODSEQ 5] done\r\n", false},
		{"without the UID", "%T OK [MESSAGELIMIT %N] partial\r\n", false},
		{"with another UID", "%T OK [MESSAGELIMIT %N 4000000000] partial\r\n", false},
		{"refused", "%T NO [MESSAGELIMIT %N] too many\r\n", true},
		{"refused, with the UID", "%T NO [MESSAGELIMIT %N %U] too many\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const messages = 2345
			l := &limited{messages: messages, limit: 100, how: tt.how, refuse: tt.refuse, caps: "MESSAGELIMIT=100"}
			l.fetch = func(uid uint32, items string) string {
				return fetched(uid, fmt.Sprintf("f%d", uid)) + ")\r\n"
			}
			c := l.start(t)
			id := cache.ID{Name: "INBOX"}
			state, uids := list(t, c, id)
			if state.Count != messages || len(uids) != messages || uids[0] != 3 || uids[messages-1] != 3*messages || !slices.IsSorted(uids) {
				t.Fatalf("%d of %d messages", len(uids), state.Count)
			}
			flags := make(map[uint32]string)
			err := c.Flags(t.Context(), id, state.Validity, 0, func(m *cache.Message) { flags[m.UID] = m.Flags[0] })
			if err != nil || len(flags) != messages || flags[3] != "f3" {
				t.Errorf("flags of %d messages, %v", len(flags), err)
			}
			summaries := make(map[uint32]bool)
			err = c.Summaries(t.Context(), id, state.Validity, uids, func(m *cache.Message) { summaries[m.UID] = m.Defects == 0 })
			if err != nil || len(summaries) != messages || !summaries[3] {
				t.Errorf("%d summaries, %v", len(summaries), err)
			}
			if _, when, err := c.Newest(t.Context(), id); err != nil || when.IsZero() {
				t.Error(when, err)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.sent) > 1000 {
				t.Errorf("%d commands", len(l.sent))
			}
		})
	}
}

// TestMessageLimitWithoutEnd gives up on a server that never looks at anything.
func TestMessageLimitWithoutEnd(t *testing.T) {
	for _, how := range []string{"%T NO [MESSAGELIMIT 1] no\r\n", "%T OK [MESSAGELIMIT 1] partial\r\n", "* NO [MESSAGELIMIT 1 1] x\r\n%T NO no\r\n"} {
		l := &limited{messages: 30, limit: 0, how: how, refuse: true}
		c := l.start(t)
		snap, err := c.Snapshot(t.Context(), cache.ID{Name: "INBOX"}, cache.State{})
		if !errors.Is(err, cache.ErrProtocol) {
			t.Errorf("%q: %d messages, %v", how, len(snap.UIDs), err)
		}
	}
}

// TestGmailLabels asks Gmail, and nobody else, for what only Gmail has: with
// the summaries, and for labels again with the flags.
func TestGmailLabels(t *testing.T) {
	for _, gmail := range []bool{true, false} {
		l := &limited{messages: 2, limit: 100}
		if gmail {
			l.caps = "X-GM-EXT-1"
		}
		l.fetch = func(uid uint32, items string) string {
			response := fetched(uid, "a")
			for item, value := range map[string]string{"X-GM-MSGID": "12", "X-GM-THRID": "13", "X-GM-LABELS": `("\\Inbox" b)`} {
				if strings.Contains(items, item) {
					response += " " + item + " " + value
				}
			}
			return response + ")\r\n"
		}
		c := l.start(t)
		id := cache.ID{Name: "INBOX"}
		state, uids := list(t, c, id)
		var got []string
		note := func(m *cache.Message) { got = append(got, fmt.Sprint(m.UID, m.Flags, m.Gmail)) }
		if err := c.Summaries(t.Context(), id, state.Validity, uids[:1], note); err != nil {
			t.Fatal(err)
		}
		if err := c.Flags(t.Context(), id, state.Validity, 0, note); err != nil {
			t.Fatal(err)
		}
		want := `[3 [a] &{12 13 \Inbox b} 6 [a] &{0 0 \Inbox b} 3 [a] &{0 0 \Inbox b}]`
		if !gmail {
			want = "[3 [a] <nil> 6 [a] <nil> 3 [a] <nil>]"
		}
		if fmt.Sprint(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
