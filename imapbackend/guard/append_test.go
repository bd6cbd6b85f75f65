package guard

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// letter is an Append of a text to INBOX.
func letter(text string) Append {
	return Append{Mailbox: `"INBOX"`, Size: int64(len(text)), Message: strings.NewReader(text)}
}

// literal reads what a command line has announced, and the end of the command.
func (s *server) literal(n int) string {
	s.t.Helper()
	b := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(s.br, b); err != nil {
		s.t.Error(err)
	}
	return string(b[:n])
}

// TestAppendUnasked sends several messages before the first is answered.
func TestAppendUnasked(t *testing.T) {
	c, _ := session(t, Options{}, func(s *server) {
		var tags []string
		for range 3 {
			tags = append(tags, s.expect(`APPEND "INBOX" (\Seen work) " 4-Mar-2026 09:12:59 +0000" {5+}`))
			if got := s.literal(5); got != "a\r\nb\n" {
				t.Errorf("the server got %q", got)
			}
		}
		for i, tag := range tags {
			s.send("%s OK [APPENDUID 7 %d] stored\r\n", tag, i+1)
		}
	})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			a := letter("a\r\nb\n")
			a.Unasked, a.Flags, a.Date = true, []string{`\Seen`, "work"}, time.Date(2026, 3, 4, 10, 12, 59, 0, time.FixedZone("", 3600))
			st, err := c.Append(t.Context(), a)
			if validity, uid, ok := st.Appended(); err != nil || !ok || validity != 7 || uid == 0 {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
	all.Wait()
}

// TestAppendAsked waits for consent, each time, and takes a refusal for it.
func TestAppendAsked(t *testing.T) {
	c, _ := session(t, Options{}, func(s *server) {
		for range 2 {
			tag := s.expect(`APPEND "INBOX" {5}`)
			s.send("+ go ahead\r\n")
			s.literal(5)
			s.send("%s OK stored\r\n", tag)
		}
		s.answer(`APPEND "INBOX" {5}`, "%T NO [OVERQUOTA] full\r\n")
		s.ok("NOOP")
	})
	for range 2 {
		if _, err := c.Append(t.Context(), letter("12345")); err != nil {
			t.Error(err)
		}
	}
	var st Status
	if _, err := c.Append(t.Context(), letter("12345")); !errors.As(err, &st) || st.Code != "OVERQUOTA" {
		t.Errorf("%v, not the refusal", err)
	}
	if _, err := c.Do(t.Context(), "NOOP", nil); err != nil {
		t.Errorf("after APPEND: %v", err)
	}
}

// TestAppendCut tells what cannot have happened from what may have.
func TestAppendCut(t *testing.T) {
	c, _ := session(t, Options{}, func(s *server) {
		s.expect(`APPEND "INBOX" {5}`) // and no consent
	})
	if _, err := c.Append(t.Context(), letter("12345")); !errors.Is(err, ErrUnsent) {
		t.Errorf("%v, and it was not sent", err)
	}
	c, _ = session(t, Options{}, func(s *server) {
		s.expect(`APPEND "INBOX" {5+}`)
		s.literal(5) // and no answer
	})
	a := letter("12345")
	a.Unasked = true
	if _, err := c.Append(t.Context(), a); err == nil || errors.Is(err, ErrUnsent) || errors.As(err, new(Status)) {
		t.Errorf("%v, and it may be stored", err)
	}
}

// TestCopied finds COPYUID where COPY and MOVE tell it.
func TestCopied(t *testing.T) {
	c, _ := session(t, Options{}, func(s *server) {
		s.answer(`UID COPY 5 "A"`, "%T OK [COPYUID 3 5 9] copied\r\n")
		s.answer(`UID MOVE 5 "A"`, "* OK [COPYUID 3 5 10] moved\r\n* 1 EXPUNGE\r\n%T OK done\r\n")
		s.answer(`UID MOVE 6 "A"`, "%T OK nothing to move\r\n")
	})
	for _, want := range []struct {
		line string
		uid  uint32
		ok   bool
	}{{`UID COPY 5 "A"`, 9, true}, {`UID MOVE 5 "A"`, 10, true}, {`UID MOVE 6 "A"`, 0, false}} {
		st, err := c.Edit(t.Context(), want.line)
		validity, uid, ok := st.Copied(5)
		if err != nil || ok != want.ok || uid != want.uid || ok && validity != 3 {
			t.Errorf("%s: %d, %v, %v", want.line, uid, ok, err)
		}
	}
}

// TestMailboxOnTheWire writes names as they are decoded.
func TestMailboxOnTheWire(t *testing.T) {
	for _, name := range []string{"INBOX", "Größe", "会議/😀", "a&b", "&", `"q\`, "~peter/mail/台北/日本語"} {
		encoded := encodeUTF7(name)
		if decoded, ok := decodeUTF7([]byte(encoded)); !ok || decoded != name {
			t.Errorf("%q is %q, which is %q", name, encoded, decoded)
		}
	}
	if _, ok := (&Conn{}).Mailbox("a\r\nb", true); ok {
		t.Error("a line break in a name")
	}
	for _, flag := range []string{"", "a b", "a)", `\\x`, "{1}", "a\r\n"} {
		if _, ok := FlagList([]string{flag}); ok {
			t.Errorf("%q is taken for a flag", flag)
		}
	}
}
