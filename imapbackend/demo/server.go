// Package demo is an IMAP account to try imapfs on: go-imap's in-memory server,
// within the process, filled with the mail of a person who does not exist.
//
// To the rest of imapfs it is a server like any other, reached over TCP on
// 127.0.0.1. What it serves is composed from the letters in the files named
// after its mailboxes; nothing is read from or written to a disk.
package demo

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	_ "github.com/emersion/go-message/charset" // the server decodes subjects for ENVELOPE
)

// Server is a running server with one account. It is safe for concurrent use.
type Server struct {
	// Addr is host:port, without TLS, on the loopback interface.
	Addr string
	// Username and Password are the account's; the password is a new one for
	// each Server.
	Username, Password string

	user    *imapmemserver.User
	server  *imapserver.Server
	serving sync.WaitGroup // the accept loop and all sessions

	mu     sync.Mutex
	closed bool
	notes  int // delivered so far
}

// Start starts a server on a free port.
func Start() (*Server, error) {
	s := &Server{Username: "nora", Password: rand.Text()}
	s.user = imapmemserver.NewUser(s.Username, s.Password)
	for _, m := range mailboxes() {
		if err := s.user.Create(m.name, nil); err != nil {
			return nil, fmt.Errorf("demo: create %s: %w", m.name, err)
		}
		for i := range m.letters {
			if err := s.deliver(m.name, &m.letters[i]); err != nil {
				return nil, err
			}
		}
	}

	backend := imapmemserver.New()
	backend.AddUser(s.user)
	s.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return s.session(backend)
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1:    {},
			imap.CapIMAP4rev2:    {},
			imap.CapNamespace:    {},
			imap.CapUIDPlus:      {},
			imap.CapESearch:      {},
			imap.CapListExtended: {},
			imap.CapListStatus:   {},
			imap.CapMove:         {},
		},
		Logger:       log.New(io.Discard, "", 0),
		InsecureAuth: true, // nothing leaves the machine
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s.Addr = ln.Addr().String()
	s.serving.Go(func() {
		defer ln.Close()
		s.server.Serve(ln)
	})
	return s, nil
}

// Close ends all connections, and returns once nothing of the server runs.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.server.Close()
	s.serving.Wait()
}

// deliver puts a letter into a mailbox.
func (s *Server) deliver(mailbox string, l *letter) error {
	options := &imap.AppendOptions{Time: l.time()}
	for _, f := range l.flags {
		options.Flags = append(options.Flags, imap.Flag(f))
	}
	if _, err := s.user.Append(mailbox, bytes.NewReader(l.message()), options); err != nil {
		return fmt.Errorf("demo: deliver to %s: %w", mailbox, err)
	}
	return nil
}

// Deliver puts the next of a few notes into INBOX, dated now.
func (s *Server) Deliver() error {
	s.mu.Lock()
	n := s.notes
	s.notes++
	s.mu.Unlock()
	return s.deliver("INBOX", notes[n%len(notes)].letter(time.Now()))
}

// session is a client's, counted so that Close can wait for it.
type session struct {
	imapserver.SessionIMAP4rev2
	ended func()
}

// session begins one, unless the server is closing: a connection that has been
// accepted by then may come here later than Server.Close looks for it.
func (s *Server) session(backend *imapmemserver.Server) (imapserver.Session, *imapserver.GreetingData, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, errors.New("closed")
	}
	s.serving.Add(1)
	return &session{backend.NewSession().(imapserver.SessionIMAP4rev2), s.serving.Done}, nil, nil
}

func (s *session) Close() error {
	defer s.ended()
	return s.SessionIMAP4rev2.Close()
}

// Idle begins with what has happened since the last command: the in-memory
// server's own only tells of what happens from then on.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if err := s.Poll(w, true); err != nil {
		return err
	}
	return s.SessionIMAP4rev2.Idle(w, stop)
}
