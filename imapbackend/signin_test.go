package imapbackend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// signIn signs in, and returns what of the dialogue was logged.
func signIn(t *testing.T, o Options) (*Client, string, error) {
	t.Helper()
	var log strings.Builder
	o.ProtocolLog, o.MaxConnections, o.Log = &log, 1, slog.New(slog.NewTextHandler(io.Discard, nil))
	c, err := Dial(t.Context(), o)
	if err == nil {
		t.Cleanup(c.Close)
		if _, err := c.Mailboxes(t.Context()); err != nil {
			t.Error(err)
		}
	}
	return c, log.String(), err
}

// patient has a Dovecot answer at once after failed attempts, too.
const patient = "service anvil {\n unix_listener anvil-auth-penalty {\n  mode = 0\n }\n}"

// TestPasswordMechanisms signs in at a Dovecot by each mechanism, with the right
// password and with a wrong one.
func TestPasswordMechanisms(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig(patient), imaptest.WithConfig("auth_mechanisms = plain login scram-sha-1 scram-sha-256"))
	for _, mechanism := range []string{"", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"} {
		o := Options{Address: s.Addr, Security: Plaintext, Username: s.Username, Password: s.Password, Mechanism: mechanism}
		want := mechanism
		if want == "" {
			want = "SCRAM-SHA-256"
		}
		_, log, err := signIn(t, o)
		if err != nil || !strings.Contains(log, "AUTHENTICATE "+want) {
			t.Errorf("%s: %v\n%s", want, err, log)
		}
		o.Password = "wrong, and löng"
		_, log, err = signIn(t, o)
		if !errors.Is(err, ErrAuth) || !errors.Is(err, cache.ErrPermission) || strings.Count(log, "AUTHENTICATE") != 1 {
			t.Errorf("%s, wrong password: %v\n%s", want, err, log)
		}
	}
	o := Options{Address: s.Addr, Security: Plaintext, Username: s.Username, Password: s.Password, Mechanism: "SCRAM-SHA-512"}
	if _, _, err := signIn(t, o); !errors.Is(err, ErrNoLogin) || !strings.Contains(err.Error(), "SCRAM-SHA-512 is not offered, the server offers PLAIN, LOGIN") {
		t.Errorf("err = %v", err)
	}
}

// TestClientCertificate signs in with EXTERNAL, and with a password where a
// server wants the certificate as well.
func TestClientCertificate(t *testing.T) {
	option, issue := imaptest.WithClientCertificates(t)
	s := imaptest.Dovecot(t, imaptest.WithTLS(), imaptest.WithConfig(patient), option)
	pair := func(user string) []tls.Certificate {
		pair, err := tls.LoadX509KeyPair(issue(user))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{pair}
	}
	for _, security := range []Security{ImplicitTLS, StartTLS} {
		config := trusting(t, s)
		config.Certificates = pair("alice")
		o := Options{Address: s.TLSAddr, Security: security, TLS: config, Username: "alice"}
		if security == StartTLS {
			o.Address = s.Addr
		}
		_, log, err := signIn(t, o)
		if err != nil || !strings.Contains(log, "AUTHENTICATE EXTERNAL") {
			t.Errorf("%v\n%s", err, log)
		}
		o.Password, o.Mechanism = s.Password, "PLAIN"
		if _, _, err := signIn(t, o); err != nil {
			t.Error(err)
		}
		o.Password, o.Mechanism = "", ""
		config.Certificates = pair("bob")
		if _, _, err := signIn(t, o); !errors.Is(err, ErrCertificate) || !errors.Is(err, cache.ErrPermission) {
			t.Errorf("with bob's: %v", err)
		}
	}
}

// TestAccessToken signs in at a Dovecot that asks an authorization server about
// tokens (RFC 7662). One that was refused is asked for anew, once.
func TestAccessToken(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig(patient), imaptest.WithAccessTokens(t, func(token string) bool {
		return strings.HasPrefix(token, "good")
	}))
	for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
		var mu sync.Mutex
		var refusals []string
		give := func(tokens ...string) func(context.Context, string) (string, error) {
			refusals = nil
			return func(_ context.Context, refused string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				refusals = append(refusals, refused)
				return tokens[min(len(refusals), len(tokens))-1], nil
			}
		}
		o := Options{Address: s.Addr, Security: Plaintext, Username: "alice", Mechanism: mechanism}
		long := "good" + strings.Repeat("x", 6000)
		for _, tokens := range [][]string{{"good-token"}, {"expired-token", "good-token"}, {long}} {
			o.Token = give(tokens...)
			_, log, err := signIn(t, o)
			if err != nil || !strings.Contains(log, "AUTHENTICATE "+mechanism) || len(refusals) != len(tokens) || len(tokens) == 2 && refusals[1] != tokens[0] {
				t.Errorf("%s, %d tokens: %v, %q\n%s", mechanism, len(tokens), err, refusals, log)
			}
			if strings.Contains(log, "-token") {
				t.Errorf("a token is in the log:\n%s", log)
			}
		}
		for _, tokens := range [][]string{{"expired"}, {"expired", "also-expired"}} {
			o.Token = give(tokens...)
			_, _, err := signIn(t, o)
			if !errors.Is(err, ErrToken) || !errors.Is(err, cache.ErrPermission) || len(refusals) != 2 {
				t.Errorf("%s: %v, %q", mechanism, err, refusals)
			}
		}
		o.Token = func(context.Context, string) (string, error) { return "", errors.New("no luck") }
		if _, _, err := signIn(t, o); !errors.Is(err, ErrNoToken) || !errors.Is(err, cache.ErrOffline) {
			t.Error(err)
		}
	}
}

// trusting is a configuration that trusts the server.
func trusting(t *testing.T, s *imaptest.Server) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}
