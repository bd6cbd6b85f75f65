package guard

import (
	"math"
	"strings"
)

// messageLimit is the response code of RFC 9738.
const messageLimit = "MESSAGELIMIT"

// noteLimit assigns a limit that the server tells of in a response of its own,
// since the tagged one has another code. Which of several commands it is about,
// it does not say, so that none can go by the UID in it.
func (c *Conn) noteLimit(st Status) {
	if st.Code != messageLimit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var about []*command
	for _, cmd := range c.pending {
		if cmd.ours && (cmd.name == "FETCH" || cmd.name == "SEARCH") {
			about = append(about, cmd)
		}
	}
	for _, cmd := range about {
		if cmd.limit != nil || len(about) > 1 {
			st.Args, _, _ = strings.Cut(st.Args, " ")
		}
		cmd.limit = &st
	}
}

// Limit reports whether the server has stopped before it had looked at all
// messages (RFC 9738), which it does from the highest UID down. lowest is the
// last that it has looked at, 0 if it does not say.
func (s Status) Limit() (lowest uint32, limited bool) {
	if s.Code != messageLimit {
		return 0, false
	}
	_, uid, _ := strings.Cut(strings.TrimSpace(s.Args), " ")
	n, _ := number([]byte(strings.TrimSpace(uid)), math.MaxUint32)
	return uint32(n), true
}
