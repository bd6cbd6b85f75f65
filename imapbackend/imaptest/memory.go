package imaptest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// Memory starts go-imap's in-memory server in the test's process.
func Memory(t testing.TB, opts ...Option) *Server {
	t.Helper()
	o := newOptions(opts)
	if o.lines != "" {
		t.Fatal("imaptest: configuration lines are for Dovecot")
	}
	s := &Server{Username: "alice", Password: "secret", t: t}
	user := imapmemserver.NewUser(s.Username, s.Password)
	s.store = memoryStore{user}
	backend := imapmemserver.New()
	backend.AddUser(user)

	serverOptions := &imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &refusing{backend.NewSession().(imapserver.SessionIMAP4rev2), s}, nil, nil
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
		InsecureAuth: true,
	}
	if o.tls {
		certFile, keyFile, err := certificate(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		s.CAFile = certFile
		serverOptions.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	}

	server := imapserver.New(serverOptions)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		server.Close()
		serving.Wait()
	})
	serve := func(wrap func(net.Listener) net.Listener) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() {
			defer ln.Close()
			server.Serve(wrap(ln))
		})
		return ln.Addr().String()
	}
	s.Addr = serve(func(ln net.Listener) net.Listener { return ln })
	if o.tls {
		s.TLSAddr = serve(func(ln net.Listener) net.Listener { return tls.NewListener(ln, serverOptions.TLSConfig) })
	}
	for _, name := range o.mailboxes {
		s.Create(name)
	}
	return s
}

type memoryStore struct {
	user *imapmemserver.User
}

func (m memoryStore) create(mailbox string) error {
	err := m.user.Create(mailbox, &imap.CreateOptions{})
	var e *imap.Error
	if errors.As(err, &e) && e.Code == imap.ResponseCodeAlreadyExists {
		return nil
	}
	return err
}

func (m memoryStore) deliver(mailbox string, message []byte, date time.Time, flags []string) error {
	o := &imap.AppendOptions{Time: date}
	for _, f := range flags {
		o.Flags = append(o.Flags, imap.Flag(f))
	}
	_, err := m.user.Append(mailbox, bytes.NewReader(message), o)
	return err
}
