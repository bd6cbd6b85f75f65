package guard

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// login is a user's credentials, and what must not be seen of them.
type login struct {
	username, password string
	secrets            []string
}

func newLogin(username, password string) login {
	l := login{username: username, password: password}
	if password != "" {
		_, response, _ := sasl.NewPlainClient("", username, password).Start()
		quoted := string(appendQuoted(nil, []byte(password)))
		l.secrets = []string{
			base64.StdEncoding.EncodeToString(response),
			base64.StdEncoding.EncodeToString([]byte(password)),
			quoted[1 : len(quoted)-1], // its quotation marks and backslashes escaped
			password,
		}
	}
	return l
}

// clean takes the password out of what a server says: some repeat it.
func (l *login) clean(st Status) Status {
	for _, s := range l.secrets {
		st.Args = strings.ReplaceAll(st.Args, s, "***")
		st.Text = strings.ReplaceAll(st.Text, s, "***")
	}
	return st
}

// temporary are codes of a refused login that say nothing about the
// credentials (RFC 5530).
var temporary = []string{"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"}

// signIn authenticates with PLAIN, else with LOGIN.
func (c *Conn) signIn() error {
	var st Status
	l := &c.login
	var err error
	switch has := func(name string) bool { return slices.Contains(c.caps, name) }; {
	case has("AUTH=PLAIN"):
		initial := has("SASL-IR")
		c.caps = nil
		st, err = c.authenticate(sasl.NewPlainClient("", l.username, l.password), initial)
	case has("LOGINDISABLED"):
		return fmt.Errorf("%w: the server forbids it on this connection", ErrNoLogin)
	default:
		c.caps = nil
		st, err = c.plainLogin(l)
	}
	switch {
	case err == nil:
		return nil
	case st.Type == "NO" && st.Code == "PRIVACYREQUIRED":
		return fmt.Errorf("%w: %w", ErrNoLogin, err)
	case st.Type == "NO" && !slices.Contains(temporary, st.Code):
		return fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return fmt.Errorf("login: %w", err)
}

// authenticate runs a SASL exchange (RFC 9051, section 6.2.2).
func (c *Conn) authenticate(client sasl.Client, initial bool) (Status, error) {
	mechanism, response, err := client.Start()
	if err != nil {
		return Status{}, err
	}
	cmd := "AUTHENTICATE " + mechanism
	logged := cmd
	if initial {
		cmd += " " + base64.StdEncoding.EncodeToString(response)
		logged += " ***"
	}
	return c.ask(cmd, logged, func(challenge []byte) (string, error) {
		if !initial {
			initial = true
			return base64.StdEncoding.EncodeToString(response), nil
		}
		b, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(challenge)))
		if err != nil {
			return "", err
		}
		next, err := client.Next(b)
		return base64.StdEncoding.EncodeToString(next), err
	})
}

// plainLogin sends LOGIN, with literals where no quoted string will do.
func (c *Conn) plainLogin(l *login) (Status, error) {
	var lines []string
	line := "LOGIN"
	for _, s := range []string{l.username, l.password} {
		if strings.Trim(s, quotable) == "" && len(s) < 512 {
			line += " " + string(appendQuoted(nil, []byte(s)))
		} else {
			lines = append(lines, fmt.Sprintf("%s {%d}", line, len(s)))
			line = s
		}
	}
	lines = append(lines, line)
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
