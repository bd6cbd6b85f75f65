package demo

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// dial connects without logging in. exists gets what IDLE tells.
func dial(t *testing.T, s *Server, exists chan<- uint32) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(s.Addr, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(data *imapclient.UnilateralDataMailbox) {
				if data.NumMessages != nil && exists != nil {
					exists <- *data.NumMessages
				}
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestServer lists, is told of new mail in IDLE, and ends with Close.
func TestServer(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	if host, _, err := net.SplitHostPort(s.Addr); err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("it listens on %s", s.Addr)
	}
	other, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	if other.Password == s.Password || len(s.Password) < 20 {
		t.Error("the password can be guessed")
	}
	if dial(t, s, nil).Login(s.Username, other.Password).Wait() == nil {
		t.Error("any password will do")
	}
	other.Close()
	if _, err := net.Dial("tcp", other.Addr); err == nil {
		t.Error("a closed server accepts connections")
	}

	exists := make(chan uint32, 10)
	c := dial(t, s, exists)
	if err := c.Login(s.Username, s.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	all := mailboxes()
	list, err := c.List("", "*", nil).Collect()
	if err != nil || len(list) != len(all) {
		t.Errorf("%d mailboxes, not %d: %v", len(list), len(all), err)
	}
	for _, m := range all {
		data, err := c.Select(m.name, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil || int(data.NumMessages) != len(m.letters) {
			t.Errorf("%s: %+v, not %d messages: %v", m.name, data, len(m.letters), err)
		}
	}

	data, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	// One comes before IDLE: it is told of as well.
	if err := s.Deliver(); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(2 * len(notes)) {
		select {
		case n := <-exists:
			if n != data.NumMessages+i+1 {
				t.Errorf("EXISTS %d after %d deliveries to %d messages", n, i+1, data.NumMessages)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no EXISTS for delivery %d", i+1)
		}
		if err := s.Deliver(); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	idle.Close()
	c.Close()

	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // between two looks
		n := runtime.NumGoroutine()
		if n <= before {
			break
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
