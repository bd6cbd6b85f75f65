package imapbackend

import (
	"context"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// append1 stores a message by IMAP: Dovecot does not tell of files that are put
// into the Maildirs of mailboxes that nobody has open.
func append1(t *testing.T, s *imaptest.Server, mailbox string) {
	t.Helper()
	message := []byte("Subject: x\r\n\r\nx\r\n")
	cmd := s.Client().Append(mailbox, int64(len(message)), &imap.AppendOptions{Time: delivered})
	cmd.Write(message)
	cmd.Close()
	if _, err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestNotify is told of changes in the mailbox that is open, in others and in
// the list of them, by one connection.
func TestNotify(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Käse", "B"))
	c := dial(t, s, s.Addr, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const open, list = "(open)", "(list)"
	news := make(chan string, 100)
	ended := make(chan error)
	go func() {
		ended <- c.Idle(ctx, cache.ID{Name: "INBOX"}, cache.News{
			Started:   func() { news <- "" },
			Changed:   func() { news <- open },
			Elsewhere: func(id cache.ID) { news <- id.Name },
			Listed:    func() { news <- list },
		})
	}()
	await := func(want string) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			select {
			case got := <-news:
				if got == want {
					return
				}
			case err := <-ended:
				t.Fatal(err)
			case <-deadline:
				t.Fatalf("not told of %q", want)
			}
		}
	}
	await("")
	for _, name := range []string{"Käse", "B", "Käse"} {
		append1(t, s, name)
		await(name)
	}
	append1(t, s, "INBOX")
	await(open)
	if err := s.Client().Create("New", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	await(list)
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("ended with %v", err)
	}
}

// TestStates tells the same by LIST and by STATUS.
func TestStates(t *testing.T) {
	names := []string{"A", "B", "Käse"}
	for _, capability := range []string{"", "imap_capability = IMAP4rev1 CONDSTORE"} {
		s := imaptest.Dovecot(t, imaptest.WithMailboxes(names...), imaptest.WithConfig(capability))
		ids := []cache.ID{{Name: "gone"}}
		for i, name := range names {
			for range i + 1 {
				s.Deliver(name, []byte("Subject: x\n\nx\n"), delivered)
			}
			ids = append(ids, cache.ID{Name: name})
		}
		c := dial(t, s, s.Addr, 2)
		if _, err := c.Mailboxes(t.Context()); err != nil {
			t.Fatal(err)
		}
		states, err := c.States(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := states[ids[0]]; ok {
			t.Errorf("%s: a mailbox that is not there has a state", capability)
		}
		for i, id := range ids[1:] {
			opened, _ := list(t, c, id)
			got := states[id]
			got.Unseen = 0
			if got != opened || got.Count != uint32(i+1) || states[id].Unseen != uint32(i+1) {
				t.Errorf("%s: %s: %+v, opened %+v", capability, id.Name, states[id], opened)
			}
		}
	}
}
