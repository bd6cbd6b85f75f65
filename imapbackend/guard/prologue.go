package guard

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// The kinds of errors of Prologue, for errors.Is. Everything else is trouble
// with the connection or the server, and may go away.
var (
	// ErrAuth: the server refused the credentials.
	ErrAuth = errors.New("login refused")
	// ErrNoSTARTTLS: the connection cannot be encrypted, although it must be.
	ErrNoSTARTTLS = errors.New("no STARTTLS")
	// ErrNoLogin: the server offers no way to log in that we know, or forbids
	// it on this connection (LOGINDISABLED).
	ErrNoLogin = errors.New("no way to log in")
	// ErrToken, ErrCertificate: beside ErrAuth, what was refused is not a
	// password.
	ErrToken       = errors.New("access token refused")
	ErrCertificate = errors.New("client certificate refused")
	// ErrImpostor: the server has not shown that it knows the password.
	ErrImpostor = errors.New("the server does not prove that it knows the password")
)

// Prologue is what happens on a connection before its first command.
type Prologue struct {
	// StartTLS, if set, demands STARTTLS.
	StartTLS *tls.Config
	// Address is the host:port that was dialled, "" if it is not to be told.
	Address string
	// Credentials are used unless the server greets with PREAUTH.
	Credentials Credentials
	// ID is sent with ID (RFC 2971) where that is offered.
	ID map[string]string
	// Enable is what to ENABLE (RFC 5161) of what is offered.
	Enable []string
	// Compress asks for COMPRESS=DEFLATE (RFC 4978) where that is offered.
	Compress bool
	// Near is up to how long the quickest answer before may have taken for a
	// server that is too near to compress for: over a fast line it takes longer,
	// on both sides, than what it saves.
	Near time.Duration
}

// Prologue reads the greeting, encrypts the connection, logs in, and leaves a
// PREAUTH greeting for the engine, which is to be created afterwards. It
// returns the capabilities after the login, in upper case. The engine is not
// shown IMAP4rev2 beside IMAP4rev1, since nobody enables it.
//
// An error has closed the connection. It is fit to show: it has the server's
// text without control characters, and never the password.
func (c *Conn) Prologue(ctx context.Context, p Prologue) (caps []string, err error) {
	stop := context.AfterFunc(ctx, func() { c.fail(ctx.Err()) })
	defer stop()
	c.setPrologue(true)
	c.address = p.Address
	for _, secret := range []string{p.Credentials.Password, p.Credentials.Token} {
		quoted := string(appendQuoted(nil, []byte(secret)))
		// The quoted form has its quotation marks and backslashes escaped.
		c.hide(secret, quoted[1:len(quoted)-1], base64.StdEncoding.EncodeToString([]byte(secret)))
	}
	if err := c.introduce(ctx, p); err != nil {
		c.fail(err)
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		return nil, err
	}
	c.setPrologue(false)
	c.put("* PREAUTH [CAPABILITY")
	c.putCaps(c.caps)
	c.put("] ready\r\n")
	c.unread = c.out
	return c.caps, nil
}

func (c *Conn) setPrologue(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prologue = on
	if c.err == nil {
		c.arm(c.firstByte)
	}
}

func (c *Conn) introduce(ctx context.Context, p Prologue) error {
	greeting, err := c.greeting()
	if err != nil {
		return err
	}
	if p.StartTLS != nil {
		if greeting.Type == "PREAUTH" {
			// RFC 9051, section 7.1.4: there is no STARTTLS after it, and
			// whoever is in the middle may have sent it for that reason.
			return fmt.Errorf("%w: the server greets with PREAUTH on an unencrypted connection", ErrNoSTARTTLS)
		}
		if err := c.startTLS(ctx, p.StartTLS); err != nil {
			return err
		}
	}
	if err := c.needCaps(); err != nil {
		return err
	}
	if greeting.Type != "PREAUTH" {
		if err := c.signIn(&p.Credentials); err != nil {
			return err
		}
		if err := c.needCaps(); err != nil {
			return err
		}
	}
	return c.settle(p)
}

// settle sends what is of use and offered after the login, all at once. That the
// server refuses one changes nothing.
func (c *Conn) settle(p Prologue) error {
	has := func(name string) bool { return slices.Contains(c.caps, name) }
	var tags, cmds []string
	if len(p.ID) > 0 && has("ID") {
		cmds = append(cmds, "ID "+idList(p.ID))
	}
	var enable []string
	for _, name := range p.Enable {
		// RFC 6855, section 6: UTF8=ONLY is offered in place of UTF8=ACCEPT.
		if has(name) || name == "UTF8=ACCEPT" && has("UTF8=ONLY") {
			enable = append(enable, name)
		}
	}
	if len(enable) > 0 && (has("ENABLE") || has("IMAP4REV2")) {
		cmds = append(cmds, "ENABLE "+strings.Join(enable, " "))
	}
	if p.Compress && (c.quickest == 0 || c.quickest >= p.Near) && has("COMPRESS=DEFLATE") {
		cmds = append(cmds, "COMPRESS DEFLATE") // the last: nothing may follow it
	}
	c.enabled = nil
	for _, cmd := range cmds {
		tag, err := c.post(cmd, cmd)
		if err != nil {
			return err
		}
		tags = append(tags, tag)
	}
	for i, cmd := range cmds {
		st, err := c.await(tags[i], nil)
		if err != nil && st.Type == "" {
			return err
		}
		switch name, _, _ := strings.Cut(cmd, " "); {
		case name == "ENABLE" && st.Type != "OK":
			enable = nil
		case name == "COMPRESS" && st.Type == "OK":
			c.compress()
		}
	}
	c.enabled = slices.DeleteFunc(c.enabled, func(name string) bool { return !slices.Contains(enable, name) })
	c.utf8 = c.Enabled("UTF8=ACCEPT")
	return nil
}

// Enabled reports whether Prologue has enabled an extension of Prologue.Enable.
func (c *Conn) Enabled(name string) bool { return slices.Contains(c.enabled, name) }

// Compressed reports whether the connection is compressed since Prologue.
func (c *Conn) Compressed() bool { return c.deflated }

func (c *Conn) greeting() (Status, error) {
	if err := c.readFrame(); err != nil {
		return Status{}, c.sticky(fmt.Errorf("greeting: %w", err))
	}
	if !c.lex.accept('*') {
		return Status{}, errors.New("greeting: this is no IMAP server")
	}
	typ := upper(c.lex.word())
	switch typ {
	case "OK", "PREAUTH":
		return c.note(typ, false), nil
	case "BYE":
		return Status{}, c.note(typ, false)
	}
	return Status{}, errors.New("greeting: this is no IMAP server")
}

// note reads a status response and keeps the capabilities in it. What it
// returns may be shown.
func (c *Conn) note(typ string, tagged bool) Status {
	st := c.statusResponse(typ, tagged)
	if st.Code == "CAPABILITY" {
		c.setCaps(st.Args)
	}
	return c.login.clean(st)
}

func (c *Conn) setCaps(list string) { c.caps = words(list) }

// words are the words of a list of capabilities, in upper case.
func words(list string) []string {
	all := strings.Fields(strings.ToUpper(list))
	return all[:min(len(all), maxCaps)]
}

// needCaps asks for the capabilities unless the server has told them unasked.
func (c *Conn) needCaps() error {
	if c.caps != nil {
		return nil
	}
	_, err := c.ask("CAPABILITY", "CAPABILITY", nil)
	if err == nil && c.caps == nil {
		err = errors.New("the server does not tell its capabilities")
	}
	return err
}

// startTLS encrypts the connection. Nothing that came before is believed.
func (c *Conn) startTLS(ctx context.Context, config *tls.Config) error {
	if err := c.needCaps(); err != nil {
		return err
	}
	if !slices.Contains(c.caps, "STARTTLS") {
		return fmt.Errorf("%w: the server does not offer to encrypt the connection", ErrNoSTARTTLS)
	}
	if _, err := c.ask("STARTTLS", "STARTTLS", nil); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSTARTTLS, err)
	}
	if c.frames.br.Buffered() > 0 {
		return fmt.Errorf("%w: data was injected before the encryption", ErrNoSTARTTLS)
	}
	plain := c.bare()
	plain.SetDeadline(time.Now().Add(c.firstByte))
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return c.sticky(fmt.Errorf("STARTTLS: %w", err))
	}
	plain.SetDeadline(time.Time{})
	c.mu.Lock()
	c.nc = &wire{conn, c.meter, c.rate}
	c.mu.Unlock()
	c.frames.br = bufio.NewReaderSize((*socket)(c), bufferSize)
	c.caps = nil
	return nil
}

// ask sends a command and reads its answer; answers has what is to be sent for
// each continuation request. logged replaces the command in the log.
func (c *Conn) ask(cmd, logged string, answers func(challenge []byte) (string, error)) (Status, error) {
	tag, err := c.post(cmd, logged)
	if err != nil {
		return Status{}, err
	}
	return c.await(tag, answers)
}

// post sends a command.
func (c *Conn) post(cmd, logged string) (tag string, err error) {
	c.tags++
	tag = fmt.Sprintf("P%d", c.tags)
	name, _, _ := strings.Cut(cmd, " ")
	c.meter.commands[categoryOf(name)].Add(1)
	c.log.client([]byte(tag + " " + logged))
	return tag, c.sendLine(tag + " " + cmd)
}

// await reads the answer to a command, as ask does. NO and BAD are a Status and
// an error at once; what ended the connection is only an error.
func (c *Conn) await(tag string, answers func(challenge []byte) (string, error)) (Status, error) {
	var cancelled error // by us
	for {
		if err := c.readFrame(); err != nil {
			return Status{}, cmp.Or(cancelled, c.sticky(err))
		}
		if took := time.Since(c.asked); c.quickest == 0 || took < c.quickest {
			c.quickest = took
		}
		x := &c.lex
		if len(x.b) > 0 && x.b[0] == '+' {
			if answers == nil {
				return Status{}, cmp.Or(cancelled, errors.New("unexpected continuation request"))
			}
			line, err := answers(x.b[1:])
			if err != nil { // cancelled by RFC 9051, section 6.2.2
				line, answers, cancelled = "*", nil, err
			}
			if err := c.sendLine(line); err != nil {
				return Status{}, cmp.Or(cancelled, err)
			}
			continue
		}
		word := string(x.word())
		name := upper(x.word())
		switch {
		case word == tag:
			st := c.note(name, true)
			switch {
			case cancelled != nil: // whatever the server makes of that
				return Status{}, cancelled
			case st.Type != "OK":
				return st, st
			}
			return st, nil
		case word != "*":
		case name == "BYE":
			bye := c.note(name, false)
			return Status{}, cmp.Or[error](cancelled, bye)
		case name == "OK" || name == "NO" || name == "BAD":
			c.note(name, false)
		case name == "CAPABILITY":
			c.setCaps(string(x.b[x.pos:]))
		case name == "ENABLED":
			c.enabled = append(c.enabled, words(string(x.b[x.pos:]))...)
		}
		x.finish()
		if x.err != nil {
			return Status{}, c.sticky(x.err)
		}
	}
}

func (c *Conn) sendLine(line string) error {
	nc := c.socket()
	nc.SetWriteDeadline(time.Now().Add(c.progress))
	c.answering, c.asked = false, time.Now()
	if _, err := io.WriteString(nc, line+"\r\n"); err != nil {
		return c.sticky(fmt.Errorf("send: %w", err))
	}
	return nil
}

// sticky returns why the connection ended, if it did before err.
func (c *Conn) sticky(err error) error {
	if first := c.Err(); first != nil {
		return first
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return err
}

// idList writes the parameters of ID in a fixed order.
func idList(id map[string]string) string {
	var b []byte
	for i, key := range slices.Sorted(maps.Keys(id)) {
		b = append(b, []string{"(", " "}[min(i, 1)]...)
		b = append(appendQuoted(b, []byte(visible(key))), ' ')
		b = appendQuoted(b, []byte(visible(id[key])))
	}
	return string(append(b, ')'))
}
