// Package imaptest is what imapfs's tests run against: real servers, an IMAP
// server in the process, a faulty line in front of any, and messages of which
// the truth is known. Only _test.go files import it.
//
// Everything listens on 127.0.0.1 only, and ends with the test.
package imaptest

import (
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Server is an IMAP server with one account. Its methods end the test when they
// fail, so call them from the test's goroutine.
type Server struct {
	// Addr is host:port; with WithTLS it offers STARTTLS.
	Addr string
	// TLSAddr is host:port of the port that starts with TLS, "" without WithTLS.
	TLSAddr string
	// CAFile is a PEM file with the certificate that the server presents, made
	// for 127.0.0.1 and localhost; "" without WithTLS.
	CAFile string
	// Username and Password are the account's.
	Username, Password string

	t     testing.TB
	store store
}

// store is the account behind a Server, with no IMAP in between.
type store interface {
	create(mailbox string) error
	deliver(mailbox string, message []byte, date time.Time, flags []string) error
}

// Option is something that a server has beyond INBOX and a password.
type Option func(*options)

type options struct {
	tls       bool
	lines     string
	mailboxes []string

	clocksApart bool
}

// WithTLS makes the server offer STARTTLS, and TLS on a second port.
func WithTLS() Option { return func(o *options) { o.tls = true } }

// WithMailboxes creates mailboxes. Their levels are separated by "/".
func WithMailboxes(names ...string) Option {
	return func(o *options) { o.mailboxes = append(o.mailboxes, names...) }
}

// WithConfig adds lines to the configuration of a Dovecot or a Cyrus, behind all
// others: "imap_capability = IMAP4rev1 IDLE" takes capabilities from Dovecot.
func WithConfig(lines string) Option {
	return func(o *options) { o.lines += lines + "\n" }
}

// WithClocksApart gives each message's file a name below the names before, as if
// hosts whose clocks differ delivered. Courier numbers new messages in the order
// of these names. Only for Courier.
func WithClocksApart() Option { return func(o *options) { o.clocksApart = true } }

func newOptions(opts []Option) *options {
	o := &options{mailboxes: []string{"INBOX"}}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// Create creates a mailbox, if it is not there.
func (s *Server) Create(mailbox string) {
	s.t.Helper()
	if err := s.store.create(mailbox); err != nil {
		s.t.Fatalf("create %q: %v", mailbox, err)
	}
}

// Deliver puts a message into a mailbox, creating it, with date as its
// INTERNALDATE (to the second) and with system flags such as `\Seen`. Dovecot
// keeps the octets as they are and serves them with CRLF; the server in the
// process serves the octets that it got; others get CRLF.
func (s *Server) Deliver(mailbox string, message []byte, date time.Time, flags ...string) {
	s.t.Helper()
	if err := s.Offer(mailbox, message, date, flags...); err != nil {
		s.t.Fatalf("deliver to %q: %v", mailbox, err)
	}
}

// Offer is Deliver for what a server may refuse: it returns the server's answer.
func (s *Server) Offer(mailbox string, message []byte, date time.Time, flags ...string) error {
	s.t.Helper()
	s.Create(mailbox)
	return s.store.deliver(mailbox, message, date, flags)
}

// Client returns a connection that is logged in and closed when the test ends:
// for what a test wants to see or to change from the other side.
func (s *Server) Client() *imapclient.Client {
	s.t.Helper()
	c, err := imapclient.DialInsecure(s.Addr, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.Login(s.Username, s.Password).Wait(); err != nil {
		s.t.Fatalf("login: %v", err)
	}
	return c
}

// Forbid makes a mailbox one that is listed and cannot be opened. Only for
// Dovecot.
func (s *Server) Forbid(mailbox string) {
	s.t.Helper()
	if err := s.store.(*maildir).forbid(mailbox); err != nil {
		s.t.Fatalf("forbid %q: %v", mailbox, err)
	}
}
