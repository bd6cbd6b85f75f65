package imaptest

import (
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// appended is an account that is filled by IMAP, for servers whose mail is in
// files of their own: they refuse what they hold to be no message, and their
// answer is deliver's error.
type appended struct {
	server *Server
	// name gives a mailbox's name on the server; nil if it is the same.
	name func(string) string

	client  *imapclient.Client
	created map[string]bool
}

// connect logs in when the account is first used: the server runs by then.
func (a *appended) connect() (*imapclient.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	client, err := imapclient.DialInsecure(a.server.Addr, nil)
	if err != nil {
		return nil, err
	}
	if err := client.Login(a.server.Username, a.server.Password).Wait(); err != nil {
		client.Close()
		return nil, fmt.Errorf("login: %w", err)
	}
	a.server.t.Cleanup(func() { client.Close() })
	a.client, a.created = client, map[string]bool{"INBOX": true}
	return client, nil
}

// create takes a refusal for good where the mailbox is there: not every server
// says ALREADYEXISTS.
func (a *appended) create(mailbox string) error {
	client, err := a.connect()
	if err != nil || a.created[mailbox] {
		return err
	}
	name := a.onServer(mailbox)
	if err := client.Create(name, nil).Wait(); err != nil {
		if found, listErr := client.List("", name, nil).Collect(); listErr != nil || len(found) != 1 {
			return errors.Join(err, listErr)
		}
	}
	a.created[mailbox] = true
	return nil
}

func (a *appended) deliver(mailbox string, message []byte, date time.Time, flags []string) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	message = CRLF(message)
	o := &imap.AppendOptions{Time: date}
	for _, f := range flags {
		o.Flags = append(o.Flags, imap.Flag(f))
	}
	cmd := client.Append(a.onServer(mailbox), int64(len(message)), o)
	_, err = cmd.Write(message)
	err = errors.Join(err, cmd.Close())
	_, answer := cmd.Wait()
	if answer != nil {
		return answer
	}
	return err
}

func (a *appended) onServer(mailbox string) string {
	if a.name == nil {
		return mailbox
	}
	return a.name(mailbox)
}
