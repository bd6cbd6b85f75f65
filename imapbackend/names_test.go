package imapbackend

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"imapfs/cache"
)

// namesServer is a server of empty mailboxes: names on the wire, in modified
// UTF-7 until UTF8=ACCEPT is enabled, if it offers that.
func namesServer(t *testing.T, offers bool, utf7, utf8 []string) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-ended })
	quote := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	go func() {
		defer close(ended)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		caps := "IMAP4rev1 NAMESPACE"
		if offers {
			caps += " ENABLE UTF8=ACCEPT"
		}
		fmt.Fprintf(conn, "* OK [CAPABILITY %s] hello\r\n", caps)
		names := utf7
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			tag, command, _ := strings.Cut(lines.Text(), " ")
			name, argument, _ := strings.Cut(command, " ")
			switch name {
			case "LOGIN":
				fmt.Fprintf(conn, "%s OK [CAPABILITY %s] in\r\n", tag, caps)
				continue
			case "ENABLE":
				fmt.Fprintf(conn, "* ENABLED %s\r\n", argument)
				names = utf8
			case "NAMESPACE":
				fmt.Fprintf(conn, "* NAMESPACE ((\"\" \"/\")) ((%s \"/\")) NIL\r\n", quote(names[0]+"/"))
			case "LIST":
				if argument == `"" "*"` {
					for _, n := range names[1:] {
						fmt.Fprintf(conn, "* LIST () \"/\" %s\r\n", quote(n))
					}
				} else if argument == `"" `+quote(names[0]+"/*") {
					fmt.Fprintf(conn, "* LIST () \"/\" %s\r\n", quote(names[0]+"/x"))
				} else {
					t.Errorf("LIST %s", argument)
				}
			case "EXAMINE", "STATUS":
				asked, _, _ := strings.Cut(argument, " (")
				if !slices.ContainsFunc(names, func(n string) bool { return quote(n) == asked || n == asked || quote(n+"/x") == asked }) {
					fmt.Fprintf(conn, "%s NO there is no %s\r\n", tag, asked)
					continue
				}
				fmt.Fprintf(conn, "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1] x\r\n")
			}
			fmt.Fprintf(conn, "%s OK done\r\n", tag)
		}
	}()
	return ln.Addr().String()
}

// TestNames has the same mailboxes, by the same names, with UTF8=ACCEPT and
// without, and can open them.
func TestNames(t *testing.T) {
	utf8 := []string{"Öffentlich", "INBOX", "Entwürfe", "R&D", `say "hi" \o`, "日本/&語", "&-", "plain", "=raw=6162"}
	utf7 := []string{"&ANY-ffentlich", "INBOX", "Entw&APw-rfe", "R&-D", `say "hi" \o`, "&ZeVnLA-/&-&ip4-", "&--", "plain", "=raw=6162"}
	var first []cache.ID
	for _, offers := range []bool{false, true} {
		c, err := Dial(t.Context(), Options{
			Address: namesServer(t, offers, utf7, utf8), Security: Plaintext, Username: "alice", Password: "secret",
			MaxConnections: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		list, err := c.Mailboxes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var ids []cache.ID
		for _, m := range list {
			ids = append(ids, m.ID())
			if _, err := c.Snapshot(t.Context(), m.ID(), cache.State{}); err != nil {
				t.Errorf("UTF8=ACCEPT %v: open %q: %v", offers, m.Name, err)
			}
		}
		if first == nil {
			first = ids
			want := append(slices.Clone(utf8[1:]), "Öffentlich/x")
			if !slices.EqualFunc(ids, want, func(id cache.ID, name string) bool { return id.Name == name }) {
				t.Errorf("got %v, want %q", ids, want)
			}
		} else if !slices.Equal(ids, first) {
			t.Errorf("with UTF8=ACCEPT %v, without %v", ids, first)
		}
	}
}

// TestNamesOfMemoryServer does so with go-imap's server, which offers UTF8=ACCEPT.
func TestNamesOfMemoryServer(t *testing.T) {
	names := []string{"Entwürfe", `say "hi" \o`, "日本/語"}
	user := imapmemserver.NewUser("alice", "secret")
	backend := imapmemserver.New()
	backend.AddUser(user)
	for _, name := range append([]string{"INBOX"}, names...) {
		if err := user.Create(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return backend.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, InsecureAuth: true,
	})
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(ln) }()
	t.Cleanup(func() { server.Close(); <-ended })
	c, log, err := signIn(t, Options{Address: ln.Addr().String(), Security: Plaintext, Username: "alice", Password: "secret"})
	if err != nil || !strings.Contains(log, "ENABLED UTF8=ACCEPT") {
		t.Fatalf("%v\n%s", err, log)
	}
	list, err := c.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := c.Snapshot(t.Context(), cache.ID{Name: name}, cache.State{}); err != nil {
			t.Errorf("open %q: %v", name, err)
		}
		if !slices.ContainsFunc(list, func(m cache.Mailbox) bool { return m.ID() == cache.ID{Name: name} }) {
			t.Errorf("%q is not among %v", name, list)
		}
	}
}
