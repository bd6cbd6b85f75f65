package guard

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

func TestLogin(t *testing.T) {
	const hello = "* OK [CAPABILITY IMAP4rev1 %s] hello\r\n"
	greet := func(caps string) func(*server) { return func(s *server) { s.send(hello, caps) } }
	const in = "%T OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"
	for _, tt := range []struct {
		name, user, password string
		greet                func(*server)
		script               func(*server)
		want                 error
		text                 string
	}{
		{"PLAIN with initial response", "alice", "secret", greet("AUTH=PLAIN SASL-IR"), func(s *server) {
			s.answer("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", in)
		}, nil, ""},
		{"PLAIN without", "alice", "secret", greet("AUTH=PLAIN"), func(s *server) {
			tag := s.expect("AUTHENTICATE PLAIN")
			s.send("+ \r\n")
			if l := s.line(); l != "AGFsaWNlAHNlY3JldA==" {
				s.t.Errorf("got %q", l)
			}
			s.send("%s OK [CAPABILITY IMAP4rev1 IDLE] in\r\n", tag)
		}, nil, ""},
		{"PLAIN with a challenge", "alice", "secret", greet("AUTH=PLAIN SASL-IR"), func(s *server) {
			tag := s.expect("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==")
			s.send("+ eA==\r\n")
			if l := s.line(); l != "*" {
				s.t.Errorf("got %q", l)
			}
			s.send("%s BAD cancelled\r\n", tag)
		}, errAny, "login: sasl: unexpected server challenge"},
		{"LOGIN", "alice", `se"c\ret`, greet("AUTH=GSSAPI"), func(s *server) {
			s.answer(`LOGIN "alice" "se\"c\\ret"`, in)
		}, nil, ""},
		{"LOGIN with literals", "älice", "sécret", greet(""), func(s *server) {
			tag := s.expect("LOGIN {6}")
			s.send("+ \r\n")
			if l := s.line(); l != "älice {7}" {
				s.t.Errorf("got %q", l)
			}
			s.send("+ \r\n")
			if l := s.line(); l != "sécret" {
				s.t.Errorf("got %q", l)
			}
			s.send("* CAPABILITY IMAP4rev1 IDLE\r\n%s OK in\r\n", tag)
		}, nil, ""},
		{"flood of continuations", "alice", "secret", greet(""), func(s *server) {
			s.expect(`LOGIN "alice" "secret"`)
			s.send("+ \r\n+ \r\n+ \r\n")
			s.line()
		}, errAny, "unexpected continuation request"},
		{"capabilities asked for", "alice", "secret", func(s *server) {
			s.send("* OK hello\r\n")
			s.answer("CAPABILITY", "* CAPABILITY imap4rev1 auth=plain sasl-ir\r\n%T OK\r\n")
		}, func(s *server) {
			s.answer("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "%T OK in\r\n")
			s.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\n%T OK\r\n")
		}, nil, ""},
		{"LOGINDISABLED", "alice", "secret", greet("LOGINDISABLED"), func(*server) {}, ErrNoLogin, "no way to log in"},
		{"wrong password", "alice", "secret", greet("AUTH=PLAIN SASL-IR"), func(s *server) {
			s.answer("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "%T NO [AUTHENTICATIONFAILED] \x1b[31mno such user\r\n")
		}, ErrAuth, "login refused: NO [AUTHENTICATIONFAILED] [31mno such user"},
		{"password repeated", "alice", "secret", greet(""), func(s *server) {
			s.answer(`LOGIN "alice" "secret"`, "%T NO LOGIN alice secret failed\r\n")
		}, ErrAuth, "login refused: NO LOGIN alice *** failed"},
		{"unavailable", "alice", "secret", greet(""), func(s *server) {
			s.answer(`LOGIN "alice" "secret"`, "%T NO [UNAVAILABLE] try later\r\n")
		}, errAny, "login: NO [UNAVAILABLE] try later"},
		{"privacy required", "alice", "secret", greet(""), func(s *server) {
			s.answer(`LOGIN "alice" "secret"`, "%T NO [PRIVACYREQUIRED] use TLS\r\n")
		}, ErrNoLogin, "use TLS"},
		{"BYE in the greeting", "alice", "secret", func(s *server) { s.send("* BYE too many connections\r\n") }, func(*server) {}, errAny, "BYE too many connections"},
		{"BYE in the login", "alice", "secret", greet(""), func(s *server) {
			s.answer(`LOGIN "alice" "secret"`, "* BYE too many failures\r\n")
		}, errAny, "BYE too many failures"},
		{"closed in the login", "alice", "secret", greet(""), func(s *server) { s.line() }, io.ErrUnexpectedEOF, "the server closed the connection"},
		{"no IMAP", "alice", "secret", func(s *server) { s.send("SSH-2.0-OpenSSH\r\n") }, func(*server) {}, errAny, "this is no IMAP server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			var told strings.Builder
			hooks := Hooks{Status: func(st Status, _ bool) { told.WriteString(st.Error() + "\n") }}
			c := pair(t, Options{Log: &log, Hooks: hooks}, func(s *server) {
				tt.greet(s)
				tt.script(s)
				if tt.want == nil {
					s.ok("NOOP")
				}
			})
			caps, err := c.Prologue(within(t, 10*time.Second), Prologue{Credentials: Credentials{Username: tt.user, Password: tt.password}})
			for _, s := range []string{fmt.Sprint(err), log.String(), told.String()} {
				if strings.Contains(s, tt.password) || strings.Contains(s, "AGFsaWNlAHNlY3JldA==") {
					t.Errorf("the password is in %q", s)
				}
			}
			if tt.want != nil {
				if err == nil || tt.want != errAny && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("err = %v", err)
				}
				if tt.want == errAny && (errors.Is(err, ErrAuth) || errors.Is(err, ErrNoLogin)) {
					t.Errorf("err = %v is taken for wrong credentials", err)
				}
				return
			}
			if err != nil || strings.Join(caps, " ") != "IMAP4REV1 IDLE" {
				t.Fatal(caps, err)
			}
			engine := imapclient.New(c, nil)
			defer engine.Close()
			if !engine.Caps().Has("IDLE") {
				t.Error("the engine does not know the capabilities")
			}
			if err := engine.Noop().Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// errAny is an error without a kind.
var errAny = errors.New("any")

func TestID(t *testing.T) {
	c := pair(t, Options{}, func(s *server) {
		s.send("* PREAUTH [CAPABILITY IMAP4rev1 ID] hello\r\n")
		s.answer(`ID ("name" "imapfs" "version" "\"1\"")`, "* ID NIL\r\n%T NO not for you\r\n")
	})
	id := map[string]string{"version": "\"1\"\r\n", "name": "imapfs"}
	if _, err := c.Prologue(within(t, 10*time.Second), Prologue{ID: id}); err != nil {
		t.Error(err)
	}
}

func TestPrologueDeadline(t *testing.T) {
	done := make(chan struct{})
	c := pair(t, Options{FirstByte: 50 * time.Millisecond}, func(*server) { <-done })
	if _, err := c.Prologue(within(t, 10*time.Second), Prologue{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	close(done)
}

func TestPrologueCancel(t *testing.T) {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	c := pair(t, Options{}, func(s *server) {
		s.send("* OK hello\r\n")
		s.line()
		cancel()
		<-done
	})
	if _, err := c.Prologue(ctx, Prologue{}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	close(done)
}

func TestStartTLS(t *testing.T) {
	server1, client := certificate(t)
	upgrade := func(s *server) {
		conn := tls.Server(s.nc, server1)
		s.nc, s.br = conn, bufio.NewReader(conn)
	}
	const offered = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=EVIL] hello\r\n"
	for _, tt := range []struct {
		name   string
		script func(*server)
		want   error
		text   string
	}{
		{"encrypted", func(s *server) {
			s.send(offered)
			s.answer("STARTTLS", "* CAPABILITY IMAP4rev1 ID\r\n%T OK go\r\n")
			upgrade(s)
			s.answer("CAPABILITY", "* CAPABILITY IMAP4rev1\r\n%T OK done\r\n")
			s.answer(`LOGIN "alice" "secret"`, "%T OK [CAPABILITY IMAP4rev1 IDLE] in\r\n")
		}, nil, ""},
		{"PREAUTH", func(s *server) { s.send("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n") }, ErrNoSTARTTLS, "PREAUTH"},
		{"not offered", func(s *server) { s.send("* OK [CAPABILITY IMAP4rev1] hello\r\n") }, ErrNoSTARTTLS, "does not offer"},
		{"refused", func(s *server) {
			s.send(offered)
			s.answer("STARTTLS", "%T NO not now\r\n")
		}, ErrNoSTARTTLS, "not now"},
		{"injected", func(s *server) {
			s.send(offered)
			s.answer("STARTTLS", "%T OK go\r\n* PREAUTH [CAPABILITY IMAP4rev1] evil\r\n")
			s.line()
		}, ErrNoSTARTTLS, "injected"},
		{"no TLS behind it", func(s *server) {
			s.send(offered)
			s.answer("STARTTLS", "%T OK go\r\n")
			s.br.Peek(1)
			s.send("* OK evil, and long enough for a record\r\n")
		}, errAny, "STARTTLS:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pair(t, Options{}, tt.script)
			caps, err := c.Prologue(within(t, 10*time.Second), Prologue{StartTLS: client, Credentials: Credentials{Username: "alice", Password: "secret"}})
			switch {
			case tt.want == nil:
				if err != nil || strings.Join(caps, " ") != "IMAP4REV1 IDLE" {
					t.Error(caps, err)
				}
			case err == nil || tt.want != errAny && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text):
				t.Errorf("err = %v", err)
			}
		})
	}
}

// certificate returns the configurations of a server and of a client that
// trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mail.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "mail.test"}
}
