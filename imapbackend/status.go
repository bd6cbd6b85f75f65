package imapbackend

import (
	"cmp"
	"sync"
	"time"

	"imapfs/imapbackend/guard"
)

// Status is what a Client can tell about itself.
type Status struct {
	// Address is the server's host:port.
	Address  string
	Username string
	Security Security
	// Connections are those that live now.
	Connections []ConnectionStatus
	// Alerts are the last that the server gave, the newest last.
	Alerts []Alert
	// Err is why the last attempt to connect failed, nil if it did not.
	Err error
	// Offline is since when there is no way to the server, zero if there is.
	Offline time.Time
	// Retry is when the next attempt is made; zero while there is a way, during
	// an attempt, and if nobody will try.
	Retry time.Time
	// Traffic is what all connections have transferred, also those that ended.
	Traffic Traffic
	// Budget is how Options.DailyLimit stands, nil if there is none.
	Budget *Budget
}

// Traffic is what a Client has transferred so far.
type Traffic struct {
	// Received and Sent are octets on the wire: compressed where a connection
	// is, without what TLS, TCP and IP add to them.
	Received, Sent int64
	// Bodies is how many octets of bodies, or ranges of them, answered a FETCH;
	// uncompressed, whether somebody still wanted them or not.
	Bodies int64
	// Commands counts commands by kind: "FETCH bodies", "FETCH summaries", "FETCH
	// flags" (also mod-sequences, labels and bare UIDs), "SEARCH", "EXAMINE",
	// "LIST", "STATUS", "IDLE", "NOOP", "LOGIN" (also AUTHENTICATE) and "other". A
	// kind that was not sent is absent.
	Commands map[string]int64
}

// ConnectionStatus is one connection.
type ConnectionStatus struct {
	// Mailbox is the one that is open, "" for none.
	Mailbox string
	// Operations is how many use the connection.
	Operations int
	// Watcher tells that this is the one that waits for changes.
	Watcher bool
	// Since is when it was begun.
	Since time.Time
	// Doing is the kind of command that the server is to answer next, as in
	// Traffic.Commands, or the name of one without a kind; "idle" for none.
	Doing string
	// Received is how many octets have come on it, counted as in Traffic.
	Received int64
}

// Status tells how the client stands, without asking the server.
func (c *Client) Status() Status {
	s := Status{
		Address: c.opts.Address, Username: c.opts.Username, Security: c.opts.Security,
		Alerts:  c.alerts.all(),
		Traffic: Traffic{c.meter.Received(), c.meter.Sent(), c.meter.Bodies(), c.meter.Commands()},
	}
	if c.budget != nil {
		budget := c.budget.status()
		s.Budget = &budget
	}
	p := c.pool
	p.mu.Lock()
	for _, one := range p.sessions {
		if one.conn.Err() == nil {
			s.Connections = append(s.Connections, one.status())
		}
	}
	s.Err, s.Offline, s.Retry = p.refusal, p.offline, p.retry
	p.mu.Unlock()
	if w := c.watcher.open.Load(); w != nil {
		status := w.session.status()
		status.Mailbox, status.Operations, status.Watcher = printable(w.mailbox.Name), 1, true
		s.Connections = append(s.Connections, status)
	}
	return s
}

func (s *session) status() ConnectionStatus {
	status := ConnectionStatus{
		Operations: s.users, Since: s.connected,
		Doing: cmp.Or(s.conn.Doing(), "idle"), Received: s.conn.Received(),
	}
	if s.selected {
		status.Mailbox = printable(s.mailbox.Name)
	}
	return status
}

// Alert is what the server wants a person to know (RFC 9051, section 7.1).
type Alert struct {
	Time time.Time
	Text string
}

// keptAlerts bounds the alerts that are remembered.
const keptAlerts = 20

// alerts are the last that the server gave. It is safe for concurrent use.
type alerts struct {
	mu   sync.Mutex
	kept []Alert // guarded by mu
}

// note adds an alert, and reports whether it is news: some servers repeat
// theirs on each connection.
func (a *alerts) note(st guard.Status) bool {
	text := printable(st.Text)
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.kept {
		if a.kept[i].Text == text {
			a.kept[i].Time = time.Now()
			return false
		}
	}
	if len(a.kept) == keptAlerts {
		a.kept = a.kept[1:]
	}
	a.kept = append(a.kept, Alert{time.Now(), text})
	return true
}

func (a *alerts) all() []Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Alert(nil), a.kept...)
}
