package imapbackend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
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

	compressed bool // COMPRESS is on (RFC 4978)

	users    int         // operations that use it
	since    time.Time   // since when it has had users without a pause
	reserved *waiter     // who gets it next; nobody else joins its users
	selected bool        // it has a mailbox selected
	mailbox  cache.ID    // that mailbox
	state    cache.State // as EXAMINE told
	moving   bool        // it is being given to another mailbox

	background bool // it has users that nobody waits for
}

// connect dials and signs in. It completes the hooks.
func (c *Client) connect(ctx context.Context, hooks guard.Hooks) (*session, error) {
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
	status := hooks.Status
	hooks.Status = func(st guard.Status, tagged bool) {
		if status != nil {
			status(st, tagged)
		}
		// RFC 9051, section 7.1: it must be shown to the user.
		if st.Code == "ALERT" && c.alerts.note(st) {
			o.Log.Warn("server alert", "server", o.Address, "text", st.Text)
		}
	}
	conn := guard.New(nc, guard.Options{FirstByte: firstByte, Progress: progress, Log: o.ProtocolLog, Hooks: hooks})
	p := guard.Prologue{
		Username: o.Username,
		Password: o.Password,
		ID:       map[string]string{"name": "imapfs", "version": o.Version, "os": runtime.GOOS},
	}
	if o.Security == StartTLS {
		p.StartTLS = o.TLS
	}
	caps, err := conn.Prologue(ctx, p)
	if err != nil {
		conn.Close()
		return nil, o.unreachableBy(ctx, err)
	}
	for i, c := range caps {
		caps[i] = strings.ToUpper(c)
	}
	return &session{conn: conn, engine: imapclient.New(conn, nil), caps: caps}, nil
}

func (s *session) has(capability string) bool { return slices.Contains(s.caps, capability) }

// examine opens a mailbox read-only. The caller is the session's only user.
func (s *session) examine(ctx context.Context, id cache.ID) (cache.State, error) {
	name := engineName(id)
	options := &imap.SelectOptions{ReadOnly: true, CondStore: s.has("CONDSTORE")}
	data, err := await(ctx, func() (*imap.SelectData, error) { return s.engine.Select(name, options).Wait() })
	var refusal *imap.Error
	if errors.As(err, &refusal) && refusal.Type == imap.StatusResponseTypeNo && refusal.Code == "" {
		// Dovecot says why in words only: it has been deleted.
		return cache.State{}, fmt.Errorf("open: %w: %w", cache.ErrNotExist, err)
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

// unselect closes the mailbox that is open. It was opened read-only, so that
// CLOSE, where there is no UNSELECT (RFC 3691), expunges nothing.
func (s *session) unselect(ctx context.Context) error {
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

// engineName is what the engine calls a mailbox.
func engineName(id cache.ID) string {
	if id.Raw {
		return guard.MailboxAlias(id.Name)
	}
	return id.Name
}

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
