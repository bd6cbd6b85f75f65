package guard

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// compressed greets, agrees to compress, and returns what reads and writes the
// compressed side. It has the standard library's compression.
func compressed(s *server) (in io.Reader, out *flate.Writer) {
	s.send("* PREAUTH [CAPABILITY IMAP4rev1 ID ENABLE UTF8=ACCEPT COMPRESS=DEFLATE] ready\r\n")
	s.answer(`ID ("name" "imapfs")`, "* ID NIL\r\n%T OK done\r\n")
	s.answer("ENABLE UTF8=ACCEPT", "* ENABLED UTF8=ACCEPT\r\n%T OK done\r\n")
	s.ok("COMPRESS DEFLATE")
	out, err := flate.NewWriter(s.nc, flate.DefaultCompression)
	if err != nil {
		s.t.Error(err)
	}
	return flate.NewReader(s.br), out
}

var everything = Prologue{ID: map[string]string{"name": "imapfs"}, Enable: []string{"UTF8=ACCEPT", "QRESYNC"}, Compress: true}

// TestCompress talks to a server that compresses, in which the protocol log sees
// what there would be without.
func TestCompress(t *testing.T) {
	body := strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 20_000)
	var log bytes.Buffer
	c := pair(t, Options{Log: &log}, func(s *server) {
		in, out := compressed(s)
		s.br = bufio.NewReader(in)
		write := func(text string) {
			io.WriteString(out, text)
			out.Flush()
		}
		for _, exchange := range [][2]string{
			{"T1 NOOP", "T1 OK done\r\n"},
			{"G4 UID FETCH 7 (UID BODY.PEEK[])", "* 1 FETCH (UID 7 BODY[] {900000}\r\n" + body + ")\r\nG4 OK done\r\n"},
		} {
			if l := s.line(); l != exchange[0] {
				s.t.Errorf("got %q", l)
			}
			write(exchange[1])
		}
	})
	if _, err := c.Prologue(within(t, 10*time.Second), everything); err != nil {
		t.Fatal(err)
	}
	if !c.Compressed() || !c.Enabled("UTF8=ACCEPT") || c.Enabled("QRESYNC") {
		t.Errorf("compressed: %v; enabled: %q", c.Compressed(), c.enabled)
	}
	engine := imapclient.New(c, nil)
	defer engine.Close()
	if err := engine.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	var got collector
	if _, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[])", 7)); err != nil {
		t.Fatal(err)
	}
	if got.bodies["7 BODY[]"].String() != body {
		t.Error("another body")
	}
	if !strings.Contains(log.String(), "C: T1 NOOP\nS: T1 OK done\n") || !strings.Contains(log.String(), "{900000 octets} )") {
		t.Errorf("log: %s", log.String())
	}
}

// TestPartialFlush reads what zlib writes with Z_PARTIAL_FLUSH, of which the last
// bits of a block come with the next.
func TestPartialFlush(t *testing.T) {
	c := pair(t, Options{}, func(s *server) {
		in, _ := compressed(s)
		s.br = bufio.NewReader(in)
		for _, text := range []string{"0a3154f0f75648c9cf4be5e50208", "a01023041b20"} {
			b, err := hex.DecodeString(text)
			if err != nil {
				s.t.Error(err)
			}
			s.line()
			s.nc.Write(b)
		}
	})
	if _, err := c.Prologue(within(t, 10*time.Second), everything); err != nil {
		t.Fatal(err)
	}
	engine := imapclient.New(c, nil)
	defer engine.Close()
	for range 2 {
		if err := engine.Noop().Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBrokenCompression ends a connection of which the compressed stream is
// broken, ends, or falls silent.
func TestBrokenCompression(t *testing.T) {
	ended := make(chan struct{})
	for name, tt := range map[string]struct {
		script func(s *server, out *flate.Writer)
		want   error
		text   string
	}{
		"not compressed": {func(s *server, out *flate.Writer) {
			s.send("T1 OK not compressed at all\r\n")
		}, errAny, "the compression is broken"},
		"broken in the middle": {func(s *server, out *flate.Writer) {
			io.WriteString(out, "* 1 EXISTS\r\n")
			out.Flush()
			s.send("T1 OK and raw now, T1 OK and raw now\r\n")
		}, errAny, "the compression is broken"},
		"ended, and raw after it": {func(s *server, out *flate.Writer) {
			io.WriteString(out, "* 1 EXISTS\r\n")
			out.Close()
			s.send("T1 OK raw\r\n")
		}, io.ErrUnexpectedEOF, ""},
		"closed": {func(s *server, out *flate.Writer) {}, io.ErrUnexpectedEOF, ""},
		"silent": {func(s *server, out *flate.Writer) {
			io.WriteString(out, "T1 OK and not flushed\r\n")
			<-ended
		}, os.ErrDeadlineExceeded, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			c := pair(t, Options{FirstByte: 200 * time.Millisecond}, func(s *server) {
				in, out := compressed(s)
				s.br = bufio.NewReader(in)
				s.line()
				tt.script(s, out)
			})
			if _, err := c.Prologue(within(t, 10*time.Second), everything); err != nil {
				t.Fatal(err)
			}
			engine := imapclient.New(c, nil)
			defer engine.Close()
			if err := engine.Noop().Wait(); err == nil {
				t.Error("no error")
			}
			if err := c.Err(); err == nil || tt.want != errAny && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("err = %v", err)
			}
			if name == "silent" {
				close(ended)
			}
		})
	}
}

// TestCompressRefused goes on without what a server refuses.
func TestCompressRefused(t *testing.T) {
	c := pair(t, Options{}, func(s *server) {
		s.send("* PREAUTH [CAPABILITY IMAP4rev1 ID ENABLE UTF8=ACCEPT COMPRESS=DEFLATE] ready\r\n* ENABLED UTF8=ACCEPT\r\n")
		s.answer(`ID ("name" "imapfs")`, "%T BAD\r\n")
		s.answer("ENABLE UTF8=ACCEPT", "* ENABLED QRESYNC\r\n%T NO\r\n")
		s.answer("COMPRESS DEFLATE", "%T NO [COMPRESSIONACTIVE]\r\n")
		s.ok("NOOP")
	})
	if _, err := c.Prologue(within(t, 10*time.Second), everything); err != nil {
		t.Fatal(err)
	}
	if c.Compressed() || len(c.enabled) > 0 {
		t.Errorf("compressed: %v; enabled: %q", c.Compressed(), c.enabled)
	}
	engine := imapclient.New(c, nil)
	defer engine.Close()
	if err := engine.Noop().Wait(); err != nil {
		t.Error(err)
	}
}

// TestNear does not ask a server to compress that answers at once.
func TestNear(t *testing.T) {
	for what, test := range map[string]struct {
		near     time.Duration
		compress bool
	}{"far": {time.Nanosecond, true}, "near": {time.Hour, false}} {
		t.Run(what, func(t *testing.T) {
			c := pair(t, Options{}, func(s *server) {
				s.send("* PREAUTH ready\r\n")
				s.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE\r\n%T OK\r\n")
				if test.compress {
					s.answer("COMPRESS DEFLATE", "%T NO\r\n")
				}
				s.ok("NOOP")
			})
			if _, err := c.Prologue(within(t, 10*time.Second), Prologue{Compress: true, Near: test.near}); err != nil {
				t.Fatal(err)
			}
			engine := imapclient.New(c, nil)
			defer engine.Close()
			if err := engine.Noop().Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
