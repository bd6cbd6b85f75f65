package cache

import (
	"errors"
	"fmt"
)

// The kinds of failure that a Source and an Account report, to be told apart
// with errors.Is. What wraps them says which operation failed on what. Besides
// them, context.Canceled is an interrupted caller and
// context.DeadlineExceeded a server that did not answer in time.
var (
	// ErrNotExist: no such mailbox, message or part.
	ErrNotExist = errors.New("does not exist")
	// ErrStale: the message or the whole mailbox (a new UIDVALIDITY) went away
	// while it was in use.
	ErrStale = errors.New("was removed on the server")
	// ErrPermission: the server refuses access (RFC 5530: NOPERM; RFC 4314).
	ErrPermission = errors.New("refused by the server")
	// ErrLogin is the ErrPermission of a server that does not let us in at all.
	ErrLogin = fmt.Errorf("login %w", ErrPermission)
	// ErrOffline: the server cannot be reached, and the answer is not cached.
	ErrOffline = errors.New("server not reachable")
	// ErrProtocol: the server broke the protocol, or refused for a reason that
	// is none of the above.
	ErrProtocol = errors.New("unexpected answer from the server")
	// ErrContent: the content contradicts the size that was promised for it.
	ErrContent = errors.New("content contradicts its announced size")
	// ErrTooLarge: the content cannot be decoded within MaxWhole octets.
	ErrTooLarge = errors.New("too large to decode")
	// ErrBudget: as much has been fetched as may be for now, and the content is not
	// cached. Of what is done in the Background that is so sooner than of the rest.
	ErrBudget = errors.New("the daily limit is reached")
)

// The kinds of failure of what changes the account.
var (
	// ErrQuota: the account is full (RFC 9208: OVERQUOTA).
	ErrQuota = errors.New("over quota")
	// ErrTooBig: the server takes no message of that size (RFC 7889).
	ErrTooBig = errors.New("larger than the server takes")
	// ErrExist: there is one of that name already.
	ErrExist = errors.New("exists already")
	// ErrNotEmpty: the mailbox holds messages or has children.
	ErrNotEmpty = errors.New("is not empty")
	// ErrInvalid: no server could do that: no message, no flag, no name.
	ErrInvalid = errors.New("is not valid")
	// ErrForbidden: imapfs does not do that, whatever the server would say.
	ErrForbidden = errors.New("not permitted")
	// ErrUncertain: the connection ended before the answer, and nobody knows
	// whether it was done.
	ErrUncertain = errors.New("perhaps done, and perhaps not")
	// ErrReadOnly: the account is not to be changed.
	ErrReadOnly = errors.New("mounted read-only")
)
