package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Detail is something about a mailbox that is asked for only when somebody
// wants to know it, and that only some servers tell.
type Detail uint8

const (
	// Rights are the account's own (MYRIGHTS, RFC 4314), a letter each.
	Rights Detail = iota + 1
	// ACL is everybody's rights: sorted lines of an identifier, a space and
	// letters.
	ACL
	// Octets is the size of all messages together (STATUS=SIZE, RFC 8438), a
	// decimal number.
	Octets
)

// MaxDetail bounds a detail, in bytes; a longer one is unknown. It is the most
// that an extended attribute holds on Linux.
const MaxDetail = 64 << 10

const (
	// detailTimeout is how long the server has to tell one.
	detailTimeout = 10 * time.Second
	// keptDetails bounds those that are remembered.
	keptDetails = 4096
)

type detailKey struct {
	id   ID
	what Detail
}

type knownDetail struct {
	text string
	when time.Time
}

// details are those that were asked for lately. The zero value is ready; it is
// safe for concurrent use.
type details struct {
	flight flight[detailKey, string]

	mu    sync.Mutex
	known map[detailKey]knownDetail // guarded by mu
}

// Detail tells something about a mailbox, at most Options.Poll late; "" where
// the server does not.
func (a *Account) Detail(ctx context.Context, id ID, what Detail) (string, error) {
	d, key := &a.details, detailKey{id, what}
	d.mu.Lock()
	last, ok := d.known[key]
	d.mu.Unlock()
	if ok && time.Since(last.when) < a.opts.Poll {
		return last.text, nil
	}
	text, err := d.flight.do(ctx, a, key, func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, detailTimeout)
		defer cancel()
		text, err := a.src.Detail(ctx, id, what)
		if errors.Is(err, errors.ErrUnsupported) || len(text) > MaxDetail {
			text, err = "", nil
		}
		if err == nil {
			d.keep(key, text)
		}
		return text, err
	})
	if err != nil {
		return "", fmt.Errorf("ask about mailbox %q: %w", id.Name, err)
	}
	return text, nil
}

func (d *details) keep(key detailKey, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= keptDetails {
		d.known = make(map[detailKey]knownDetail)
	}
	d.known[key] = knownDetail{text, time.Now()}
}
