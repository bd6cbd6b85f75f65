package guard

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"imapfs/cache/content"
)

// server is the other end of a connection, played by a test.
type server struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

// line reads a command line.
func (s *server) line() string {
	l, err := s.br.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimRight(l, "\r\n")
}

// expect reads a command and returns its tag.
func (s *server) expect(command string) (tag string) {
	s.t.Helper()
	l := s.line()
	tag, rest, _ := strings.Cut(l, " ")
	if rest != command {
		s.t.Errorf("server got %q, want the command %q", l, command)
	}
	return tag
}

func (s *server) send(format string, args ...any) {
	fmt.Fprintf(s.nc, format, args...)
}

// answer sends untagged responses and the end of a command, which it reads
// first; %T stands for its tag.
func (s *server) answer(command, response string) {
	s.t.Helper()
	tag := s.expect(command)
	io.WriteString(s.nc, strings.ReplaceAll(response, "%T", tag))
}

// ok answers a command with nothing.
func (s *server) ok(command string) {
	s.t.Helper()
	s.answer(command, "%T OK done\r\n")
}

// pair returns a connection of which script plays the server. At the end of the
// test, the script has come to its end.
func pair(t *testing.T, o Options, script func(*server)) *Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		nc, err := l.Accept()
		l.Close()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(30 * time.Second))
		script(&server{t, nc, bufio.NewReader(nc)})
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := New(nc, o)
	t.Cleanup(func() {
		wg.Wait()
		c.Close()
	})
	return c
}

// session returns a connection that is logged in, and an engine on it.
func session(t *testing.T, o Options, script func(*server)) (*Conn, *imapclient.Client) {
	t.Helper()
	c := pair(t, o, func(s *server) {
		s.send("* PREAUTH [CAPABILITY IMAP4rev1 IDLE ESEARCH UIDPLUS NAMESPACE] ready\r\n")
		script(s)
	})
	if _, err := c.Prologue(t.Context(), Prologue{}); err != nil {
		t.Fatal(err)
	}
	engine := imapclient.New(c, nil)
	t.Cleanup(func() { engine.Close() })
	return c, engine
}

// collector keeps what a Fetch delivers.
type collector struct {
	messages []*Message
	bodies   map[string]*bytes.Buffer
	sizes    map[string]int64
}

func (r *collector) fetch(items string, uids ...imap.UID) Fetch {
	r.bodies, r.sizes = map[string]*bytes.Buffer{}, map[string]int64{}
	return Fetch{
		UIDs:    imap.UIDSetNum(uids...),
		Items:   items,
		Message: func(m *Message) { r.messages = append(r.messages, m) },
		Literal: func(uid imap.UID, item string, size int64) io.Writer {
			key := fmt.Sprintf("%d %s", uid, item)
			r.bodies[key], r.sizes[key] = new(bytes.Buffer), size
			return r.bodies[key]
		},
	}
}

// String shows the bodies and messages, a line each.
func (r *collector) String() string {
	var lines []string
	for key, b := range r.bodies {
		lines = append(lines, fmt.Sprintf("%s %d %q", key, r.sizes[key], b))
	}
	slices.Sort(lines)
	for _, m := range r.messages {
		lines = append(lines, show(m))
	}
	return strings.Join(lines, "\n")
}

// show returns what a message says, for comparison.
func show(m *Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", m.UID)
	have := func(item Item) bool { return m.Have&item != 0 }
	if have(HaveFlags) {
		fmt.Fprintf(&b, " flags=%v", m.Flags)
	}
	if have(HaveModSeq) {
		fmt.Fprintf(&b, " modseq=%d", m.ModSeq)
	}
	if have(HaveDate) {
		fmt.Fprintf(&b, " date=%s", m.Date.Format(time.RFC3339))
	}
	if have(HaveSize) {
		fmt.Fprintf(&b, " size=%d", m.Size)
	}
	if have(HaveEnvelope) {
		fmt.Fprintf(&b, " from=%q subject=%q id=%q", m.From, m.Subject, m.MessageID)
	}
	if have(HaveStructure) {
		fmt.Fprintf(&b, " parts=%s", showParts(m.Parts))
	}
	if m.Nil != nil {
		fmt.Fprintf(&b, " nil=%v", m.Nil)
	}
	for i, name := range []string{"envelope", "structure", "date", "size"} {
		if m.Defects&(1<<i) != 0 {
			b.WriteString(" !" + name)
		}
	}
	return b.String()
}

func showParts(parts []content.Part) string {
	var l []string
	for _, p := range parts {
		s := p.Section + " " + p.Type
		if p.Parent >= 0 {
			s += fmt.Sprintf(" in %d", p.Parent)
		}
		if p.Charset != "" {
			s += " " + p.Charset
		}
		s += " " + [...]string{"identity", "binary", "base64", "qp", "uue"}[p.Encoding]
		if s += fmt.Sprintf(" %d", p.Octets); p.Disposition != "" {
			s += " " + p.Disposition
		}
		if p.Named {
			s += fmt.Sprintf(" %q", p.Name)
		}
		if p.ContentID != "" {
			s += " " + p.ContentID
		}
		if p.Message {
			s += fmt.Sprintf(" message %q", p.Subject)
		}
		l = append(l, s)
	}
	return "[" + strings.Join(l, "; ") + "]"
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
