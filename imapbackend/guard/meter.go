package guard

import (
	"net"
	"slices"
	"sync/atomic"
)

// Meter adds up what connections transfer, also those that have ended. The zero
// value is ready; it is safe for concurrent use.
type Meter struct {
	received, sent, bodies atomic.Int64
	commands               [len(categories)]atomic.Int64
}

// Received is how many octets have come from the server: compressed where the
// connection is, and without what TLS adds to them.
func (m *Meter) Received() int64 { return m.received.Load() }

// Sent is how many octets went to the server, counted as Received.
func (m *Meter) Sent() int64 { return m.sent.Load() }

// Bodies is how many octets of bodies answered a Fetch, uncompressed.
func (m *Meter) Bodies() int64 { return m.bodies.Load() }

// Commands is how many commands of each kind were sent; one of which there were
// none is absent. The kinds are "FETCH bodies", "FETCH summaries", "FETCH flags"
// (also mod-sequences, labels and bare UIDs), "SEARCH", "EXAMINE" (also SELECT),
// "LIST", "STATUS", "IDLE", "NOOP", "LOGIN" (also AUTHENTICATE) and "other".
func (m *Meter) Commands() map[string]int64 {
	all := make(map[string]int64)
	for k := range m.commands {
		if n := m.commands[k].Load(); n > 0 {
			all[categories[k]] = n
		}
	}
	return all
}

// category is what a command is counted as: an index in categories.
type category uint8

// categories are the names of the kinds; from the fifth on, also the commands'.
var categories = [...]string{"other", "FETCH bodies", "FETCH summaries", "FETCH flags", "SEARCH", "EXAMINE", "LIST", "STATUS", "IDLE", "NOOP", "LOGIN"}

const (
	other category = iota
	fetchBodies
	fetchSummaries
	fetchFlags
)

// category tells what a command is counted as.
func (cmd *command) category() category {
	switch {
	case cmd.fetch == nil:
		return categoryOf(cmd.name)
	case len(cmd.wants.bodies) > 0:
		return fetchBodies
	case cmd.wants.items&^stateItems != 0:
		return fetchSummaries
	}
	return fetchFlags
}

// categoryOf is the category of a command that is no Fetch.
func categoryOf(name string) category {
	switch name {
	case "SELECT":
		name = "EXAMINE"
	case "AUTHENTICATE":
		name = "LOGIN"
	}
	return category(max(slices.Index(categories[:], name), int(other)))
}

// wire is the socket, inside TLS if there is any and below the compression.
type wire struct {
	net.Conn
	meter *Meter
	rate  *Rate
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.meter.sent.Add(int64(n))
	if w.rate != nil {
		w.rate.spend(n)
	}
	return n, err
}

// bare returns what the wire counts for.
func (c *Conn) bare() net.Conn {
	nc := c.socket()
	if w, ok := nc.(*wire); ok {
		return w.Conn
	}
	return nc
}

// Received is how many octets have come on this connection, counted as by Meter.
func (c *Conn) Received() int64 { return c.received.Load() }

// Doing names the command that the server is answering, or is to answer first:
// its kind in the Meter, or its name if that is "other"; "" for none.
func (c *Conn) Doing() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 {
		return ""
	}
	if k := c.pending[0].category(); k != other {
		return categories[k]
	}
	return c.pending[0].name
}
