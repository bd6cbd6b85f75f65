package guard

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sys/unix"
)

// BenchmarkSummary decodes summaries as Dovecot sends them, of a message with
// two alternatives and an attachment.
func BenchmarkSummary(b *testing.B) {
	var stream bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&stream, "* %d FETCH (UID %d FLAGS (\\Seen $Forwarded) INTERNALDATE \"07-Mar-2024 09:12:%02d +0100\" RFC822.SIZE %d "+
			"ENVELOPE (\"Thu, 7 Mar 2024 09:12:00 +0100\" \"=?utf-8?q?Gr=C3=BC=C3=9Fe?= und Rechnung %d\" ((\"J=?utf-8?q?=C3=BC?=rgen M\" NIL \"jm\" \"example.com\")) ((\"Jürgen M\" NIL \"jm\" \"example.com\")) ((\"Jürgen M\" NIL \"jm\" \"example.com\")) ((\"Alice Smith\" NIL \"alice\" \"example.org\")(NIL NIL \"bob\" \"example.org\")) NIL NIL \"<abc%d@example.com>\" \"<def%d@example.com>\") "+
			"BODYSTRUCTURE (((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" 1523 44 NIL NIL NIL NIL)(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" 5123 101 NIL NIL NIL NIL) \"alternative\" (\"boundary\" \"b2\") NIL NIL NIL)(\"application\" \"pdf\" (\"name\" \"Rechnung %d.pdf\") NIL NIL \"base64\" 73124 NIL (\"attachment\" (\"filename\" \"Rechnung %d.pdf\")) NIL NIL) \"mixed\" (\"boundary\" \"b1\") NIL NIL NIL))\r\n",
			i+1, i+1, i%60, 80000+i, i, i, i, i, i)
	}
	count := 0
	c := New(&script{Reader: &endless{stream.Bytes(), 0}}, Options{})
	c.pending = []*command{{
		tag: "G1", name: "FETCH", ours: true, done: make(chan struct{}), wants: parseItems(summary),
		fetch: &Fetch{UIDs: imap.UIDSet{{Start: 1, Stop: 1000}}, Message: func(m *Message) {
			if m.Defects != 0 || len(m.Parts) != 3 {
				b.Fatal(show(m))
			}
			count++
		}},
	}}
	b.ReportAllocs()
	b.SetBytes(int64(stream.Len() / 1000))
	defer reportCPU(b)()
	for count < b.N {
		if count%1000 == 0 { // as if it were another command: what came twice would be stray
			c.pending[0].described = nil
		}
		if err := c.readFrame(); err != nil {
			b.Fatal(err)
		}
		if err := c.response(); err != nil {
			b.Fatal(err)
		}
	}
}

// reportCPU reports the CPU time of the benchmark's own thread, which does not
// depend on what else the machine does, nor on the other end of the line.
func reportCPU(b *testing.B) func() {
	runtime.LockOSThread()
	used := func() time.Duration {
		var r unix.Rusage
		unix.Getrusage(unix.RUSAGE_THREAD, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	return func() {
		b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op")
		runtime.UnlockOSThread()
	}
}

// endless repeats a stream.
type endless struct {
	b  []byte
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}

// BenchmarkBody reads bodies through the guard, and the same octets from the
// bare socket.
func BenchmarkBody(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 16 << 20} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		answer := append(fmt.Appendf(nil, "* 1 FETCH (UID 1 BODY[] {%d}\r\n", size), body...)
		answer = append(answer, ")\r\n"...)
		target := make([]byte, size)

		b.Run(fmt.Sprintf("bare/%d", size), func(b *testing.B) {
			nc := serve(b, answer)
			b.SetBytes(int64(size))
			defer reportCPU(b)()
			for b.Loop() {
				// Into the same memory, the line around it aside.
				if _, err := io.ReadFull(nc, target); err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, nc, int64(len(answer)-size)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("guard/%d", size), func(b *testing.B) {
			c := New(serve(b, answer), Options{})
			done := false
			c.pending = []*command{{
				tag: "G1", name: "FETCH", ours: true, done: make(chan struct{}), wants: parseItems("(UID BODY.PEEK[])"),
				fetch: &Fetch{
					UIDs:    imap.UIDSetNum(1),
					Message: func(*Message) { done = true },
					Literal: func(imap.UID, string, int64) io.Writer { return &memory{b: target} },
				},
			}}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				for done = false; !done; {
					if err := c.readFrame(); err != nil {
						b.Fatal(err)
					}
					if err := c.response(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// memory writes into a block.
type memory struct {
	b  []byte
	at int
}

func (m *memory) Room(int64) []byte { return m.b[m.at:] }
func (m *memory) Filled(n int)      { m.at += n }

func (m *memory) Write(p []byte) (int, error) {
	m.at += copy(m.b[m.at:], p)
	return len(p), nil
}

// serve returns a connection on which b is sent for ever.
func serve(tb testing.TB, b []byte) net.Conn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		for err == nil {
			_, err = nc.Write(b)
		}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	return nc
}
