package guard

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Credentials are what a user signs in with on one connection. They have a
// password or a token, or neither where TLS presents a certificate.
type Credentials struct {
	Username string
	Password string
	// Token is an OAuth 2.0 access token.
	Token string
	// Certificate tells that TLS presents a client certificate.
	Certificate bool
	// Mechanism is the only one of Mechanisms to use; "" for the strongest that
	// the server offers and the credentials allow.
	Mechanism string
}

// Refused is a login that the server refused. It is an ErrAuth, also an ErrToken
// or ErrCertificate if that is what was refused, and the server's Status.
type Refused struct {
	Mechanism string
	Status    Status
	// Reason is the mechanism's own word for what is wrong, "" if there is none.
	Reason string
	kind   error
}

func (r *Refused) Error() string {
	text := ErrAuth.Error() + ": " + r.Status.Error()
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	return text
}

func (r *Refused) Unwrap() []error {
	list := []error{ErrAuth, r.Status}
	if r.kind != nil {
		list = append(list, r.kind)
	}
	return list
}

// login keeps what must not be seen.
type login struct{ secrets []string }

// hide keeps secrets out of all that is logged and shown from now on.
func (c *Conn) hide(secrets ...string) {
	for _, s := range secrets {
		if s != "" && !slices.Contains(c.login.secrets, s) {
			c.login.secrets = append(c.login.secrets, s)
		}
	}
	// The longest first: what is a part of another must not spoil it.
	slices.SortFunc(c.login.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	c.log.hide(slices.Clone(c.login.secrets))
}

// clean takes the secrets out of what a server says: some repeat them.
func (l *login) clean(st Status) Status {
	st.Args, st.Text = l.cleanText(st.Args), l.cleanText(st.Text)
	return st
}

func (l *login) cleanText(s string) string {
	for _, secret := range l.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return s
}

// temporary are codes of a refused login that say nothing about the
// credentials (RFC 5530).
var temporary = []string{"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"}

// signIn authenticates with the first mechanism that the server offers and that
// the credentials allow. One that the server refuses before it has seen anything
// that depends on the password, or without a code that says what is wrong, may be
// one that it cannot use for this account (it keeps only a hash of another kind):
// then the next has its turn. Nothing else falls back, least of all where the
// server turns out to be an impostor.
func (c *Conn) signIn(cr *Credentials) error {
	if strings.Contains(cr.Username+cr.Password+cr.Token, "\x00") {
		return errors.New("a user name, password or token cannot have a NUL in it")
	}
	c.offered = c.caps
	has := func(name string) bool { return slices.Contains(c.offered, name) }
	var last error
	useless := map[string]bool{}
	for _, m := range mechanisms {
		if cr.Mechanism != "" && cr.Mechanism != m.name || !m.fits(cr) || useless[m.family] {
			continue
		}
		byCommand := m.name == "LOGIN" && !has("AUTH=LOGIN")
		if byCommand && has("LOGINDISABLED") || !byCommand && !has("AUTH="+m.name) {
			continue
		}
		err, again := c.signInBy(m, cr, byCommand)
		if err == nil || !again || m.family == "" {
			return err
		}
		useless[m.family] = true
		last = err
	}
	if last != nil {
		return last
	}
	return c.noLogin(cr)
}

// noLogin says what the server offers.
func (c *Conn) noLogin(cr *Credentials) error {
	var offers []string
	for _, name := range c.offered {
		if name, ok := strings.CutPrefix(name, "AUTH="); ok && len(offers) < 20 {
			offers = append(offers, visible(name))
		}
	}
	wanted := ""
	if cr.Mechanism != "" {
		wanted = cr.Mechanism + " is not offered, "
	}
	switch {
	case len(offers) > 0:
		return fmt.Errorf("%w: %sthe server offers %s", ErrNoLogin, wanted, strings.Join(offers, ", "))
	case slices.Contains(c.offered, "LOGINDISABLED"):
		return fmt.Errorf("%w: the server forbids it on this connection", ErrNoLogin)
	}
	return fmt.Errorf("%w: %sthe server takes a password with the command LOGIN only", ErrNoLogin, wanted)
}

// signInBy runs one mechanism. again: it may have been of no use here.
func (c *Conn) signInBy(m mechanism, cr *Credentials, byCommand bool) (err error, again bool) {
	c.caps = nil
	var st Status
	reason := ""
	if byCommand {
		st, err = c.plainLogin(cr)
	} else {
		exchange, start := m.start(c, cr)
		if start != nil {
			return fmt.Errorf("%w: %s: %w", ErrNoLogin, m.name, start), true
		}
		st, err = c.authenticate(m.name, cr.Username, exchange)
		if r, ok := exchange.(interface{ reason() string }); ok {
			reason = c.login.cleanText(r.reason())
		}
		if p, ok := exchange.(interface{ proven() bool }); ok && err == nil && !p.proven() {
			return ErrImpostor, false
		}
		if t, ok := exchange.(interface{ tried() bool }); ok {
			again = !t.tried()
		}
	}
	switch {
	case err == nil:
		return nil, false
	case st.Type == "":
		return fmt.Errorf("login: %w", err), false
	case st.Type == "NO" && st.Code == "PRIVACYREQUIRED":
		return fmt.Errorf("%w: %w", ErrNoLogin, err), false
	case st.Type == "NO" && !slices.Contains(temporary, st.Code):
		// Mailutils offers SCRAM and cannot do it for passwords that it has in a
		// file. A server that knows the codes would have said that they are wrong.
		return &Refused{m.name, st, reason, m.kind}, again || st.Code == ""
	}
	return fmt.Errorf("login: %w", err), again && st.Type == "BAD"
}

// authenticate runs a SASL exchange (RFC 9051, section 6.2.2). Nothing of it is
// logged: of SCRAM, both sides' words together would be enough to guess at the
// password. A Status is returned if the server is who ended the exchange.
func (c *Conn) authenticate(name, username string, client interface {
	Start() (string, []byte, error)
	Next([]byte) ([]byte, error)
}) (Status, error) {
	_, response, err := client.Start()
	if err != nil {
		return Status{}, err
	}
	code := func(b []byte) string {
		text := base64.StdEncoding.EncodeToString(b)
		if c.hide(text); string(b) != username {
			c.hide(string(b))
		}
		return text
	}
	cmd := "AUTHENTICATE " + name
	logged := cmd
	if first := code(response); response != nil && c.initialResponse() && len(first) <= maxInitial {
		cmd += " " + cmp.Or(first, "=")
		logged += " ***"
		response = nil
	}
	c.log.veil(true)
	defer c.log.veil(false)
	rounds := 0
	return c.ask(cmd, logged, func(challenge []byte) (string, error) {
		challenge = bytes.TrimSpace(challenge)
		if rounds++; rounds > maxRounds || len(challenge) > maxChallenge {
			return "", errors.New("the server goes on asking")
		}
		if response != nil {
			first := response
			response = nil
			return code(first), nil
		}
		b, err := base64.StdEncoding.DecodeString(string(challenge))
		if err != nil {
			return "", errors.New("a challenge that is not base64")
		}
		next, err := client.Next(b)
		return code(next), err
	})
}

// initialResponse reports whether AUTHENTICATE may have one (RFC 4959).
func (c *Conn) initialResponse() bool {
	return slices.Contains(c.offered, "SASL-IR") || slices.Contains(c.offered, "IMAP4REV2")
}

// plainLogin sends LOGIN, with literals where no quoted string will do. Where
// the server takes them without being asked (RFC 7888), they go out at once.
func (c *Conn) plainLogin(cr *Credentials) (Status, error) {
	plus := ""
	if slices.ContainsFunc(c.offered, func(s string) bool { return s == "LITERAL+" || s == "LITERAL-" }) &&
		max(len(cr.Username), len(cr.Password)) <= maxUnasked {
		plus = "+"
	}
	var lines []string
	line := "LOGIN"
	for _, s := range []string{cr.Username, cr.Password} {
		if strings.Trim(s, quotable) == "" && len(s) < 512 {
			line += " " + string(appendQuoted(nil, []byte(s)))
		} else {
			lines = append(lines, fmt.Sprintf("%s {%d%s}", line, len(s), plus))
			line = s
		}
	}
	lines = append(lines, line)
	if plus != "" {
		lines = []string{strings.Join(lines, "\r\n")}
	}
	return c.ask(lines[0], "LOGIN ***", func([]byte) (string, error) {
		if len(lines) < 2 {
			return "", errors.New("unexpected continuation request")
		}
		lines = lines[1:]
		return lines[0], nil
	})
}

// quotable are the characters that every server takes in a quoted string.
var quotable = func() string {
	var b []byte
	for ch := byte(' '); ch <= '~'; ch++ {
		b = append(b, ch)
	}
	return string(b)
}()
