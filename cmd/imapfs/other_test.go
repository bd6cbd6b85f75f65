package main

import (
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// otherClient changes a mailbox that is mounted.
type otherClient struct {
	t testing.TB
	*imapclient.Client
}

// flag adds a flag to the message with this sequence number.
func (c *otherClient) flag(seq uint32, flag imap.Flag) {
	c.t.Helper()
	add := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}}
	if err := c.Store(imap.SeqSetNum(seq), add, nil).Close(); err != nil {
		c.t.Fatal(err)
	}
}

// expunge removes the message with this sequence number.
func (c *otherClient) expunge(seq uint32) {
	c.t.Helper()
	c.flag(seq, imap.FlagDeleted)
	if err := c.Expunge().Close(); err != nil {
		c.t.Fatal(err)
	}
}

// append stores a message.
func (c *otherClient) append(mailbox string, message []byte) {
	c.t.Helper()
	cmd := c.Append(mailbox, int64(len(message)), &imap.AppendOptions{Time: sampleDate})
	cmd.Write(message)
	cmd.Close()
	if _, err := cmd.Wait(); err != nil {
		c.t.Fatal(err)
	}
}
