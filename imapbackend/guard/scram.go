package guard

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

// scramExchange is SCRAM (RFC 5802, RFC 7677).
type scramExchange struct {
	run    *scram.ClientConversation
	step   int
	denied string // what the server says instead of its signature
}

func startSCRAM(hash scram.HashGeneratorFcn, bound bool) func(*Conn, *Credentials) (sasl.Client, error) {
	return func(c *Conn, cr *Credentials) (sasl.Client, error) {
		client, err := hash.NewClient(cr.Username, cr.Password, "")
		if err != nil {
			// SASLprep knows no character younger than Unicode 3.2; most
			// servers do without it.
			if client, err = hash.NewClientUnprepped(cr.Username, cr.Password, ""); err != nil {
				return nil, err
			}
		}
		secure, encrypted := c.bare().(*tls.Conn)
		switch {
		case bound && !encrypted:
			return nil, errors.New("no TLS to bind it to")
		case bound:
			binding, err := channelBinding(secure.ConnectionState())
			if err != nil {
				return nil, err
			}
			return &scramExchange{run: client.NewConversationWithChannelBinding(binding)}, nil
		case encrypted && !strings.Contains(strings.Join(c.offered, " ")+" ", "-PLUS "):
			// Tells a server that offers it of who took the offer away.
			return &scramExchange{run: client.NewConversationAdvertisingChannelBinding()}, nil
		}
		return &scramExchange{run: client.NewConversation()}, nil
	}
}

// channelBinding is what binds SCRAM to TLS: tls-exporter (RFC 9266) in TLS 1.3,
// tls-server-end-point (RFC 5929) before.
func channelBinding(state tls.ConnectionState) (scram.ChannelBinding, error) {
	if state.Version >= tls.VersionTLS13 {
		return scram.NewTLSExporterBinding(&state)
	}
	return scram.NewTLSServerEndpointBinding(&state)
}

func (s *scramExchange) Start() (string, []byte, error) {
	first, err := s.run.Step("")
	return "", []byte(first), err
}

func (s *scramExchange) Next(challenge []byte) ([]byte, error) {
	s.step++
	if s.step == 1 {
		if err := checkIterations(challenge); err != nil {
			return nil, err
		}
	}
	if denied, ok := bytes.CutPrefix(challenge, []byte("e=")); ok && s.step == 2 {
		s.denied = string(denied)
		return nil, nil
	}
	answer, err := s.run.Step(string(challenge))
	switch {
	case err != nil && s.step == 2:
		return nil, ErrImpostor
	case err != nil:
		return nil, fmt.Errorf("SCRAM: %s", visible(err.Error()))
	}
	return []byte(answer), nil
}

func (s *scramExchange) reason() string {
	const longest = 64 // the longest of RFC 5802 has 40
	if d := visible(s.denied); len(d) <= longest {
		return d
	}
	return ""
}

// proven tells that the server has signed the exchange: who has not, does not
// know the password, and may be anybody.
func (s *scramExchange) proven() bool { return s.run.Valid() }

// tried tells that the server got what depends on the password.
func (s *scramExchange) tried() bool { return s.step > 0 }

// checkIterations bounds the work that a server can ask for.
func checkIterations(serverFirst []byte) error {
	for field := range bytes.SplitSeq(serverFirst, []byte{','}) {
		if digits, ok := bytes.CutPrefix(field, []byte("i=")); ok {
			if n, ok := number(digits, maxIterations); !ok || n == 0 {
				return fmt.Errorf("SCRAM: the server asks for %q iterations", visible(string(digits[:min(len(digits), 20)])))
			}
		}
	}
	return nil
}
