// Package imapbackend knows IMAP: it is the cache.Source that stands for an
// account on a server.
//
// A Client keeps a few connections: a pool, and beside it the one of the watcher.
// Each is guarded (package guard): go-imap's client is the engine for NAMESPACE,
// LIST, EXAMINE, STATUS, quota and ACL; FETCH, SEARCH and IDLE are our own on the
// same connection. Every network wait ends with its context and has a deadline.
// Mailboxes are opened with EXAMINE and bodies fetched with BODY.PEEK, so that
// nothing is ever marked as read.
//
// Goroutines: each connection has the engine's reader. A command of the engine
// runs in one of ours, which ends with its answer or the connection, even where
// the caller has left. Those of a pipelined FETCH and of an IDLE end with it. The
// pool has one that watches while anything is awaited, and one that looks for a
// way to the server while there is none; the budget has one that adds up. They end
// with Close.
//
// Locks: pool.mu, alerts.mu, budget.mu and watcher.changes are never held over I/O;
// watcher.mu is what keeps a second Idle waiting for the first.
package imapbackend

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// Security is how a connection is protected.
type Security uint8

const (
	// ImplicitTLS begins with TLS (RFC 8314), on port 993.
	ImplicitTLS Security = iota
	// StartTLS requires STARTTLS before anything else, on port 143.
	StartTLS
	// Plaintext has no protection at all.
	Plaintext
)

// Options say which account to use, and how.
type Options struct {
	// Address is the server's host:port.
	Address  string
	Security Security
	// TLS is the configuration for ImplicitTLS and StartTLS; its ServerName
	// is set.
	TLS      *tls.Config
	Username string
	// Password is "" where a token or the certificate in TLS does.
	Password string
	// Token, if set, returns an OAuth 2.0 access token. It is called for each
	// new connection, and once more if the server refuses what it returned:
	// refused is that token then, else "". It is safe for concurrent use.
	Token func(ctx context.Context, refused string) (string, error)
	// Mechanism is the only one of Mechanisms to sign in with, "" for the
	// strongest that works.
	Mechanism string
	// Offline asks nothing of the network: all that would fails with
	// cache.ErrOffline.
	Offline bool
	// MaxConnections bounds the connections, at least 1.
	MaxConnections int
	// RateLimit bounds how many octets a second all connections transfer together,
	// both ways; 0: nothing does.
	RateLimit int64
	// DailyLimit bounds how many octets are received in 24 hours, 0: nothing does.
	// At 80 % of it, Fetch fails with cache.ErrBudget for what is marked by
	// cache.Background, beyond it for all. What lists mailboxes and messages, and
	// tells of changes, counts and goes on. An operation under way is not ended.
	DailyLimit int64
	// Ledger remembers for the next mount what counts to DailyLimit, if set.
	Ledger Ledger
	// Log gets what a person running imapfs might want to know. No secrets.
	Log *slog.Logger
	// ProtocolLog records the dialogue without credentials and literals, if set.
	ProtocolLog io.Writer
	// Version is told to servers that ask for ID (RFC 2971).
	Version string

	firstByte, near time.Duration    // for tests; 0: the constants, and near -1 for none
	now             func() time.Time // for tests; nil: time.Now
}

// Mechanisms are the ways to sign in that Options.Mechanism takes.
func Mechanisms() []string { return guard.Mechanisms() }

// How long to wait, before an operation is given up.
const (
	loginTimeout    = 30 * time.Second // to connect, negotiate TLS and sign in
	tokenTimeout    = 30 * time.Second // for an access token
	firstByte       = 60 * time.Second // for a server that searches or sorts first
	progress        = 30 * time.Second // between two bytes of an answer
	keepAlive       = 15 * time.Second // between TCP probes of a silent line
	keepAliveProbes = 4
)

// near is how quickly a server answers for which nothing is compressed.
const near = 5 * time.Millisecond

// Client is an account on a server. It implements cache.Source, and is safe
// for concurrent use.
type Client struct {
	opts    Options
	pool    *pool
	watcher watcher
	meter   guard.Meter
	rate    *guard.Rate // nil: none
	budget  *budget     // nil: none
	// mailboxes is how many the account had when they were last listed.
	mailboxes atomic.Int64
	alerts    alerts
	numbering numbering
	notices   notices
	offers    offers
}

var _ cache.Source = (*Client)(nil)

// New makes a Client that connects when something is asked of it.
func New(opts Options) *Client {
	c := &Client{opts: opts}
	// One of the connections is the watcher's, if there is more than one.
	c.pool = newPool(opts.MaxConnections-1, opts.Log, func(ctx context.Context, compress bool) (*session, error) {
		return c.connect(ctx, guard.Hooks{}, compress)
	})
	if opts.RateLimit > 0 {
		c.rate = guard.NewRate(opts.RateLimit)
	}
	if opts.DailyLimit > 0 {
		c.budget = newBudget(opts.DailyLimit, &opts, c.meter.Received)
	}
	if opts.Offline {
		c.pool.stayOffline()
	}
	return c
}

// Remembered tells that what the account holds is known already: an operation
// then waits a few seconds only for the first connection.
func (c *Client) Remembered() {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.pool.remembered = true
}

// Connect connects and signs in once, so that what is wrong with server, TLS or
// credentials is known; but not if Options.Offline.
func (c *Client) Connect(ctx context.Context) error {
	if c.opts.Offline {
		return nil
	}
	s, err := c.pool.acquire(ctx)
	if err == nil {
		c.pool.release(s)
	}
	return err
}

// Dial is New and Connect.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	c := New(opts)
	if err := c.Connect(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends all connections. It is called once.
func (c *Client) Close() {
	c.pool.close()
	c.watcher.close()
	if c.budget != nil {
		c.budget.close()
	}
}
