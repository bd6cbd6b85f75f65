package cache

import (
	"context"
	"io"
	"time"
)

// Editor is a Source that can be changed. As with a Source, its methods are safe
// for concurrent use and have deadlines of their own. One whose context ends has
// perhaps done what it was to do: who wants to know must not end it.
//
// None changes or removes anything but what it names: a UID only under the
// UIDVALIDITY that is given, else it is ErrStale.
type Editor interface {
	// Append stores a message in a mailbox. An error means that it is not there;
	// but ErrUncertain, that nobody knows.
	Append(ctx context.Context, id ID, m Outgoing) (Stored, error)

	// Find looks for a message in a mailbox. UID 0: it is not there.
	Find(ctx context.Context, id ID, m Sought) (Stored, error)

	// Move moves a message to another mailbox, and Copy copies it. same tells it
	// there from others, where the server does not say which it is.
	Move(ctx context.Context, from ID, validity, uid uint32, to ID, same Sought) (Stored, error)
	Copy(ctx context.Context, from ID, validity, uid uint32, to ID, same Sought) (Stored, error)

	// Expunge removes one message for good; from a server that can only remove
	// all messages that are marked so (no UIDPLUS, RFC 4315), it marks it.
	Expunge(ctx context.Context, id ID, validity, uid uint32) error

	// SetFlags gives a message these flags and no others, but for \Recent and,
	// unless it is among them, \Deleted, which stays as it is. It returns those
	// that it then has. ErrInvalid: the server does not keep one of them.
	SetFlags(ctx context.Context, id ID, validity, uid uint32, flags []string) ([]string, error)

	// Create makes a mailbox and subscribes to it. ErrExist: it is there.
	Create(ctx context.Context, id ID) error
	// Delete deletes a mailbox that holds no message and has no child, as the
	// server says right before. ErrNotEmpty: it does or has. delimiter is its own.
	Delete(ctx context.Context, id ID, delimiter rune) error
	// Rename renames a mailbox and those below it. ErrExist: to is there.
	Rename(ctx context.Context, from, to ID) error
	// SetACL gives somebody rights in a mailbox (RFC 4314); "" takes them all.
	SetACL(ctx context.Context, id ID, who, rights string) error

	// MaxMessage is how large a message may be, in octets, 0 if that is not known.
	MaxMessage() int64
	// HasRights reports whether the server tells rights (ACL).
	HasRights() bool
}

// Outgoing is a message to be stored.
type Outgoing struct {
	// Open gives the octets, which end their lines with CRLF, for each attempt
	// anew.
	Open func() (io.ReadCloser, error)
	// Flags are without \Recent.
	Flags []string
	// Sought has Size and Date, which become those of the message.
	Sought
	// Binary tells that there is a NUL in it.
	Binary bool
}

// Sought is how to recognize a message that was stored, if the server does not
// tell its UID.
type Sought struct {
	// Next is UIDNEXT as of a time before: it is no message with a UID below.
	Next uint32
	// Size is in octets.
	Size int64
	Date time.Time
	// MessageID is with angle brackets, "" if it has none.
	MessageID string
	// Sum is the SHA-256 of the octets; all zero if that is not known.
	Sum [32]byte
	// Claim, if set, is called with a message that is the same. False: it is
	// known to be another one of the same octets.
	Claim func(validity, uid uint32) bool
}

// Stored is where a message is. UID 0: that could not be found out.
type Stored struct {
	Validity, UID uint32
}
