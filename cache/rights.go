package cache

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// SetACL makes what Detail tells of ACL the text, as far as the server agrees.
func (a *Account) SetACL(ctx context.Context, id ID, text string) error {
	want, err := parseACL(text)
	if err != nil {
		return err
	}
	a.details.forget(id)
	was, err := a.Detail(ctx, id, ACL)
	if err != nil {
		return err
	}
	defer a.details.forget(id)
	have, _ := parseACL(was)
	for who, rights := range want {
		if have[who] != rights {
			if err := a.opts.Writing.Editor.SetACL(ctx, id, who, rights); err != nil {
				return err
			}
		}
	}
	for who := range have {
		if _, stays := want[who]; !stays {
			if err := a.opts.Writing.Editor.SetACL(ctx, id, who, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseACL reads lines of an identifier, a space and rights.
func parseACL(text string) (map[string]string, error) {
	rights := make(map[string]string)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at <= 0 || rights[line[:at]] != "" {
			return nil, fmt.Errorf("rights: %w", ErrInvalid)
		}
		rights[line[:at]] = line[at+1:]
	}
	return rights, nil
}

func (d *details) forget(id ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, what := range []Detail{Rights, ACL, Octets} {
		delete(d.known, detailKey{id, what})
	}
}

// MayWrite reports whether messages may be put into a mailbox and taken out of
// it, by the rights that the server tells (RFC 4314: insert, and delete and
// expunge); true where it tells none.
func (a *Account) MayWrite(ctx context.Context, id ID) bool {
	if !a.Writable() {
		return false
	}
	if !a.opts.Writing.Editor.HasRights() {
		return true
	}
	if !a.RightsKnown(id) {
		a.askRights()
	}
	rights, err := a.Detail(ctx, id, Rights)
	if err != nil || rights == "" {
		return true // the server says what it refuses
	}
	insert := strings.Contains(rights, "i")
	remove := strings.Contains(rights, "d") || strings.Contains(rights, "t") && strings.Contains(rights, "e")
	return insert && remove
}

// askRights asks for the rights in all mailboxes at once: who wants to know those
// in one is likely to want those in the next.
func (a *Account) askRights() {
	if !a.edits.asking.CompareAndSwap(false, true) {
		return
	}
	a.tasks.Go(func() {
		defer a.edits.asking.Store(false)
		group, ctx := errgroup.WithContext(a.life)
		group.SetLimit(rightsAtOnce)
		for _, m := range a.KnownMailboxes() {
			if !m.NoSelect && !a.RightsKnown(m.ID()) {
				group.Go(func() error {
					_, err := a.Detail(ctx, m.ID(), Rights)
					return err
				})
			}
		}
		group.Wait() // who needs an answer asks by itself
	})
}

// rightsAtOnce is how many mailboxes are asked about at once.
const rightsAtOnce = 32

// RightsKnown reports whether MayWrite can tell without asking the server.
func (a *Account) RightsKnown(id ID) bool {
	if !a.Writable() || !a.opts.Writing.Editor.HasRights() {
		return true
	}
	d := &a.details
	d.mu.Lock()
	defer d.mu.Unlock()
	last, ok := d.known[detailKey{id, Rights}]
	return ok && time.Since(last.when) < a.opts.Poll
}
