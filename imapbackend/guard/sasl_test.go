package guard

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const pencil = "pencil, \"the\" sécret"

// hello greets with these capabilities.
func hello(s *server, caps string) { s.send("* OK [CAPABILITY IMAP4rev1 %s] hello\r\n", caps) }

// decoded reads a line of base64.
func (s *server) decoded() string {
	l := s.line()
	b, err := base64.StdEncoding.DecodeString(l)
	if err != nil {
		s.t.Errorf("got %q: %v", l, err)
	}
	return string(b)
}

func (s *server) challenge(text string) {
	s.send("+ %s\r\n", base64.StdEncoding.EncodeToString([]byte(text)))
}

// in lets the user in, and answers the first command.
func (s *server) in(tag string) {
	s.send("%s OK [CAPABILITY IMAP4rev1 IDLE] in\r\n", tag)
}

// signIn runs a prologue with these credentials against a script.
func signIn(t *testing.T, p Prologue, script func(*server)) (log, told string, err error) {
	t.Helper()
	var logged bytes.Buffer
	var all strings.Builder
	hooks := Hooks{Status: func(st Status, _ bool) { fmt.Fprintf(&all, "%s %q\n", st.Error(), st.Text) }}
	ended := make(chan struct{})
	c := pair(t, Options{Log: &logged, Hooks: hooks}, func(s *server) {
		defer close(ended)
		script(s)
	})
	_, err = c.Prologue(within(t, 10*time.Second), p)
	<-ended
	return logged.String(), all.String(), err
}

// TestBearer says what RFC 7628 (section 4) and Google's and Microsoft's pages
// on XOAUTH2 have as examples.
func TestBearer(t *testing.T) {
	const (
		rfc7628  = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
		rfcError = "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWcifQ=="
		google   = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
		gError   = "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K"
	)
	rfc := Credentials{Username: "user@example.com", Token: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="}
	goog := Credentials{Username: "someuser@example.com", Token: "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"}
	for _, tt := range []struct {
		name        string
		credentials Credentials
		script      func(*server)
		text        string // of an ErrToken
	}{
		{"OAUTHBEARER", rfc, func(s *server) {
			hello(s, "AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR")
			s.in(s.expect("AUTHENTICATE OAUTHBEARER " + rfc7628))
		}, ""},
		{"OAUTHBEARER refused", rfc, func(s *server) {
			hello(s, "AUTH=OAUTHBEARER SASL-IR")
			tag := s.expect("AUTHENTICATE OAUTHBEARER " + rfc7628)
			s.send("+ %s\r\n", rfcError)
			if l := s.line(); l != "AQ==" {
				s.t.Errorf("got %q", l)
			}
			s.send("%s NO SASL authentication failed\r\n", tag)
		}, "login refused: NO SASL authentication failed (status invalid_token)"},
		{"XOAUTH2", goog, func(s *server) {
			hello(s, "AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN SASL-IR")
			s.in(s.expect("AUTHENTICATE XOAUTH2 " + google))
		}, ""},
		{"XOAUTH2 refused", goog, func(s *server) {
			hello(s, "AUTH=XOAUTH2")
			tag := s.expect("AUTHENTICATE XOAUTH2")
			s.send("+ \r\n")
			if l := s.line(); l != google {
				s.t.Errorf("got %q", l)
			}
			s.send("+ %s\r\n", gError)
			if l := s.line(); l != "" {
				s.t.Errorf("got %q", l)
			}
			s.send("%s NO SASL authentication failed\r\n", tag)
		}, "login refused: NO SASL authentication failed (status 401)"},
		{"an error that repeats the token", goog, func(s *server) {
			hello(s, "AUTH=XOAUTH2 SASL-IR")
			tag := s.expect("AUTHENTICATE XOAUTH2 " + google)
			s.challenge(`{"status":"no \u0007` + goog.Token + `"}`)
			s.line()
			s.send("%s NO not with %s\r\n", tag, goog.Token)
		}, "login refused: NO not with *** (status no ***)"},
		{"no error to read", goog, func(s *server) {
			hello(s, "AUTH=XOAUTH2 SASL-IR")
			tag := s.expect("AUTHENTICATE XOAUTH2 " + google)
			s.challenge(`[` + strings.Repeat("[", 40_000))
			s.line()
			s.send("%s NO no\r\n", tag)
		}, "login refused: NO no"},
		{"forced", Credentials{Username: "someuser@example.com", Token: goog.Token, Mechanism: "XOAUTH2"}, func(s *server) {
			hello(s, "AUTH=OAUTHBEARER AUTH=XOAUTH2 SASL-IR")
			s.in(s.expect("AUTHENTICATE XOAUTH2 " + google))
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, told, err := signIn(t, Prologue{Address: "server.example.com:143", Credentials: tt.credentials}, tt.script)
			if tt.text == "" && err != nil || tt.text != "" && (!errors.Is(err, ErrAuth) || !errors.Is(err, ErrToken) || err.Error() != tt.text) {
				t.Errorf("err = %v", err)
			}
			for _, secret := range []string{tt.credentials.Token, rfc7628, google} {
				if strings.Contains(log+told, secret) {
					t.Errorf("the token is in %s", log+told)
				}
			}
		})
	}
}

// TestOAuthName escapes the characters that part the fields of GS2 (RFC 5801).
func TestOAuthName(t *testing.T) {
	_, _, err := signIn(t, Prologue{Credentials: Credentials{Username: "a=b,c", Token: "t"}}, func(s *server) {
		hello(s, "AUTH=OAUTHBEARER")
		tag := s.expect("AUTHENTICATE OAUTHBEARER")
		s.send("+ \r\n")
		if got := s.decoded(); got != "n,a=a=3Db=2Cc,\x01auth=Bearer t\x01\x01" {
			s.t.Errorf("got %q", got)
		}
		s.in(tag)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLiteralsAtOnce sends LOGIN in one go where the server takes that.
func TestLiteralsAtOnce(t *testing.T) {
	_, _, err := signIn(t, Prologue{Credentials: Credentials{Username: "älice", Password: "sécret"}}, func(s *server) {
		hello(s, "LITERAL-")
		tag := s.expect("LOGIN {6+}")
		if user, password := s.line(), s.line(); user != "älice {7+}" || password != "sécret" {
			s.t.Errorf("got %q, %q", user, password)
		}
		s.in(tag)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOtherMechanisms runs EXTERNAL and LOGIN.
func TestOtherMechanisms(t *testing.T) {
	for _, tt := range []struct {
		name        string
		credentials Credentials
		script      func(*server)
		want        error
		text        string
	}{
		{"EXTERNAL", Credentials{Username: "alice", Certificate: true}, func(s *server) {
			hello(s, "AUTH=PLAIN AUTH=EXTERNAL SASL-IR")
			s.in(s.expect("AUTHENTICATE EXTERNAL YWxpY2U="))
		}, nil, ""},
		{"EXTERNAL, before the password", Credentials{Username: "alice", Password: pencil, Certificate: true}, func(s *server) {
			hello(s, "AUTH=PLAIN AUTH=EXTERNAL")
			tag := s.expect("AUTHENTICATE EXTERNAL")
			s.send("+ \r\n")
			s.line()
			s.send("%s NO who are you\r\n", tag)
		}, ErrCertificate, "login refused: NO who are you"},
		{"a certificate is not wanted", Credentials{Username: "alice", Password: pencil, Certificate: true}, func(s *server) {
			hello(s, "AUTH=PLAIN")
			tag := s.expect("AUTHENTICATE PLAIN")
			s.send("+ \r\n")
			if got := s.decoded(); got != "\x00alice\x00"+pencil {
				s.t.Errorf("got %q", got)
			}
			s.in(tag)
		}, nil, ""},
		{"no password", Credentials{Username: "alice", Certificate: true}, func(s *server) {
			hello(s, "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=X\x07Y")
		}, ErrNoLogin, "no way to log in: the server offers PLAIN, SCRAM-SHA-256, XY"},
		{"not what was asked for", Credentials{Username: "alice", Password: pencil, Mechanism: "SCRAM-SHA-256"}, func(s *server) {
			hello(s, "AUTH=PLAIN")
		}, ErrNoLogin, "no way to log in: SCRAM-SHA-256 is not offered, the server offers PLAIN"},
		{"AUTH=LOGIN", Credentials{Username: "alice", Password: pencil}, func(s *server) {
			hello(s, "AUTH=LOGIN SASL-IR LOGINDISABLED")
			tag := s.expect("AUTHENTICATE LOGIN")
			s.challenge("User Name\x00")
			user := s.decoded()
			s.challenge("Your password, please:")
			if password := s.decoded(); user != "alice" || password != pencil {
				s.t.Errorf("got %q, %q", user, password)
			}
			s.in(tag)
		}, nil, ""},
		{"AUTH=LOGIN that goes on", Credentials{Username: "alice", Password: pencil, Mechanism: "LOGIN"}, func(s *server) {
			hello(s, "AUTH=LOGIN AUTH=PLAIN")
			tag := s.expect("AUTHENTICATE LOGIN")
			for range 3 {
				s.send("+ \r\n")
				s.line()
			}
			s.send("%s OK in\r\n", tag)
		}, errAny, "unexpected server challenge"},
		{"a challenge that is none", Credentials{Username: "alice", Password: pencil}, func(s *server) {
			hello(s, "AUTH=SCRAM-SHA-256")
			s.expect("AUTHENTICATE SCRAM-SHA-256")
			s.send("+ \r\n")
			s.line()
			s.send("+ ****\r\n")
			if l := s.line(); l != "*" {
				s.t.Errorf("got %q", l)
			}
		}, errAny, "not base64"},
		{"a NUL", Credentials{Username: "alice", Password: "a\x00b"}, func(s *server) { hello(s, "AUTH=PLAIN") }, errAny, "NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, told, err := signIn(t, Prologue{Credentials: tt.credentials}, tt.script)
			switch {
			case tt.want == nil && err != nil, tt.want != nil && err == nil, tt.want != nil && tt.want != errAny && !errors.Is(err, tt.want):
				t.Errorf("err = %v", err)
			case err != nil && !strings.Contains(err.Error(), tt.text):
				t.Errorf("err = %v, want %q", err, tt.text)
			}
			if strings.Contains(log+told, pencil) {
				t.Errorf("the password is in %s", log+told)
			}
		})
	}
}

// TestSecretsStayHidden runs every mechanism with a server that repeats all that
// it was told, in the clear and as it came: nothing of it is in the log, in what
// the hooks get, or in the error.
func TestSecretsStayHidden(t *testing.T) {
	for _, name := range append(Mechanisms(), "command") {
		if strings.HasSuffix(name, "-PLUS") || name == "EXTERNAL" {
			continue // has TLS around it; has no secret
		}
		for _, initial := range []string{"", " SASL-IR"} {
			credentials := Credentials{Username: "alice", Password: pencil}
			if strings.Contains(name, "OAUTH") {
				credentials = Credentials{Username: "alice", Token: "ya29.token-of-alice"}
			}
			var secrets []string
			log, told, err := signIn(t, Prologue{Credentials: credentials}, func(s *server) {
				offer := "AUTH=" + name + initial
				if name == "command" {
					offer = "LITERAL+"
				}
				hello(s, offer)
				tag := ""
				prompts := []string{"", "p", "p"}
				if strings.HasPrefix(name, "SCRAM") {
					prompts[1] = "r=%rx,s=c2FsdHNhbHQ=,i=4096"
				}
				if strings.Contains(name, "OAUTH") {
					prompts = prompts[:1]
				}
				if initial != "" && name != "LOGIN" && name != "command" {
					prompts = prompts[1:]
				}
				for round := range 4 {
					l := s.line()
					if l == "" && name != "XOAUTH2" {
						break
					}
					fields := strings.Fields(l)
					said := l
					if round == 0 && len(fields) > 0 {
						tag = fields[0]
						said = fields[len(fields)-1]
						if name == "command" {
							said = s.line()
						}
					}
					plain, _ := base64.StdEncoding.DecodeString(said)
					s.send("* OK [ALERT] %s\r\n* NO [X %s] %s %s\r\n", said, said, plain, l)
					if len(said) > 8 && said != "YWxpY2U=" && !strings.HasPrefix(name, said) {
						secrets = append(secrets, said)
						if len(plain) > 8 && name != "PLAIN" {
							secrets = append(secrets, string(bytes.Trim(plain, "\x01")))
						}
					}
					if len(prompts) == 0 || name == "command" {
						break
					}
					if _, r, ok := strings.Cut(string(plain), "r="); ok {
						prompts[0] = strings.ReplaceAll(prompts[0], "%r", r)
					}
					s.challenge(prompts[0])
					prompts = prompts[1:]
				}
				s.send("%s NO [AUTHENTICATIONFAILED] %s\r\n", tag, strings.Join(secrets, " "))
			})
			secrets = append(secrets, "c2FsdHNhbHQ", "czFjMkZz") // of the server
			secrets = append(secrets, pencil, base64.StdEncoding.EncodeToString([]byte(pencil)), "token-of-alice")
			if err == nil {
				t.Errorf("%s: let in", name)
			}
			for _, secret := range slices.Compact(secrets) {
				if where := log + told + fmt.Sprint(err); strings.Contains(where, secret) {
					t.Errorf("%s%s: %q is in %s", name, initial, secret, where)
				}
			}
		}
	}
}
