package imaptest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Injector is a proxy that knows enough of IMAP to change what a server says:
// it serves the real account, and a filter decides what becomes of each of its
// responses. It is safe for concurrent use.
type Injector struct {
	// Addr is host:port for the client.
	Addr string

	to       string
	ln       net.Listener
	running  sync.WaitGroup
	accepted atomic.Int64

	mu     sync.Mutex
	filter Filter
	conns  map[net.Conn]bool
	closed bool
}

// Filter writes what a client gets in place of a response, often the response
// itself. An error ends the connection, once what was written has been sent.
// It may be called for several connections at once.
type Filter func(r *Response, w io.Writer) error

// Response is one response of the server.
type Response struct {
	// Tag and Command are of the command that it seems to answer, "" for none:
	// "UID FETCH 1:3 (UID FLAGS)".
	Tag, Command string
	// Raw is all of it, with literals and line ends.
	Raw []byte
}

// Pass is the filter that changes nothing.
func Pass(r *Response, w io.Writer) error {
	_, err := w.Write(r.Raw)
	return err
}

// Hostile starts an injector in front of a server, which passes everything on
// until it is told otherwise. It ends with the test, and with it every
// connection.
func Hostile(t testing.TB, s *Server) *Injector {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	j := &Injector{Addr: ln.Addr().String(), to: s.Addr, ln: ln, filter: Pass, conns: map[net.Conn]bool{}}
	j.running.Go(j.accept)
	t.Cleanup(func() {
		ln.Close()
		j.Reset()
		j.running.Wait()
	})
	return j
}

// Use sets the filter, for what arrives from now on. nil is Pass.
func (j *Injector) Use(f Filter) {
	if f == nil {
		f = Pass
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.filter = f
}

// Connections counts the connections that there have been.
func (j *Injector) Connections() int64 { return j.accepted.Load() }

// Reset ends all connections. New ones are accepted while the test runs.
func (j *Injector) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for nc := range j.conns {
		nc.Close()
	}
}

func (j *Injector) accept() {
	for {
		nc, err := j.ln.Accept()
		if err != nil {
			j.mu.Lock()
			j.closed = true
			j.mu.Unlock()
			j.Reset()
			return
		}
		j.accepted.Add(1)
		j.running.Go(func() { j.serve(nc) })
	}
}

// keep remembers a connection until it is over; false: it must not be used.
func (j *Injector) keep(nc net.Conn) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.conns[nc] = true
	return !j.closed
}

func (j *Injector) drop(nc net.Conn) {
	nc.Close()
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.conns, nc)
}

func (j *Injector) serve(client net.Conn) {
	defer j.drop(client)
	server, err := net.Dial("tcp", j.to)
	if err != nil {
		return
	}
	defer j.drop(server)
	if !j.keep(client) || !j.keep(server) {
		return
	}
	d := &dialogue{injector: j, client: client, server: server}
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close()
		d.commands()
	})
	both.Go(func() {
		defer client.Close()
		d.responses()
	})
	both.Wait()
}

// dialogue is one connection.
type dialogue struct {
	injector       *Injector
	client, server net.Conn

	mu      sync.Mutex
	pending []pendingCommand // guarded by mu
}

type pendingCommand struct{ tag, text string }

// commands passes on what the client says, and remembers its commands.
func (d *dialogue) commands() {
	br := bufio.NewReader(d.client)
	for {
		b, err := readUnit(br)
		if err != nil {
			return
		}
		tag, text, ok := strings.Cut(strings.TrimRight(string(b), "\r\n"), " ")
		if ok {
			d.mu.Lock()
			d.pending = append(d.pending, pendingCommand{tag, text})
			d.mu.Unlock()
		}
		if _, err := d.server.Write(b); err != nil {
			return
		}
	}
}

// responses gives what the server says to the filter.
func (d *dialogue) responses() {
	br := bufio.NewReaderSize(d.server, 64<<10)
	for {
		b, err := readUnit(br)
		if err != nil {
			return
		}
		// What is compressed cannot be filtered.
		b = bytes.ReplaceAll(b, []byte(" COMPRESS=DEFLATE"), nil)
		r := &Response{Raw: b}
		r.Tag, r.Command = d.answered(r)
		d.injector.mu.Lock()
		filter := d.injector.filter
		d.injector.mu.Unlock()
		if err := filter(r, d.client); err != nil {
			return
		}
	}
}

// readUnit reads a line and the literals that it announces.
func readUnit(br *bufio.Reader) ([]byte, error) {
	var b []byte
	for {
		line, err := br.ReadBytes('\n')
		if b = append(b, line...); err != nil {
			return nil, err
		}
		n, ok := literalAt(line)
		if !ok {
			return b, nil
		}
		start := len(b)
		b = append(b, make([]byte, n)...)
		if _, err := io.ReadFull(br, b[start:]); err != nil {
			return nil, err
		}
	}
}

// literalAt returns the size of the literal that a line announces.
func literalAt(line []byte) (int, bool) {
	line = bytes.TrimRight(line, "\r\n")
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || !bytes.HasSuffix(line, []byte("}")) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(string(line[open+1:len(line)-1]), "+"))
	return n, err == nil
}

// answers are the commands that untagged responses belong to.
var answers = map[string][]string{
	"FETCH": {"UID FETCH", "FETCH"}, "LIST": {"LIST"}, "STATUS": {"STATUS", "LIST"},
	"SEARCH": {"UID SEARCH", "SEARCH"}, "ESEARCH": {"UID SEARCH", "SEARCH"},
	"EXISTS": {"EXAMINE", "SELECT"}, "FLAGS": {"EXAMINE", "SELECT"}, "OK": {"EXAMINE", "SELECT"},
	"NAMESPACE": {"NAMESPACE"}, "CAPABILITY": {"CAPABILITY", "LOGIN", "AUTHENTICATE"},
}

// answered finds the command that a response belongs to, and forgets it if the
// response ends it.
func (d *dialogue) answered(r *Response) (tag, command string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, _, _ := strings.Cut(string(r.Raw), " ")
	if i := slices.IndexFunc(d.pending, func(c pendingCommand) bool { return c.tag == first }); i >= 0 {
		c := d.pending[i]
		d.pending = slices.Delete(d.pending, i, i+1)
		return c.tag, c.text
	}
	names := answers[r.Name()]
	uid := r.UID()
	var found pendingCommand
	for _, c := range d.pending {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(c.text, name+" ") || c.text == name }) {
			continue
		}
		if r.Name() == "FETCH" && (!AsksFor(c.text, uid) || strings.Contains(c.text, "ENVELOPE") != r.Has("ENVELOPE")) {
			continue
		}
		found = c
		break
	}
	return found.tag, found.text
}

// AsksFor reports whether a UID FETCH is about a message.
func AsksFor(command string, uid uint32) bool {
	fields := strings.Fields(command)
	if len(fields) < 3 {
		return false
	}
	n := uint64(uid)
	for part := range strings.SplitSeq(fields[2], ",") {
		first, last, isRange := strings.Cut(part, ":")
		if !isRange {
			last = first
		}
		a, _ := strconv.ParseUint(first, 10, 32)
		b, err := strconv.ParseUint(last, 10, 32)
		if err != nil || a <= n && n <= b { // *
			return true
		}
	}
	return false
}
