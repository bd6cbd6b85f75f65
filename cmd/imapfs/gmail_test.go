package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// gmail is a server with one message, which has Gmail's attributes.
type gmail struct {
	addr   string
	labels atomic.Value // string, as on the wire
}

func newGmail(t *testing.T) *gmail {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gmail{addr: ln.Addr().String()}
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
				g.serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	return g
}

func (g *gmail) serve(nc net.Conn) {
	w, lines := bufio.NewWriter(nc), bufio.NewScanner(nc)
	fmt.Fprint(w, "* OK Gimap ready\r\n")
	for w.Flush() == nil && lines.Scan() {
		tag, command, _ := strings.Cut(lines.Text(), " ")
		words := strings.Fields(command)
		switch {
		case words[0] == "CAPABILITY":
			fmt.Fprint(w, "* CAPABILITY IMAP4rev1 X-GM-EXT-1\r\n")
		case words[0] == "LIST":
			fmt.Fprint(w, "* LIST () \"/\" INBOX\r\n")
		case words[0] == "EXAMINE":
			fmt.Fprint(w, "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 2] x\r\n")
		case words[0] == "STATUS":
			fmt.Fprint(w, "* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)\r\n")
		case words[0] == "UID" && words[1] == "SEARCH":
			fmt.Fprint(w, "* SEARCH 1\r\n")
		case words[0] == "UID" && words[1] == "FETCH":
			fmt.Fprint(w, "* 1 FETCH (UID 1 FLAGS ()")
			if strings.Contains(command, "ENVELOPE") {
				fmt.Fprint(w, ` INTERNALDATE "04-Mar-2026 09:12:00 +0000" RFC822.SIZE 20 ENVELOPE (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL)`+
					` BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 2 1) X-GM-MSGID 1278455344230334865 X-GM-THRID 18446744073709551615`)
			}
			if strings.Contains(command, "X-GM-LABELS") {
				fmt.Fprintf(w, " X-GM-LABELS (%s)", g.labels.Load())
			}
			fmt.Fprint(w, ")\r\n")
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
	}
}

// TestGmail has Gmail's attributes on a message, and sees other labels when the
// flags are asked for again.
func TestGmail(t *testing.T) {
	g := newGmail(t)
	g.labels.Store(`"\\Inbox" "to do" Gr&APYA3w-e`)
	s := &imaptest.Server{Username: "alice", Password: "secret"}
	dir := mountAt(t, s, g.addr, func(c *mountConfig) { c.poll = time.Second })
	entries, err := os.ReadDir(dir + "/INBOX")
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	message := dir + "/INBOX/" + entries[0].Name()
	for name, want := range map[string]string{
		"gm_msgid": "1278455344230334865", "gm_thrid": "18446744073709551615", "gm_labels": `Größe \Inbox "to do"`,
	} {
		if got := attribute(t, message, "user.imap."+name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	g.labels.Store(`"\\Important"`)
	eventually(t, func() error {
		if _, err := os.ReadDir(dir + "/INBOX"); err != nil {
			return err
		}
		if got := attribute(t, message, "user.imap.gm_labels"); got != `\Important` {
			return fmt.Errorf("the labels are still %q", got)
		}
		return nil
	})
}
