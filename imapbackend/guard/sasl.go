package guard

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

// mechanism is a way to sign in with AUTHENTICATE.
type mechanism struct {
	name string
	// fits tells that the credentials are of the sort that it wants.
	fits func(*Credentials) bool
	// kind is what a refusal is beside ErrAuth; nil: the password is wrong.
	kind error
	// family is what a server has or has not together: of mechanisms that it
	// cannot use for this account, one is enough to know.
	family string
	start  func(*Conn, *Credentials) (sasl.Client, error)
}

func withPassword(c *Credentials) bool    { return c.Password != "" }
func withToken(c *Credentials) bool       { return c.Token != "" }
func withCertificate(c *Credentials) bool { return c.Certificate }

// mechanisms are those that we know, the strongest first. LOGIN stands for the
// command as well, where there is no SASL.
var mechanisms = []mechanism{
	{"EXTERNAL", withCertificate, ErrCertificate, "", startExternal},
	{"OAUTHBEARER", withToken, ErrToken, "", startOAuthBearer},
	{"XOAUTH2", withToken, ErrToken, "", startXOAuth2},
	{"SCRAM-SHA-512-PLUS", withPassword, nil, "bound", startSCRAM(scram.SHA512, true)},
	{"SCRAM-SHA-256-PLUS", withPassword, nil, "bound", startSCRAM(scram.SHA256, true)},
	{"SCRAM-SHA-1-PLUS", withPassword, nil, "bound", startSCRAM(scram.SHA1, true)},
	{"SCRAM-SHA-512", withPassword, nil, "scram", startSCRAM(scram.SHA512, false)},
	{"SCRAM-SHA-256", withPassword, nil, "scram", startSCRAM(scram.SHA256, false)},
	{"SCRAM-SHA-1", withPassword, nil, "scram", startSCRAM(scram.SHA1, false)},
	{"PLAIN", withPassword, nil, "", startPlain},
	{"LOGIN", withPassword, nil, "", startLogin},
}

// Mechanisms are the names that Credentials.Mechanism takes.
func Mechanisms() []string {
	names := make([]string, len(mechanisms))
	for i, m := range mechanisms {
		names[i] = m.name
	}
	return names
}

// MechanismFits reports whether these credentials are of the sort that the
// mechanism of this name wants.
func MechanismFits(name string, c Credentials) bool {
	for _, m := range mechanisms {
		if m.name == name {
			return m.fits(&c)
		}
	}
	return false
}

func startPlain(_ *Conn, cr *Credentials) (sasl.Client, error) {
	return sasl.NewPlainClient("", cr.Username, cr.Password), nil
}

// startExternal asks to be the user of SOURCE: a certificate may be good for
// several (RFC 4422, appendix A).
func startExternal(_ *Conn, cr *Credentials) (sasl.Client, error) {
	return sasl.NewExternalClient(cr.Username), nil
}

// loginExchange is LOGIN (draft-murchison-sasl-login). Servers prompt in their
// own words, which go-sasl's client does not take.
type loginExchange struct{ answers []string }

func startLogin(_ *Conn, cr *Credentials) (sasl.Client, error) {
	return &loginExchange{[]string{cr.Username, cr.Password}}, nil
}

func (l *loginExchange) Start() (string, []byte, error) { return "", nil, nil }

func (l *loginExchange) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

// bearerExchange presents an OAuth 2.0 access token. go-sasl's OAUTHBEARER does
// not escape the user's name, and breaks off where an error has to be answered.
type bearerExchange struct {
	response string
	// dummy answers the server's error, before it ends the exchange.
	dummy  []byte
	failed bool
	status string
}

// startOAuthBearer is OAUTHBEARER (RFC 7628, section 3.1).
func startOAuthBearer(c *Conn, cr *Credentials) (sasl.Client, error) {
	user := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(cr.Username)
	response := "n,a=" + user + ","
	if host, port, err := net.SplitHostPort(c.address); err == nil {
		response += "\x01host=" + host + "\x01port=" + port
	}
	return &bearerExchange{
		dummy:    []byte{1},
		response: response + "\x01auth=Bearer " + cr.Token + "\x01\x01",
	}, nil
}

// startXOAuth2 is Google's and Microsoft's XOAUTH2.
func startXOAuth2(_ *Conn, cr *Credentials) (sasl.Client, error) {
	return &bearerExchange{
		response: "user=" + cr.Username + "\x01auth=Bearer " + cr.Token + "\x01\x01",
	}, nil
}

func (b *bearerExchange) Start() (string, []byte, error) { return "", []byte(b.response), nil }

// Next takes the error that stands in place of a success (RFC 7628, section
// 3.2.2).
func (b *bearerExchange) Next(challenge []byte) ([]byte, error) {
	if b.failed {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	b.failed = true
	var failure struct{ Status any }
	if json.Unmarshal(challenge, &failure) == nil {
		switch status := failure.Status.(type) {
		case string:
			b.status = status
		case float64:
			b.status = strconv.FormatFloat(status, 'f', -1, 64)
		}
	}
	return b.dummy, nil
}

func (b *bearerExchange) reason() string {
	const longest = 64
	if s := visible(b.status); s != "" && len(s) <= longest {
		return "status " + s
	}
	return ""
}
