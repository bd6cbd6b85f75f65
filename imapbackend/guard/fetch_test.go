package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// TestFetchCancel cancels a Fetch in the middle of a literal: it returns at
// once, nothing of it is used again, and the next one gets its own octets.
func TestFetchCancel(t *testing.T) {
	returned := make(chan struct{})
	c, _ := session(t, Options{}, func(s *server) {
		tag := s.expect("UID FETCH 1 (UID BODY.PEEK[])")
		s.send("* 1 FETCH (UID 1 BODY[] {10}\r\nhello")
		<-returned
		s.send("world)\r\n%s OK done\r\n", tag)
		s.answer("UID FETCH 1 (UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {4}\r\nmine)\r\n%T OK done\r\n")
	})
	ctx, cancel := context.WithCancel(t.Context())
	var first countingWriter
	_, err := c.Fetch(ctx, Fetch{
		UIDs: imap.UIDSetNum(1), Items: "(UID BODY.PEEK[])",
		Message: func(*Message) { t.Error("Message called for a cancelled Fetch") },
		Literal: func(imap.UID, string, int64) io.Writer { first.then = cancel; return &first },
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	close(returned)
	var got collector
	if _, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[])", 1)); err != nil {
		t.Fatal(err)
	}
	if want := "1 BODY[] 4 \"mine\"\n1"; got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
	if first.String() != "hello" {
		t.Errorf("the cancelled Fetch was given %q", first.String())
	}
}

type countingWriter struct {
	bytes.Buffer
	then func()
}

func (w *countingWriter) Write(p []byte) (int, error) {
	defer w.then()
	return w.Buffer.Write(p)
}

// TestFetchCancelWaiting cancels a Fetch that waits for its turn.
func TestFetchCancelWaiting(t *testing.T) {
	selected := make(chan struct{})
	c, engine := session(t, Options{}, func(s *server) {
		tag := s.expect(`EXAMINE "a"`)
		s.send("* 1 EXISTS\r\n")
		<-selected
		s.send("%s OK [READ-ONLY] done\r\n", tag)
		s.ok("NOOP")
	})
	cmd := engine.Select("a", &imap.SelectOptions{ReadOnly: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Fetch(ctx, Fetch{UIDs: imap.UIDSetNum(1), Items: "(UID FLAGS)"}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	close(selected)
	if _, err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := engine.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestFetchCancelWriting cancels a Fetch that cannot be sent, because the
// server does not read. Half a command may be out, so the connection ends.
func TestFetchCancelWriting(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := New(near, Options{})
	go io.WriteString(far, "* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n")
	if _, err := c.Prologue(t.Context(), Prologue{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		far.Read(make([]byte, 1)) // it is being written
		cancel()
	}()
	if _, err := c.Fetch(ctx, Fetch{UIDs: imap.UIDSetNum(1), Items: "(UID FLAGS)"}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if c.Err() == nil {
		t.Error("the connection goes on after half a command")
	}
}

// TestSelectWaits lets a SELECT wait until the live Fetch is answered, and a
// Fetch until the SELECT is.
func TestSelectWaits(t *testing.T) {
	fetching := make(chan struct{})
	c, engine := session(t, Options{}, func(s *server) {
		tag := s.expect("UID FETCH 1 (UID FLAGS)")
		close(fetching)
		s.nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if b, err := s.br.Peek(1); err == nil {
			t.Errorf("%q was sent before the FETCH was answered", b)
		}
		s.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		s.send("* 1 FETCH (UID 1 FLAGS (old))\r\n%s OK done\r\n", tag)

		tag = s.expect(`EXAMINE "b"`)
		s.nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if b, err := s.br.Peek(1); err == nil {
			t.Errorf("%q was sent before the EXAMINE was answered", b)
		}
		s.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		s.send("* 3 EXISTS\r\n%s OK done\r\n", tag)
		s.answer("UID FETCH 1 (UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (new))\r\n%T OK done\r\n")
	})
	var wg sync.WaitGroup
	var before, after collector
	wg.Go(func() {
		if _, err := c.Fetch(within(t, 10*time.Second), before.fetch("(UID FLAGS)", 1)); err != nil {
			t.Error(err)
		}
	})
	<-fetching
	cmd := engine.Select("b", &imap.SelectOptions{ReadOnly: true}) // returns once it is written
	wg.Wait()
	wg.Go(func() {
		if _, err := c.Fetch(within(t, 10*time.Second), after.fetch("(UID FLAGS)", 1)); err != nil {
			t.Error(err)
		}
	})
	if data, err := cmd.Wait(); err != nil || data.NumMessages != 3 {
		t.Errorf("%+v, %v", data, err)
	}
	wg.Wait()
	if before.String() != "1 flags=[old]" || after.String() != "1 flags=[new]" {
		t.Errorf("got %s and %s", before.String(), after.String())
	}
}

// TestSelectAfterCancel: a cancelled FETCH is not waited for, and what is left
// of it says nothing about the new mailbox.
func TestSelectAfterCancel(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	o := Options{Hooks: Hooks{Update: func(m *Message) { t.Errorf("update %s", show(m)) }}}
	c, engine := session(t, o, func(s *server) {
		fetch := s.expect("UID FETCH 1 (UID FLAGS)")
		cancel()
		tag := s.expect(`EXAMINE "b"`)
		s.send("* 1 FETCH (UID 1 FLAGS (old))\r\n* 2 FETCH (UID 2 FLAGS (old))\r\n%s OK done\r\n", fetch)
		s.send("* OK [CLOSED] x\r\n* 1 EXISTS\r\n%s OK done\r\n", tag)
	})
	var got collector
	if _, err := c.Fetch(cancelled, got.fetch("(UID FLAGS)", 1)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := engine.Select("b", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestFetchRouting has commands that run at once and unsolicited responses
// between their answers.
func TestFetchRouting(t *testing.T) {
	var mu sync.Mutex
	var updates []string
	o := Options{Hooks: Hooks{Update: func(m *Message) {
		mu.Lock()
		defer mu.Unlock()
		updates = append(updates, show(m))
	}}}
	const sum, first, second = "UID FETCH 1:3 (UID FLAGS ENVELOPE)", "UID FETCH 1 (UID BODY.PEEK[1]<0.3>)", "UID FETCH 1 (UID BODY.PEEK[1]<3.3>)"
	ready := make(chan struct{}, 3)
	c, _ := session(t, o, func(s *server) {
		var tags [3]string
		for i, cmd := range []string{sum, first, second} {
			tags[i] = s.expect(cmd)
			ready <- struct{}{}
		}
		s.send("* 1 FETCH (FLAGS (x) UID 1 MODSEQ (9))\r\n")
		s.send("* 1 FETCH (UID 1 FLAGS () ENVELOPE (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL))\r\n")
		s.send("* 1 FETCH (UID 1 FLAGS (y))\r\n")
		s.send("* 2 FETCH (FLAGS (z))\r\n%s OK done\r\n", tags[0])
		s.send("* 1 FETCH (UID 1 BODY[1]<0> {3}\r\nabc)\r\n%s OK done\r\n", tags[1])
		s.send("* 1 FETCH (UID 1 BODY[1]<3> {3}\r\ndef)\r\n%s OK done\r\n", tags[2])
	})
	var got [3]collector
	var wg sync.WaitGroup
	for i, f := range []Fetch{
		got[0].fetch("(UID FLAGS ENVELOPE)", 1, 2, 3),
		got[1].fetch("(UID BODY.PEEK[1]<0.3>)", 1),
		got[2].fetch("(UID BODY.PEEK[1]<3.3>)", 1),
	} {
		wg.Go(func() {
			if _, err := c.Fetch(within(t, 10*time.Second), f); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
		<-ready
	}
	wg.Wait()
	for i, want := range []string{
		`1 flags=[] from="" subject="s" id=""`,
		"1 BODY[1]<0> 3 \"abc\"\n1",
		"1 BODY[1]<3> 3 \"def\"\n1",
	} {
		if got[i].String() != want {
			t.Errorf("%d: got %s, want %s", i, got[i].String(), want)
		}
	}
	if got, want := strings.Join(updates, "; "), "1 flags=[x] modseq=9; 1 flags=[y]; 0 flags=[z]"; got != want {
		t.Errorf("updates %s, want %s", got, want)
	}
}

// TestFetchHeld has bodies in front of the UID that says whose they are.
func TestFetchHeld(t *testing.T) {
	large := strings.Repeat("x", maxHeld)
	c, _ := session(t, Options{}, func(s *server) {
		s.answer("UID FETCH 1:2 (UID BODY.PEEK[1])", "* 1 FETCH (BODY[1] {3}\r\nabc UID 1)\r\n* 2 FETCH (BODY[1] \"de\" UID 2)\r\n%T OK done\r\n")
		s.answer("UID FETCH 1:2 (UID BODY.PEEK[1])", fmt.Sprintf("* 1 FETCH (BODY[1] {%d}\r\nx%s UID 1)\r\n* 2 FETCH (BODY[1] NIL UID 2)\r\n%%T OK done\r\n", len(large)+1, large))
	})
	var got collector
	if _, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[1])", 1, 2)); err != nil {
		t.Fatal(err)
	}
	if want := "1 BODY[1] 3 \"abc\"\n2 BODY[1] 2 \"de\"\n1\n2"; got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
	got = collector{}
	if _, err := c.Fetch(within(t, 10*time.Second), got.fetch("(UID BODY.PEEK[1])", 1, 2)); err == nil {
		t.Error("no error for a body that was dropped")
	}
	if want := "1\n2 nil=[BODY[1]]"; got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
}

type brokenWriter struct{ writes int }

var errBroken = errors.New("disk full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	w.writes++
	return 0, errBroken
}

// TestFetchWriterFails: it costs that item, and Fetch says so.
func TestFetchWriterFails(t *testing.T) {
	c, engine := session(t, Options{}, func(s *server) {
		body := strings.Repeat("x", 3*bufferSize)
		s.answer("UID FETCH 1 (UID BODY.PEEK[1] BODY.PEEK[2])", fmt.Sprintf("* 1 FETCH (UID 1 BODY[1] {%d}\r\n%s BODY[2] {2}\r\nok)\r\n%%T OK done\r\n", len(body), body))
		s.ok("NOOP")
	})
	var broken brokenWriter
	var good bytes.Buffer
	st, err := c.Fetch(within(t, 10*time.Second), Fetch{
		UIDs: imap.UIDSetNum(1), Items: "(UID BODY.PEEK[1] BODY.PEEK[2])",
		Literal: func(_ imap.UID, item string, _ int64) io.Writer {
			if item == "BODY[1]" {
				return &broken
			}
			return &good
		},
	})
	if !errors.Is(err, errBroken) || st.Type != "OK" || broken.writes != 1 || good.String() != "ok" {
		t.Errorf("%v, %v, %d writes, %q", st, err, broken.writes, good.String())
	}
	if err := engine.Noop().Wait(); err != nil {
		t.Error(err)
	}
}

// TestFetchRefused: NO and BAD are errors that are the Status.
func TestFetchRefused(t *testing.T) {
	c, _ := session(t, Options{}, func(s *server) {
		s.answer("UID FETCH 1 (UID BINARY.PEEK[1])", "%T NO [UNKNOWN-CTE] cannot decode\x07 this\r\n")
		s.answer("UID FETCH 1 (UID BINARY.PEEK[1]) (X)", "%T BAD what\r\n")
	})
	f := Fetch{UIDs: imap.UIDSetNum(1), Items: "(UID BINARY.PEEK[1])"}
	_, err := c.Fetch(within(t, 10*time.Second), f)
	var st Status
	if !errors.As(err, &st) || st.Code != "UNKNOWN-CTE" || err.Error() != "NO [UNKNOWN-CTE] cannot decode this" {
		t.Errorf("err = %v", err)
	}
	f.Modifier = "(X)"
	if _, err := c.Fetch(within(t, 10*time.Second), f); !errors.As(err, &st) || st.Type != "BAD" {
		t.Errorf("err = %v", err)
	}
	if _, err := c.Fetch(t.Context(), Fetch{Items: "(UID)"}); err == nil {
		t.Error("no error for an empty set")
	}
}

// TestDo sees untagged responses first, and leaves what it does not take.
func TestDo(t *testing.T) {
	var exists []uint32
	o := Options{Hooks: Hooks{Exists: func(n uint32) { exists = append(exists, n) }}}
	c, _ := session(t, o, func(s *server) {
		s.answer("X-WHO am I", "* X-WHO {5}\r\nalice (1)\r\n* 4 EXISTS\r\n%T OK done\r\n")
		s.answer("X-WHO", "%T NO [CANNOT] no\r\n")
	})
	var taken []string
	st, err := c.Do(within(t, 10*time.Second), "X-WHO am I", func(name string, line []byte) bool {
		taken = append(taken, name+": "+string(line))
		return name == "X-WHO"
	})
	if err != nil || st.Text != "done" {
		t.Fatal(st, err)
	}
	if got, want := fmt.Sprintf("%q %v", taken, exists), `["X-WHO: * X-WHO {5}alice (1)" "EXISTS: * 4 EXISTS"] [4]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := c.Do(within(t, 10*time.Second), "X-WHO", nil); !errors.Is(err, Status{Type: "NO", Code: "CANNOT", Text: "no"}) {
		t.Errorf("err = %v", err)
	}
}

// TestVanished gives what is gone to the Fetch that asked, and fails it where
// that cannot be read.
func TestVanished(t *testing.T) {
	untagged := make(chan string, 1)
	c, _ := session(t, Options{Hooks: Hooks{Untagged: func(_ string, line []byte) { untagged <- string(line) }}}, func(s *server) {
		const command = "UID FETCH 1:9 (UID FLAGS) (CHANGEDSINCE 5 VANISHED)"
		s.answer(command, "* VANISHED 8\r\n* VANISHED (EARLIER) 7,1:3\r\n* 1 FETCH (UID 4 MODSEQ (6) FLAGS (x))\r\n%T OK done\r\n")
		s.answer(command, "* VANISHED (EARLIER) 1:*\r\n%T OK done\r\n")
	})
	fetch := func() (gone string, changed int, err error) {
		_, err = c.Fetch(t.Context(), Fetch{
			UIDs: imap.UIDSet{{Start: 1, Stop: 9}}, Items: "(UID FLAGS)", Modifier: "(CHANGEDSINCE 5 VANISHED)",
			Message:  func(*Message) { changed++ },
			Vanished: func(first, last uint32) { gone += fmt.Sprintf("%d:%d ", first, last) },
		})
		return gone, changed, err
	}
	if gone, changed, err := fetch(); gone != "1:3 7:7 " || changed != 1 || err != nil {
		t.Errorf("gone %s, changed %d, %v", gone, changed, err)
	}
	if line := <-untagged; line != "* VANISHED 8" {
		t.Errorf("told %q as news", line)
	}
	if _, _, err := fetch(); err == nil {
		t.Error("an unreadable VANISHED looks like none")
	}
}
