package imapbackend

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// messageLimit is how many messages one command may be about (RFC 9738).
func (s *session) messageLimit() int {
	for _, name := range s.caps {
		if digits, ok := strings.CutPrefix(name, "MESSAGELIMIT="); ok {
			if n, err := strconv.ParseUint(digits, 10, 32); err == nil && n > 0 {
				return int(n)
			}
		}
	}
	return math.MaxInt32
}

// uidRange is a range of UIDs with both its ends; math.MaxUint32 is open.
type uidRange struct{ first, last uint32 }

var everything = uidRange{1, math.MaxUint32}

func (r uidRange) set() imap.UIDSet {
	last := imap.UID(r.last)
	if r.last == math.MaxUint32 {
		last = 0 // *
	}
	return imap.UIDSet{{Start: imap.UID(r.first), Stop: last}}
}

// key is the range as a search key. Of a search for all, servers know the
// answer without looking.
func (r uidRange) key() string {
	if r == everything {
		return "ALL"
	}
	return "UID " + r.set().String()
}

// limitedSteps bounds, beyond one for each message, how many commands it may
// take to get at all of them.
const limitedSteps = 100

// throughout runs a command on all messages. Where the server says that it has
// not looked at all (RFC 9738), the command is run again on what is left, until
// nothing is: part of a mailbox must never look like the whole of it. What do
// has got is to be kept each time, and may come twice.
func (s *session) throughout(do func(uidRange) (guard.Status, error)) error {
	left := []uidRange{everything}
	for steps := 0; len(left) > 0; steps++ {
		if steps > int(s.state.Count)+limitedSteps {
			return fmt.Errorf("%w: the server looks at too few messages at once", cache.ErrProtocol)
		}
		r := left[len(left)-1]
		left = left[:len(left)-1]
		st, err := do(r)
		lowest, limited := st.Limit()
		if !limited {
			if err != nil {
				return err
			}
			continue
		}
		last := r.last
		if last == math.MaxUint32 && s.state.Next > r.first+1 {
			last = s.state.Next - 1 // where the messages are
		}
		switch {
		case err == nil && lowest == r.first:
		case err == nil && lowest > r.first && lowest <= last:
			left = append(left, uidRange{r.first, lowest - 1})
		case lowest > r.first && lowest <= last: // refused: that many would have been possible
			left = append(left, uidRange{r.first, lowest - 1}, uidRange{lowest, r.last})
		case r.first < last:
			middle := r.first + (last-r.first)/2
			left = append(left, uidRange{r.first, middle}, uidRange{middle + 1, r.last})
		default:
			return fmt.Errorf("%w: the server does not look at message %d: %w", cache.ErrProtocol, r.first, st)
		}
	}
	return nil
}
