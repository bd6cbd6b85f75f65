package imapbackend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
	"imapfs/imapbackend/imaptest"
)

// TestCompressed fetches summaries and a body from a Dovecot on connections that
// are compressed, and counts the octets on the wire.
func TestCompressed(t *testing.T) {
	const messages = 1000
	s := imaptest.Dovecot(t, imaptest.WithConfig("mail_plugins = zlib\nprotocol imap {\n mail_plugins = zlib imap_zlib\n}"))
	body := bytes.Repeat([]byte("All work and no play makes Jack a dull boy.\r\n"), 5000)
	for i := range messages {
		text := body[:45]
		if i == 0 {
			text = body
		}
		header := fmt.Sprintf("From: Sender %d <sender%d@example.org>\r\nTo: Alice <alice@example.org>\r\nSubject: Message %d of the project\r\nDate: Wed, 04 Mar 2026 09:%02d:%02d +0000\r\nMessage-ID: <%d.%x@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", i%37, i%37, i, i/60%60, i%60, i, i*7919)
		s.Deliver("INBOX", append([]byte(header), text...), delivered.Add(time.Duration(i)*time.Second))
	}
	octets := map[bool]int64{}
	for _, compress := range []bool{false, true} {
		link := imaptest.Proxy(t, s.Addr)
		c := &Client{opts: Options{
			Address: link.Addr, Security: Plaintext, Username: s.Username, Password: s.Password, MaxConnections: 1, near: -1,
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}}
		c.pool = newPool(1, c.opts.Log, func(ctx context.Context, _ bool) (*session, error) {
			session, err := c.connect(ctx, guard.Hooks{}, compress)
			if err == nil && session.conn.Compressed() != compress {
				t.Errorf("compressed: %v", !compress)
			}
			return session, err
		})
		t.Cleanup(c.Close)
		inbox := cache.ID{Name: "INBOX"}
		state, uids := list(t, c, inbox)
		before, start := link.Down(), time.Now()
		subjects := 0
		if err := c.Summaries(t.Context(), inbox, state.Validity, uids, func(m *cache.Message) {
			if m.Subject == fmt.Sprintf("Message %d of the project", m.UID-1) {
				subjects++
			}
		}); err != nil {
			t.Fatal(err)
		}
		if subjects != messages {
			t.Errorf("%d of %d subjects", subjects, messages)
		}
		octets[compress] = link.Down() - before
		t.Logf("compressed %v: %d octets in %v", compress, octets[compress], time.Since(start))
		got, err := c.fetch(t.Context(), inbox, state.Validity, []cache.Request{{UID: 1, Section: "1"}})
		if err != nil || !bytes.Equal(got[0], body) {
			t.Errorf("%d octets of body, %v", len(got[0]), err)
		}
	}
	if octets[true]*4 > octets[false] {
		t.Errorf("%d octets compressed, %d not", octets[true], octets[false])
	}
}
