package cache

import (
	"context"
	"time"
)

// Source is where mail comes from: one account of an IMAP server. Its methods
// are safe for concurrent use, return as soon as ctx ends, and have deadlines
// of their own, so that none blocks for ever. Errors are of the kinds in this
// package. Reading never changes the account: it sets no \Seen.
//
// A method that is given a UIDVALIDITY fails with ErrStale if the mailbox has
// another one by now.
type Source interface {
	// Mailboxes lists the account's mailboxes, in no particular order.
	Mailboxes(ctx context.Context) ([]Mailbox, error)

	// Snapshot tells what is in the mailbox, which it opens read-only. known is
	// the state as of an earlier Snapshot of which everything has been taken
	// over; zero if there is none.
	Snapshot(ctx context.Context, id ID, known State) (Snapshot, error)

	// Summaries fetches the messages with these UIDs, in about that order, and
	// calls yield for each as it arrives, never concurrently and never after it
	// has returned. A message of which the server says nothing readable comes
	// with Defects; only one that has gone meanwhile is left out.
	Summaries(ctx context.Context, id ID, validity uint32, uids []uint32, yield func(*Message)) error

	// Newest tells UIDVALIDITY, and when the newest message came (INTERNALDATE
	// of the highest UID), the zero time if there is none or its date cannot be
	// read.
	Newest(ctx context.Context, id ID) (validity uint32, when time.Time, err error)

	// Flags calls yield for every message changed since the mod-sequence since;
	// for every message if since is 0 (RFC 7162, 3.1.4.1). Of what it is given,
	// UID, Flags and ModSeq are set, and Gmail if the labels came, too.
	Flags(ctx context.Context, id ID, validity uint32, since uint64, yield func(*Message)) error

	// States tells the present states of mailboxes without opening them. One
	// that has gone is left out.
	States(ctx context.Context, ids []ID) (map[ID]State, error)

	// Detail tells something about a mailbox. errors.ErrUnsupported: the server
	// does not know it, or does not tell it to us.
	Detail(ctx context.Context, id ID, what Detail) (string, error)

	// Quota tells the account's quota. errors.ErrUnsupported: there is none, or
	// the server does not tell it.
	Quota(ctx context.Context) (Quota, error)

	// Idle waits for changes in one mailbox, until ctx ends or the connection
	// is lost. An account has one Idle at a time. errors.ErrUnsupported: the
	// server cannot.
	Idle(ctx context.Context, id ID, news News) error

	// Fetch gets octets of bodies, all in one round trip, without setting \Seen.
	// Requests about one message stand together. ErrNotExist for a message: it
	// has gone. If Fetch itself fails, which is about all, those that are left
	// have got no answer. Sent is called as soon as all has been asked for.
	Fetch(ctx context.Context, id ID, validity uint32, requests []Request, take Taker) error
}

// Taker is what Fetch calls, never concurrently and never after it has returned.
// It must not block.
type Taker struct {
	// Answer is called once for each request, with its index, as the octets have
	// come, in any order. nil octets are a section that the server says is not
	// there (NIL); err tells what is wrong with this message.
	Answer func(i int, octets []byte, err error)
	// Progress, if set, is told how many octets have come, also of what turns out
	// to be of no use.
	Progress func(octets int)
}

// News are what Idle calls. None may block, and none is called after Idle has
// returned.
type News struct {
	// Started: what changes in the mailbox from now on is told.
	Started func()
	// Changed: there may be changes in the mailbox.
	Changed func()
	// Elsewhere: there may be changes in another mailbox. Not all servers tell.
	Elsewhere func(ID)
	// Listed: the list of mailboxes may have changed. Not all servers tell.
	Listed func()
}

// State is what EXAMINE tells of a mailbox (RFC 9051, section 6.3.3).
type State struct {
	// Validity is UIDVALIDITY.
	Validity uint32
	// Next is UIDNEXT, 0 where the server does not say.
	Next uint32
	// Count is the number of messages (EXISTS).
	Count uint32
	// ModSeq is HIGHESTMODSEQ (RFC 7162), 0 where the server has none.
	ModSeq uint64
	// Unseen is the number of messages without \Seen; EXAMINE does not tell it.
	Unseen uint32
}

// Snapshot is what is in a mailbox at one moment. All messages that were there in
// the known state, with UIDs below From, still are, but for those in Gone.
type Snapshot struct {
	State State
	// From and UIDs: these are, ascending, all messages with UIDs not below From.
	From uint32
	UIDs []uint32
	// Gone are ranges of UIDs below From. They may have others in them than of
	// messages that were there.
	Gone []Range
}

// Range is the UIDs from First to Last.
type Range struct{ First, Last uint32 }

// Request asks for a range of octets of BODY[Section] of one message.
type Request struct {
	UID     uint32
	Section string
	// Offset and Length are in octets. Length 0 is everything, in which case
	// Offset is 0, and more than MaxWhole octets is ErrTooLarge.
	Offset, Length int64
}

// MaxWhole bounds, in octets, what is fetched in one piece to be decoded in
// memory. It is far above what mail servers accept in one message.
const MaxWhole = 1 << 30
