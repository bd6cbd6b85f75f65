package imapbackend

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// scripted is a server that knows EXAMINE of a mailbox with so many messages; a
// test answers the rest.
type scripted struct {
	messages int
	// answer writes the answer to a command; false: the connection ends.
	answer func(tag, command string, w io.Writer) bool
	conns  atomic.Int32
}

func (s *scripted) start(t *testing.T) *Client {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			go s.serve(nc)
		}
	}()
	c, err := Dial(t.Context(), Options{
		Address: ln.Addr().String(), Security: Plaintext, Username: "u", Password: "p", MaxConnections: 4,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (s *scripted) serve(nc net.Conn) {
	defer nc.Close()
	fmt.Fprint(nc, "* PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS ESEARCH] hi\r\n")
	for lines := bufio.NewScanner(nc); lines.Scan(); {
		tag, command, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(command, "EXAMINE") {
			fmt.Fprintf(nc, "* %d EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT %d] x\r\n%s OK [READ-ONLY] x\r\n", s.messages, s.messages+1, tag)
		} else if !s.answer(tag, command, nc) {
			return
		}
	}
}

// TestThrottled blames no message for a server that refuses everything for a
// while, and says so without a code.
func TestThrottled(t *testing.T) {
	s := &scripted{messages: 50, answer: func(tag, _ string, w io.Writer) bool {
		fmt.Fprintf(w, "%s NO Request is throttled. Suggested Backoff Time: 5000 milliseconds\r\n", tag)
		return true
	}}
	c := s.start(t)
	var uids []uint32
	for uid := uint32(50); uid > 0; uid-- {
		uids = append(uids, uid)
	}
	err := c.Summaries(t.Context(), inbox, 1, uids, func(m *cache.Message) { t.Errorf("described: %+v", m) })
	if err == nil {
		t.Error("no error")
	}
}

// TestRemains gives nothing of a body that was cut, where the next connection
// says that there is none.
func TestRemains(t *testing.T) {
	s := &scripted{messages: 5}
	s.answer = func(tag, command string, w io.Writer) bool {
		switch {
		case !strings.Contains(command, "BODY"):
			fmt.Fprintf(w, "%s OK\r\n", tag)
		case s.conns.Load() <= 2:
			io.WriteString(w, "* 1 FETCH (UID 1 BODY[1] {100}\r\nonly the beginning")
			return false
		default:
			fmt.Fprintf(w, "* 1 FETCH (UID 1 BODY[1] NIL)\r\n%s OK [EXPUNGEISSUED] some went\r\n", tag)
		}
		return true
	}
	got, err := s.start(t).fetch(t.Context(), inbox, 1, []cache.Request{{UID: 1, Section: "1"}})
	if !errors.Is(err, cache.ErrNotExist) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPartialSearch does not believe a search that finds less than EXAMINE has
// announced.
func TestPartialSearch(t *testing.T) {
	for _, served := range []int{0, 3, 5} {
		s := &scripted{messages: 5, answer: func(tag, command string, w io.Writer) bool {
			switch {
			case strings.HasPrefix(command, "UID SEARCH"):
				fmt.Fprintf(w, "* ESEARCH (TAG %q) UID ALL 1:2\r\n", tag)
			case strings.HasPrefix(command, "UID FETCH"):
				for uid := 1; uid <= served; uid++ {
					fmt.Fprintf(w, "* %d FETCH (UID %d FLAGS ())\r\n", uid, uid)
				}
			}
			fmt.Fprintf(w, "%s OK done\r\n", tag)
			return true
		}}
		snap, err := s.start(t).Snapshot(t.Context(), inbox, cache.State{})
		if served == 5 && (err != nil || len(snap.UIDs) != 5) || served < 5 && !errors.Is(err, cache.ErrProtocol) {
			t.Errorf("%d served: %v, %v", served, snap.UIDs, err)
		}
	}
}

// TestSyncTwice lists the same messages at each sync, on servers that tell no
// UIDNEXT, too.
func TestSyncTwice(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...imaptest.Option) *imaptest.Server{
		"courier": imaptest.Courier, "cyrus": imaptest.Cyrus, "dovecot": imaptest.Dovecot, "mailutils": imaptest.Mailutils, "memory": imaptest.Memory,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for i := range 5 {
				s.Deliver("INBOX", fmt.Appendf(nil, "From: a@example.org\nDate: Wed, 04 Mar 2026 09:12:59 +0000\nSubject: x%d\n\nx\n", i), delivered)
			}
			a, err := cache.New(dial(t, s, s.Addr, 2), cache.Options{Memory: 1 << 20, Poll: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			b := a.Box(inbox)
			var first []uint32
			for range 3 {
				if err := b.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				l, _ := b.Known()
				if first == nil {
					first = l.UIDs
				}
				if len(l.UIDs) != 5 || !slices.Equal(l.UIDs, first) {
					t.Errorf("%d, first %d", l.UIDs, first)
				}
			}
		})
	}
}

// TestSplitSummary puts together what a server tells of a message in two answers,
// in either order.
func TestSplitSummary(t *testing.T) {
	s := &scripted{messages: 2, answer: func(tag, command string, w io.Writer) bool {
		if strings.Contains(command, "ENVELOPE") {
			const rest = `INTERNALDATE "01-Jan-2020 00:00:00 +0000" RFC822.SIZE 10 ENVELOPE (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)`
			fmt.Fprintf(w, "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 1 FETCH (UID 1 %s)\r\n* 2 FETCH (UID 2 %s)\r\n* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\n", rest, rest)
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
		return true
	}}
	got := make(map[uint32]*cache.Message)
	if err := s.start(t).Summaries(t.Context(), inbox, 1, []uint32{2, 1}, func(m *cache.Message) { got[m.UID] = m }); err != nil {
		t.Fatal(err)
	}
	for uid, flag := range map[uint32]string{1: `\Seen`, 2: `\Flagged`} {
		if m := got[uid]; m == nil || m.Defects != 0 || m.Subject != "x" || !slices.Equal(m.Flags, []string{flag}) {
			t.Errorf("message %d: %+v", uid, m)
		}
	}
}
