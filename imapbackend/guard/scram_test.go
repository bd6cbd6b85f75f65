package guard

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// scramServer plays the server's side with another implementation's half.
// alter may change what it says.
func scramServer(s *server, mechanism string, binding scram.ChannelBinding, alter func(step int, text string) string) (valid bool) {
	client, err := scram.SHA256.NewClient("alice", pencil, "")
	if err != nil {
		s.t.Error(err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "0123456789abcdef", Iters: 4096})
	if err != nil {
		s.t.Error(err)
	}
	half, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		s.t.Error(err)
	}
	run := half.NewConversation()
	if strings.HasSuffix(mechanism, "-PLUS") {
		run = half.NewConversationWithChannelBinding(binding)
	}
	s.send("+ \r\n")
	for step := range 2 {
		answer, _ := run.Step(s.decoded())
		if answer = alter(step, answer); answer == "" {
			return run.Valid()
		}
		s.challenge(answer)
	}
	if l := s.line(); l != "" && l != "*" {
		s.t.Errorf("got %q at the end", l)
	}
	return run.Valid()
}

func honest(_ int, text string) string { return text }

func TestSCRAM(t *testing.T) {
	const offer = "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=LOGIN"
	for _, tt := range []struct {
		name   string
		script func(s *server)
		want   error
		text   string
	}{
		{"signed in", func(s *server) {
			hello(s, offer)
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			if !scramServer(s, "", scram.ChannelBinding{}, honest) {
				s.t.Error("the server does not agree")
			}
			s.in(tag)
		}, nil, ""},
		{"a wrong signature", func(s *server) {
			hello(s, offer)
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			scramServer(s, "", scram.ChannelBinding{}, func(step int, text string) string {
				if step == 1 {
					return "v=" + base64.StdEncoding.EncodeToString(make([]byte, 32))
				}
				return text
			})
			s.send("%s OK do come in\r\n", tag)
			if l := s.line(); l != "" {
				s.t.Errorf("and then got %q", l)
			}
		}, ErrImpostor, "does not prove"},
		{"no signature", func(s *server) {
			hello(s, offer)
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			scramServer(s, "", scram.ChannelBinding{}, func(step int, text string) string { return text[:len(text)*(1-step)] })
			s.in(tag)
		}, ErrImpostor, "does not prove"},
		{"let in at once", func(s *server) {
			hello(s, offer)
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			s.send("+ \r\n")
			s.line()
			s.in(tag)
		}, ErrImpostor, "does not prove"},
		{"good-bye after a wrong signature", func(s *server) {
			hello(s, offer)
			s.expect("AUTHENTICATE SCRAM-SHA-256")
			scramServer(s, "", scram.ChannelBinding{}, func(step int, text string) string { return strings.Replace(text, "v=", "v=AA", 1) })
			s.send("* BYE\r\n")
		}, ErrImpostor, "does not prove"},
		{"refused in its own words", func(s *server) {
			hello(s, offer)
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			scramServer(s, "", scram.ChannelBinding{}, func(step int, text string) string {
				return []string{text, "e=invalid-proof"}[step]
			})
			s.send("%s NO [AUTHENTICATIONFAILED] no\r\n", tag)
			if l := s.line(); l != "" {
				s.t.Errorf("and then got %q", l)
			}
		}, ErrAuth, "login refused: NO [AUTHENTICATIONFAILED] no (invalid-proof)"},
		{"refused after the proof, without a code", func(s *server) {
			hello(s, offer)
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			scramServer(s, "", scram.ChannelBinding{}, func(step int, text string) string { return text[:len(text)*(1-step)] })
			s.send("%s NO not this way\r\n", tag)
			tag = s.expect("AUTHENTICATE PLAIN")
			s.send("+ \r\n")
			s.line()
			s.send("%s NO no\r\n", tag)
			if l := s.line(); l != "" {
				s.t.Errorf("and then got %q", l)
			}
		}, ErrAuth, "login refused: NO no"},
		{"of no use to this account", func(s *server) {
			hello(s, offer+" AUTH=SCRAM-SHA-1")
			tag := s.expect("AUTHENTICATE SCRAM-SHA-256")
			s.send("+ \r\n")
			s.line()
			s.send("%s NO [AUTHENTICATIONFAILED] no secret in the database\r\n", tag)
			tag = s.expect("AUTHENTICATE PLAIN")
			s.send("+ \r\n")
			s.line()
			s.in(tag)
		}, nil, ""},
		{"too much work", func(s *server) {
			hello(s, offer)
			s.expect("AUTHENTICATE SCRAM-SHA-256")
			s.send("+ \r\n")
			nonce := s.decoded()
			nonce = nonce[strings.Index(nonce, "r="):]
			s.challenge(nonce + "x,s=c2FsdHNhbHQ=,i=2000000000")
			if l := s.line(); l != "*" {
				s.t.Errorf("got %q", l)
			}
		}, errAny, `asks for "2000000000" iterations`},
		{"too little work", func(s *server) {
			hello(s, offer)
			s.expect("AUTHENTICATE SCRAM-SHA-256")
			s.send("+ \r\n")
			nonce := s.decoded()
			nonce = nonce[strings.Index(nonce, "r="):]
			s.challenge(nonce + "x,s=c2FsdHNhbHQ=,i=1")
			if l := s.line(); l != "*" {
				s.t.Errorf("got %q", l)
			}
		}, errAny, "too few iterations"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, told, err := signIn(t, Prologue{Credentials: Credentials{Username: "alice", Password: pencil}}, tt.script)
			if tt.want == nil && err != nil || tt.want != nil && (err == nil || tt.want != errAny && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("err = %v", err)
			}
			if strings.Contains(log+told, pencil) {
				t.Errorf("the password is in %s", log+told)
			}
		})
	}
}

// TestSCRAMPlus binds SCRAM to TLS, and goes without where the server cannot.
func TestSCRAMPlus(t *testing.T) {
	serverTLS, clientTLS := certificate(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, offer := range []string{"AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", "AUTH=SCRAM-SHA-256-PLUS, useless", "AUTH=SCRAM-SHA-256"} {
			config := clientTLS.Clone()
			config.MaxVersion = version
			plus := strings.Contains(offer, "PLUS")
			_, useless := strings.CutSuffix(offer, ", useless")
			script := func(s *server) {
				hello(s, "STARTTLS")
				s.answer("STARTTLS", "%T OK go\r\n")
				conn := tls.Server(s.nc, serverTLS)
				s.nc = conn
				s.br.Reset(conn)
				caps := "AUTH=PLAIN AUTH=SCRAM-SHA-256 "
				if plus {
					caps += "AUTH=SCRAM-SHA-256-PLUS"
				}
				s.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 "+caps+"\r\n%T OK done\r\n")
				mechanism := "SCRAM-SHA-256"
				if plus {
					mechanism += "-PLUS"
				}
				if useless {
					tag := s.expect("AUTHENTICATE SCRAM-SHA-256-PLUS")
					s.send("+ \r\n")
					s.line()
					s.send("%s NO no such binding\r\n", tag)
					mechanism = "SCRAM-SHA-256"
				}
				state := conn.ConnectionState()
				binding, err := scram.NewTLSExporterBinding(&state)
				if version == tls.VersionTLS12 {
					own, parseErr := x509.ParseCertificate(serverTLS.Certificates[0].Certificate[0])
					if parseErr != nil {
						s.t.Error(parseErr)
					}
					binding, err = scram.NewTLSServerEndpointBinding(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}})
				}
				if err != nil {
					s.t.Error(err)
				}
				tag := s.expect("AUTHENTICATE " + mechanism)
				if !scramServer(s, mechanism, binding, honest) {
					s.t.Errorf("%x %s: the server does not agree", version, offer)
				}
				s.in(tag)
			}
			if _, _, err := signIn(t, Prologue{StartTLS: config, Credentials: Credentials{Username: "alice", Password: pencil}}, script); err != nil {
				t.Errorf("%x %s: %v", version, offer, err)
			}
		}
	}
}
