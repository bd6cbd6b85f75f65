package imapbackend

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// session is one connection, signed in. What changes is written under pool.mu:
// the mailbox only by the one who moves the session and is its only user, so
// that its users may read it without.
type session struct {
	conn   *guard.Conn
	engine *imapclient.Client
	caps   []string // upper case

	connected  time.Time
	compressed bool // COMPRESS is on (RFC 4978)
	resyncs    bool // QRESYNC is on (RFC 7162)

	numbering *numbering    // the client's
	recent    atomic.Uint32 // messages with \Recent, as last told

	users    int           // operations that use it
	since    time.Time     // since when it has had users without a pause
	rested   time.Duration // how long nothing had been heard of it by then
	reserved *waiter       // who gets it next; nobody else joins its users
	selected bool          // it has a mailbox selected
	mailbox  cache.ID      // that mailbox
	writable bool          // by SELECT, not EXAMINE
	state    cache.State   // as EXAMINE or SELECT told
	moving   bool          // it is being given to another mailbox

	background bool   // it has users that nobody waits for
	ahead      bool   // it has users that fetch ahead
	stream     uint64 // the last reading of a file that it was lent for

	appending int      // users that append to appendsTo
	appendsTo cache.ID // the mailbox that the last one did
}

// connect dials and signs in. It completes the hooks. compress: the connection
// is to be compressed, if the server can do that.
func (c *Client) connect(ctx context.Context, hooks guard.Hooks, compress bool) (*session, error) {
	status := hooks.Status
	hooks.Status = func(st guard.Status, tagged bool) {
		if status != nil {
			status(st, tagged)
		}
		// RFC 9051, section 7.1: it must be shown to the user.
		if st.Code == "ALERT" && c.alerts.note(st) {
			c.opts.Log.Warn("server alert", "server", c.opts.Address, "text", st.Text)
		}
	}
	token, err := c.token(ctx, "")
	if err != nil {
		return nil, err
	}
	s, err := c.dial(ctx, hooks, token, compress)
	if !errors.Is(err, guard.ErrToken) {
		return s, err
	}
	// It may just have expired.
	another, tokenErr := c.token(ctx, token)
	if tokenErr != nil || another == token {
		return nil, err
	}
	return c.dial(ctx, hooks, another, compress)
}

// token returns an access token for a connection, "" where none is needed.
func (c *Client) token(ctx context.Context, refused string) (string, error) {
	if c.opts.Token == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	token, err := c.opts.Token(ctx, refused)
	if err != nil {
		return "", c.opts.withoutToken(ctx, err)
	}
	return token, nil
}

// dial makes one attempt at a connection.
func (c *Client) dial(ctx context.Context, hooks guard.Hooks, token string, compress bool) (*session, error) {
	o := &c.opts
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAlive, Interval: keepAlive, Count: keepAliveProbes,
	}}
	nc, err := dialer.DialContext(ctx, "tcp", o.Address)
	if err != nil {
		return nil, o.unreachableBy(ctx, err)
	}
	if o.Security == ImplicitTLS {
		secure := tls.Client(nc, o.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, o.unreachableBy(ctx, err)
		}
		nc = secure
	}
	if hooks.Untagged == nil {
		hooks.Untagged = func(name string, line []byte) {
			if name == "LIST" {
				o.Log.Warn("the server lists a mailbox that cannot be read", "server", o.Address, "line", printable(string(line[:min(len(line), 200)])))
			}
		}
	}
	s := &session{numbering: &c.numbering, connected: time.Now()}
	hooks.Recent = s.recent.Store
	conn := guard.New(nc, guard.Options{FirstByte: cmp.Or(o.firstByte, firstByte), Progress: progress, Meter: &c.meter, Rate: c.rate, Log: o.ProtocolLog, Hooks: hooks})
	p := guard.Prologue{
		Address: o.Address,
		Credentials: guard.Credentials{
			Username: o.Username, Password: o.Password, Token: token, Mechanism: o.Mechanism,
			Certificate: o.Security != Plaintext && len(o.TLS.Certificates) > 0,
		},
		ID:       map[string]string{"name": "imapfs", "version": o.Version, "os": runtime.GOOS},
		Enable:   []string{"UTF8=ACCEPT", "QRESYNC"},
		Compress: compress, Near: max(cmp.Or(o.near, near), 0),
	}
	if o.Security == StartTLS {
		p.StartTLS = o.TLS
	}
	caps, err := conn.Prologue(ctx, p)
	if err != nil {
		conn.Close()
		return nil, o.unreachableBy(ctx, err)
	}
	s.conn, s.engine, s.caps = conn, imapclient.New(conn, nil), caps
	s.compressed, s.resyncs = conn.Compressed(), conn.Enabled("QRESYNC")
	c.offers.note(s)
	return s, nil
}

func (s *session) has(capability string) bool { return slices.Contains(s.caps, capability) }

// open opens a mailbox as it is told. The caller is the session's only user.
func (s *session) open(ctx context.Context, id cache.ID, readOnly bool) (cache.State, error) {
	name := s.engineName(id)
	s.recent.Store(0)
	options := &imap.SelectOptions{ReadOnly: readOnly, CondStore: s.has("CONDSTORE")}
	data, err := await(ctx, func() (*imap.SelectData, error) { return s.engine.Select(name, options).Wait() })
	var refusal *imap.Error
	if errors.As(err, &refusal) && refusal.Type == imap.StatusResponseTypeNo && refusal.Code == "" {
		why := cache.ErrNotExist
		if !saysGone(refusal.Text) {
			why = s.unexplained(ctx, name)
		}
		return cache.State{}, fmt.Errorf("open: %w: %w", why, err)
	}
	if err != nil {
		return cache.State{}, fmt.Errorf("open: %w", s.kind(err))
	}
	return cache.State{
		Validity: data.UIDValidity,
		Next:     uint32(data.UIDNext),
		Count:    data.NumMessages,
		ModSeq:   data.HighestModSeq,
	}, nil
}

// saysGone reports whether a server says in words that there is no such mailbox.
// Dovecot lists it for a while. Nothing is forgotten for it: the cache compares it
// with a list of its own.
func saysGone(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"exist", "deleted", "no such mailbox", "not found"}, func(words string) bool {
		return strings.Contains(text, words)
	})
}

// unexplained tells why a mailbox cannot be opened where the server says it in
// words only: Dovecot of one that has been deleted, Cyrus also of one that may
// not be read, which must not be taken for empty. The list knows which.
func (s *session) unexplained(ctx context.Context, name string) error {
	found, err := await(ctx, s.engine.List("", name, nil).Collect)
	if err != nil {
		return s.kind(err)
	}
	for _, m := range found { // the name may be a pattern, too
		if m.Mailbox == name && !slices.Contains(m.Attrs, imap.MailboxAttrNonExistent) && !slices.Contains(m.Attrs, imap.MailboxAttrNoSelect) {
			return cache.ErrPermission
		}
	}
	return cache.ErrNotExist
}

// unselect closes the mailbox that is open. Where there is no UNSELECT (RFC 3691),
// it has to be open read-only, so that CLOSE expunges nothing.
func (s *session) unselect(ctx context.Context) error {
	if s.writable && !s.has("UNSELECT") {
		if _, err := s.open(ctx, s.mailbox, true); err != nil {
			return err
		}
	}
	command := s.engine.UnselectAndExpunge
	if s.has("UNSELECT") {
		command = s.engine.Unselect
	}
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, command().Wait() })
	return s.kind(err)
}

// mailboxID is what identifies a mailbox.
func mailboxID(name string, raw bool) cache.ID {
	if strings.EqualFold(name, "INBOX") {
		name = "INBOX" // the one name without case (RFC 9051, section 5.1)
	}
	return cache.ID{Name: name, Raw: raw}
}

// mailboxID is what identifies the mailbox that has this name to the engine.
func (s *session) mailboxID(engineName string) cache.ID {
	return mailboxID(s.conn.MailboxName(engineName))
}

// engineName is what the engine calls a mailbox.
func (s *session) engineName(id cache.ID) string { return s.conn.EngineName(id.Name, id.Raw) }

// await runs a command of the engine, which knows no contexts. If ctx ends
// first, the command goes on by itself, until the guard's deadlines end it.
func await[T any](ctx context.Context, command func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := command()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
