package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// codes maps response codes (RFC 9051, section 7.1; RFC 5530) to the kinds of
// failure that the rest of imapfs knows. A NO without any of them is ErrProtocol.
var codes = map[string]error{
	"NONEXISTENT":          cache.ErrNotExist,
	"TRYCREATE":            cache.ErrNotExist,
	"NOPERM":               cache.ErrPermission,
	"ACL":                  cache.ErrPermission,
	"AUTHENTICATIONFAILED": cache.ErrPermission,
	"AUTHORIZATIONFAILED":  cache.ErrPermission,
	"EXPIRED":              cache.ErrPermission,
	"UNAVAILABLE":          cache.ErrOffline,
	"INUSE":                cache.ErrOffline,
	"LIMIT":                cache.ErrOffline,
	"THROTTLED":            cache.ErrOffline,
	"SERVERBUG":            cache.ErrOffline,
	"OVERQUOTA":            cache.ErrQuota,
	"TOOBIG":               cache.ErrTooBig,
	"ALREADYEXISTS":        cache.ErrExist,
	"HASCHILDREN":          cache.ErrNotEmpty,
	"CANNOT":               cache.ErrInvalid,
	expungeIssued:          errLagging,
}

// expungeIssued: somebody else has expunged messages of this mailbox.
const expungeIssued = "EXPUNGEISSUED"

// kinds are the errors that say all there is to say already.
var kinds = []error{
	cache.ErrNotExist, cache.ErrStale, cache.ErrPermission, cache.ErrOffline,
	cache.ErrProtocol, cache.ErrTooLarge, cache.ErrQuota, cache.ErrTooBig, cache.ErrExist, cache.ErrNotEmpty, cache.ErrInvalid,
	cache.ErrForbidden, context.Canceled, context.DeadlineExceeded,
	errors.ErrUnsupported,
}

// kind gives an error of an established session its kind.
func (s *session) kind(err error) error {
	if err == nil {
		return nil
	}
	for _, k := range kinds {
		if errors.Is(err, k) {
			return err
		}
	}
	code := ""
	var st guard.Status
	var refusal *imap.Error
	switch {
	case errors.As(err, &refusal):
		code = string(refusal.Code)
	case errors.As(err, &st) && st.Type != "BYE":
		code = st.Code
	default:
		// The engine does not tell why its connection ended; the guard does.
		if broken := s.conn.Err(); broken != nil {
			return lost{broken}
		}
	}
	switch k := codes[code]; k {
	case nil:
	case cache.ErrOffline:
		return busy{err}
	default:
		return fmt.Errorf("%w: %w", k, err)
	}
	return fmt.Errorf("%w: %w", cache.ErrProtocol, err)
}

// lost is the end of a connection that had been established: reason to try
// again on another.
type lost struct{ why error }

func (l lost) Error() string { return "connection lost: " + l.why.Error() }

func (l lost) Unwrap() []error {
	if errors.Is(l.why, os.ErrDeadlineExceeded) {
		return []error{context.DeadlineExceeded}
	}
	return []error{cache.ErrOffline, l.why}
}

// busy is a refusal by a server that may do the same later (RFC 5530:
// UNAVAILABLE, INUSE, LIMIT; Gmail: THROTTLED): reason to try again after a pause.
type busy struct{ why error }

func (b busy) Error() string { return "refused for now: " + b.why.Error() }

func (b busy) Unwrap() []error { return []error{cache.ErrOffline, b.why} }
