package imaptest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

var date = time.Date(2026, 3, 4, 9, 12, 59, 0, time.UTC)

// servers runs a test on each kind of server.
func servers(t *testing.T, test func(t *testing.T, start func(testing.TB, ...Option) *Server)) {
	t.Run("dovecot", func(t *testing.T) { test(t, Dovecot) })
	t.Run("cyrus", func(t *testing.T) { test(t, Cyrus) })
	t.Run("memory", func(t *testing.T) { test(t, Memory) })
}

func fetchAll(t *testing.T, c *imapclient.Client, mailbox string) []*imapclient.FetchMessageBuffer {
	t.Helper()
	if _, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDeliver(t *testing.T) {
	message := func(i int) []byte { // with the date for Mailutils, which looks for it there
		return fmt.Appendf(nil, "Date: %s\r\nSubject: %d\r\n\r\nhello\r\n", date.Add(time.Duration(i)*time.Hour).Format(time.RFC1123Z), i)
	}
	test := func(t *testing.T, start func(testing.TB, ...Option) *Server) {
		s := start(t)
		for i := range 12 {
			s.Deliver("INBOX", message(i), date.Add(time.Duration(i)*time.Hour), `\Seen`, `\Flagged`)
		}
		list := fetchAll(t, s.Client(), "INBOX")
		if len(list) != 12 {
			t.Fatalf("%d messages", len(list))
		}
		for i, m := range list {
			body := string(m.FindBodySection(&imap.FetchItemBodySection{Peek: true}))
			if want := string(message(i)); body != want || int(m.UID) != i+1 {
				t.Errorf("UID %d is %q, want %d, %q", m.UID, body, i+1, want)
			}
			if want := date.Add(time.Duration(i) * time.Hour); !m.InternalDate.Equal(want) {
				t.Errorf("UID %d: INTERNALDATE %v, want %v", m.UID, m.InternalDate, want)
			}
			for _, f := range []imap.Flag{imap.FlagSeen, imap.FlagFlagged} {
				if !slices.Contains(m.Flags, f) {
					t.Errorf("UID %d: flags %v", m.UID, m.Flags)
				}
			}
		}
	}
	servers(t, test)
	t.Run("courier", func(t *testing.T) { test(t, Courier) })
	t.Run("mailutils", func(t *testing.T) { test(t, Mailutils) })
}

func TestDeliverBareLF(t *testing.T) {
	s := Dovecot(t)
	s.Deliver("INBOX", []byte("Subject: a\n\none\ntwo\r\n"), date)
	list := fetchAll(t, s.Client(), "INBOX")
	if len(list) != 1 || string(list[0].BodySection[0].Bytes) != "Subject: a\r\n\r\none\r\ntwo\r\n" {
		t.Errorf("got %+v", list)
	}
}

func TestMailboxes(t *testing.T) {
	servers(t, func(t *testing.T, start func(testing.TB, ...Option) *Server) {
		want := []string{"100% sure", "A&B", "Archive/2019", "a.b", "с/受信箱 📁", "50%41"}
		if strings.HasSuffix(t.Name(), "/cyrus") { // which has no "%" in names
			want = want[1:5]
		}
		s := start(t, WithMailboxes(want...))
		for _, name := range want {
			s.Deliver(name, []byte("Subject: in "+name+"\r\n\r\n"), date)
		}
		c := s.Client()
		boxes, err := c.List("", "*", nil).Collect()
		if err != nil {
			t.Fatal(err)
		}
		listed := map[string]bool{}
		for _, b := range boxes {
			listed[b.Mailbox] = true
			if b.Delim != '/' {
				t.Errorf("%q: delimiter %q", b.Mailbox, b.Delim)
			}
		}
		for _, name := range append(want, "INBOX") {
			if !listed[name] {
				t.Errorf("%q is not in %v", name, listed)
			}
		}
		for _, name := range want {
			if list := fetchAll(t, c, name); len(list) != 1 || !bytes.Contains(list[0].BodySection[0].Bytes, []byte(name)) {
				t.Errorf("%q: %d messages", name, len(list))
			}
		}
	})
}

func TestTLS(t *testing.T) {
	servers(t, func(t *testing.T, start func(testing.TB, ...Option) *Server) {
		s := start(t, WithTLS())
		ca, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		o := &imapclient.Options{TLSConfig: &tls.Config{RootCAs: roots}}
		for _, dial := range []func() (*imapclient.Client, error){
			func() (*imapclient.Client, error) { return imapclient.DialStartTLS(s.Addr, o) },
			func() (*imapclient.Client, error) { return imapclient.DialTLS(s.TLSAddr, o) },
		} {
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Login(s.Username, s.Password).Wait(); err != nil {
				t.Error(err)
			}
			if err := c.Login(s.Username, "wrong").Wait(); err == nil {
				t.Error("a wrong password was accepted")
			}
			c.Close()
		}
		if _, err := imapclient.DialTLS(s.TLSAddr, nil); err == nil {
			t.Error("the certificate is one of the system's")
		}
	})
}

func TestWithConfig(t *testing.T) {
	s := Dovecot(t, WithConfig("imap_capability = IMAP4rev1 IDLE"))
	caps := s.Client().Caps()
	if !caps.Has(imap.CapIdle) || caps.Has(imap.CapCondStore) {
		t.Errorf("capabilities %v", caps)
	}
}

func TestModifiedUTF7(t *testing.T) {
	for name, want := range map[string]string{
		"INBOX": "INBOX", "A&B": "A&-B", "Entwürfe": "Entw&APw-rfe", "台北": "&U,BTFw-", "📁x": "&2D3cwQ-x", "é&é": "&AOk-&-&AOk-",
	} {
		if got := modifiedUTF7(name); got != want {
			t.Errorf("modifiedUTF7(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	if got := tail(strings.Repeat("x\n", 9)+"y\nz\n", 2); got != "y\nz\n" && got != "z\n" {
		t.Errorf("tail = %q", got)
	}
}
