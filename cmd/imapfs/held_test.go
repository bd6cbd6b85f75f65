package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"imapfs/imapbackend/imaptest"
)

// heldBy is what an account holds: mailbox, subject and flags of each message.
func heldBy(t testing.TB, s *imaptest.Server) (lines []string) {
	t.Helper()
	client := s.Client()
	boxes, err := client.List("", "*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, box := range boxes {
		selected, err := client.Select(box.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if selected.NumMessages == 0 {
			continue
		}
		messages, err := client.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{Flags: true, Envelope: true}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			flags := []string{}
			for _, f := range m.Flags {
				if f != `\Recent` {
					flags = append(flags, string(f))
				}
			}
			slices.Sort(flags)
			lines = append(lines, fmt.Sprintf("%s %s %v", box.Mailbox, m.Envelope.Subject, flags))
		}
	}
	slices.Sort(lines)
	return lines
}
