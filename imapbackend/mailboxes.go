package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
)

// maxMailboxes bounds a list of mailboxes: it is far above what servers hold.
const maxMailboxes = 1 << 20

// Mailboxes implements cache.Source: LIST of the personal namespace, and of
// every other that NAMESPACE names (RFC 2342), since not all servers list
// those under "*".
func (c *Client) Mailboxes(ctx context.Context) ([]cache.Mailbox, error) {
	var list []cache.Mailbox
	err := c.anywhere(ctx, func(s *session) error {
		patterns := []string{"*"}
		if s.has("NAMESPACE") || s.has("IMAP4REV2") {
			data, err := await(ctx, s.engine.Namespace().Wait)
			if refused := errors.As(err, new(*imap.Error)); refused {
				data = new(imap.NamespaceData) // then "*" is all there is
			} else if err != nil {
				return s.kind(err)
			}
			for _, n := range slices.Concat(data.Personal, data.Other, data.Shared) {
				if n.Prefix != "" {
					patterns = append(patterns, n.Prefix+"*")
				}
			}
		}
		known := make(map[cache.ID]int)
		list = nil
		for _, pattern := range patterns {
			found, err := s.list(ctx, pattern)
			if err != nil {
				return err
			}
			for _, m := range found {
				i, ok := known[m.ID()]
				switch {
				case !ok:
					known[m.ID()] = len(list)
					list = append(list, m)
				case list[i].NoSelect && !m.NoSelect: // one of them can be opened
					list[i] = m
				}
			}
			if len(list) > maxMailboxes {
				return fmt.Errorf("%w: over %d mailboxes", cache.ErrProtocol, maxMailboxes)
			}
		}
		return nil
	})
	c.mailboxes.Store(int64(len(list)))
	return list, err
}

func (s *session) list(ctx context.Context, pattern string) ([]cache.Mailbox, error) {
	var options *imap.ListOptions
	if s.has("SPECIAL-USE") && s.has("LIST-EXTENDED") {
		options = &imap.ListOptions{ReturnSpecialUse: true}
	}
	// Collect at once: an unread LIST stops the whole connection.
	found, err := await(ctx, func() ([]*imap.ListData, error) { return s.engine.List("", pattern, options).Collect() })
	if err != nil {
		return nil, s.kind(err)
	}
	list := make([]cache.Mailbox, 0, len(found))
	for _, d := range found {
		id := s.mailboxID(d.Mailbox)
		m := cache.Mailbox{Name: id.Name, Raw: id.Raw, Delimiter: d.Delim}
		for _, a := range d.Attrs {
			switch {
			case is(a, imap.MailboxAttrNoSelect), is(a, imap.MailboxAttrNonExistent):
				m.NoSelect = true
			default:
				if i := slices.IndexFunc(specialUses, func(u imap.MailboxAttr) bool { return is(a, u) }); i >= 0 {
					m.SpecialUse = string(specialUses[i])
				}
			}
		}
		list = append(list, m)
	}
	return list, nil
}

func is(a, b imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(b)) }

// specialUses are the attributes of RFC 6154 and RFC 8457.
var specialUses = []imap.MailboxAttr{
	imap.MailboxAttrAll, imap.MailboxAttrArchive, imap.MailboxAttrDrafts, imap.MailboxAttrFlagged,
	imap.MailboxAttrJunk, imap.MailboxAttrSent, imap.MailboxAttrTrash, imap.MailboxAttrImportant,
}

// printable makes text of a server fit for a log or an error message.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
