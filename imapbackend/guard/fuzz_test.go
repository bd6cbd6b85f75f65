package guard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"imapfs/imapbackend/imaptest"
)

// script is a socket on which the server's part is written down beforehand.
type script struct {
	io.Reader
	net.Conn
}

func (s *script) Read(p []byte) (int, error)       { return s.Reader.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// play runs a connection over a written server, with commands of every kind
// that wait for answers, until the stream ends.
func play(t testing.TB, stream []byte) *Conn {
	c := New(&script{Reader: bytes.NewReader(stream)}, Options{Hooks: Hooks{
		Update:   func(*Message) {},
		Untagged: func(string, []byte) {},
		Status:   func(st Status, _ bool) { _ = st.Error() },
	}})
	for tag, items := range map[string]string{"G1": summary, "G2": "(UID BODY.PEEK[] BODY.PEEK[1]<0.9>)", "G3": "(UID FLAGS)"} {
		c.pending = append(c.pending, &command{
			tag: tag, name: "FETCH", ours: true, done: make(chan struct{}), wants: parseItems(items),
			fetch: &Fetch{
				UIDs:    imap.UIDSet{{Start: 1, Stop: 9}},
				Message: func(m *Message) { checkMessage(t, m) },
				Literal: func(_ imap.UID, _ string, size int64) io.Writer { return &exact{t: t, size: size} },
			},
		})
	}
	for tag, name := range map[string]string{"T2": "LIST", "T3": "EXAMINE"} {
		c.pending = append(c.pending, &command{tag: tag, name: name})
	}
	c.selecting = 1
	return c
}

// exact fails if it is given more than was announced.
type exact struct {
	t    testing.TB
	size int64
}

func (w *exact) Write(p []byte) (int, error) {
	if w.size -= int64(len(p)); w.size < 0 {
		w.t.Error("more octets than announced")
	}
	return len(p), nil
}

func checkMessage(t testing.TB, m *Message) {
	if len(m.Flags) > maxFlags || m.Size < -1 {
		t.Errorf("%+v", m)
	}
	for i, p := range m.Parts {
		if p.Section == "" || p.Type == "" || p.Parent >= i || p.Octets < -1 {
			t.Errorf("part %d: %+v", i, p)
		}
	}
}

// FuzzRead reads any stream, alone and with the engine: neither panics or
// hangs, and the engine accepts whatever the guard lets through.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		neighbour,
		"* 1 FETCH (UID 1 FLAGS (a \\Seen) MODSEQ (3) INTERNALDATE NIL BODYSTRUCTURE ((\"a\" \"b\" (\"name\" \"x\") NIL NIL \"7BIT\" 3) \"mixed\"))\r\n",
		"* 1 FETCH (UID 1 ENVELOPE (NIL \"a \"b\" \\c\r\nd\" {3}\r\nabc))\r\nG1 OK done\r\n",
		"* 1 FETCH (BODY[] {5}\r\nhello BODY[1]<0> \"x\" UID 2)\r\nG2 NO [X (y)] no\r\n",
		"* LIST (\\A) \"\\\" {3}\r\na&b (x (y))\r\n* LIST () NIL AT&T x\r\nT2 OK\r\n",
		"* SEARCH 3 1 2 (MODSEQ 4)\r\n* ESEARCH (TAG \"T1\") UID ALL 4:1,9 MIN 1\r\n* SORT 4 2\r\nT1 OK done\r\n",
		"* STATUS a (MESSAGES 1 UIDNEXT NIL)\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n* QUOTA \"\" (STORAGE 1 2)\r\n* QUOTAROOT a b\r\n* ACL a b c\r\n* MYRIGHTS a b\r\n",
		"* ENABLED UTF8=ACCEPT\r\n* LIST () \"/\" \"\xc3\xa9&\"\r\n* CAPABILITY IMAP4rev1 X\r\n",
		"* OK [PERMANENTFLAGS (a \\*)] x\r\n* OK [COPYUID 1 2:1 3] x\r\n* FLAGS (a)\r\n* 1 EXISTS\r\n* 1 EXPUNGE\r\nT3 OK [READ-ONLY] x\r\n+ x\r\n* BYE x\r\n",
		"* 1 FETCH (" + strings.Repeat("(", 300) + "\r\n* VANISHED 1:2\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		io.Copy(io.Discard, play(t, stream))
		c := play(t, stream)
		engine := imapclient.New(&prefixed{Conn: c, prefix: "* PREAUTH [CAPABILITY IMAP4rev1] x\r\n"}, nil)
		go engine.List("", "*", nil).Collect()
		<-engine.Closed()
		err := engine.Close()
		if err == nil || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), c.Err().Error()) {
			return // the stream ended, or the guard ended it
		}
		// The engine does not know the tags that a fuzzer answers.
		if !strings.Contains(err.Error(), "unknown tag") {
			t.Errorf("the engine was given what it does not accept: %v", err)
		}
	})
}

// prefixed is a connection behind a greeting.
type prefixed struct {
	*Conn
	prefix string
}

func (p *prefixed) Read(b []byte) (int, error) {
	if p.prefix != "" {
		n := copy(b, p.prefix)
		p.prefix = p.prefix[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

func FuzzParts(f *testing.F) {
	f.Add([]byte(imaptest.Nested(5)))
	f.Add([]byte(`("message" "rfc822" NIL NIL NIL "7BIT" 1 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "x") "<i>" "d" "base64" 3 4 NIL ("inline" ("filename*" "utf-8''x"))) 3)`))
	f.Add([]byte(`(("a" "b" NIL NIL "a "b" c" "base64" 1)(NIL NIL NIL NIL NIL NIL NIL) "mixed" ("x" "y") NIL)`))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := lexer{b: b}
		v, ok := x.value()
		if !ok {
			return
		}
		parts, _ := x.parts(v)
		var m Message
		m.Parts = parts
		checkMessage(t, &m)
	})
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`(NIL "a "b" c" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<i>")`))
	f.Add([]byte(`("" {3} ((NIL NIL NIL)) () ())`))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := lexer{b: b}
		v, _ := x.value()
		x.envelope(v)
	})
}

// FuzzMailbox: what passes for canonical is what the engine encodes again to
// the same octets, and every alias can be undone.
func FuzzMailbox(f *testing.F) {
	for _, s := range []string{"INBOX", "Gr&APYA3w-e", "&-", "AT&T", "&AGE-", "&2D3cAA-", "&2D0-", "=raw=61", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var c Conn
		if strings.EqualFold(name, "INBOX") || len(name) > 1000 {
			return // the engine writes INBOX in its own way, and long names as literals
		}
		if raw, alias := MailboxName(MailboxAlias(name)); raw != name || !alias {
			t.Errorf("%q came back as %q", name, raw)
		}
		u := Conn{utf8: true}
		if known := u.EngineName(name, false); !strings.ContainsAny(name, "\x00\r\n") && utf8.ValidString(name) && !strings.HasPrefix(name, aliasPrefix) {
			if back, raw := u.MailboxName(known); back != name || raw {
				t.Errorf("with UTF8=ACCEPT, %q came back as %q", name, back)
			}
			quoted := appendQuoted(nil, []byte(known))
			if got, want := expandAliases(quoted), appendQuoted(nil, []byte(name)); !bytes.Equal(got, want) {
				t.Errorf("with UTF8=ACCEPT, %q is sent as %q", name, got)
			}
		}
		if !c.canonical([]byte(name)) {
			return
		}
		sent := make(chan string, 1)
		near, far := net.Pipe()
		defer far.Close()
		engine := imapclient.New(near, nil)
		defer engine.Close()
		go func() {
			b := make([]byte, 4096)
			n, _ := far.Read(b)
			sent <- string(b[:n])
		}()
		decoded, _ := decodeUTF7([]byte(name))
		engine.Subscribe(decoded)
		if got, want := <-sent, "T1 SUBSCRIBE "+string(appendQuoted(nil, []byte(name)))+"\r\n"; got != want {
			t.Errorf("the engine sends %q for %q", got, name)
		}
	})
}

// FuzzSearch: what passes for a result is UIDs, not too many.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{" 3 1 2 (MODSEQ 4)", ` (TAG "G1") UID ALL 4:1,9 MIN 1`, " UID ALL 1:4294967295", " (TAG G1) ALL (1)", " ALL 1:*", " ALL"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, _ := (&lexer{b: b}).result()
		extended, _ := (&lexer{b: b}).extendedResult("G1")
		for _, uids := range [][]uint32{plain, extended} {
			if len(uids) > maxFound || slices.Contains(uids, 0) {
				t.Errorf("%d UIDs, some of them 0", len(uids))
			}
		}
	})
}
