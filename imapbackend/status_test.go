package imapbackend

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend/imaptest"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so after 10 s: " + what)
		}
	}
}

// TestTraffic counts what passes between a Client and a Dovecot, on compressed
// connections and others, and agrees with the line between them.
func TestTraffic(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig("mail_plugins = zlib\nprotocol imap {\n mail_plugins = zlib imap_zlib\n}"))
	body := bytes.Repeat([]byte("All work and no play makes Jack a dull boy.\r\n"), 5000)
	s.Deliver("INBOX", append([]byte("Subject: long\r\n\r\n"), body...), delivered)
	link := imaptest.Proxy(t, s.Addr)
	c, err := Dial(t.Context(), Options{
		Address: link.Addr, Security: Plaintext, Username: s.Username, Password: s.Password,
		MaxConnections: 4, Log: slog.New(slog.DiscardHandler), near: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	inbox := cache.ID{Name: "INBOX"}
	state, uids := list(t, c, inbox)
	if err := c.Summaries(t.Context(), inbox, state.Validity, uids, func(*cache.Message) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.fetch(t.Context(), inbox, state.Validity, []cache.Request{{UID: uids[0], Section: "1"}, {UID: uids[0], Section: "1", Offset: 45, Length: 90}}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	started, ended := make(chan bool), make(chan error, 1)
	go func() { ended <- c.Idle(ctx, inbox, cache.News{Started: func() { close(started) }}) }()
	<-started
	status := c.Status()
	var received int64
	var compressed bool
	for _, one := range status.Connections {
		want := "idle"
		if one.Watcher {
			want = "IDLE"
		}
		if one.Doing != want || one.Since.IsZero() || one.Received == 0 {
			t.Errorf("connection %+v, want it to do %q", one, want)
		}
		received += one.Received
	}
	if len(status.Connections) < 2 || received != status.Traffic.Received {
		t.Errorf("%d connections have received %d octets, the client %d", len(status.Connections), received, status.Traffic.Received)
	}
	c.pool.mu.Lock()
	for _, one := range c.pool.sessions {
		compressed = compressed || one.compressed
	}
	c.pool.mu.Unlock()
	if !compressed {
		t.Error("no connection is compressed")
	}
	stop()
	<-ended
	c.Close()
	traffic := c.Status().Traffic
	eventually(t, "as much as on the line", func() bool {
		traffic = c.Status().Traffic
		return traffic.Received == link.Down() && traffic.Sent == link.Up()
	})
	if want := int64(len(body) + 90); traffic.Bodies != want {
		t.Errorf("%d octets of bodies, want %d", traffic.Bodies, want)
	}
	logins := int64(len(status.Connections))
	for kind, want := range map[string]int64{"FETCH bodies": 1, "FETCH summaries": 1, "SEARCH": 1, "IDLE": 1, "LOGIN": logins} {
		if traffic.Commands[kind] != want {
			t.Errorf("%d × %s, want %d", traffic.Commands[kind], kind, want)
		}
	}
	if traffic.Commands["EXAMINE"] < 2 || traffic.Commands["STATUS"] > 0 {
		t.Errorf("commands %v", traffic.Commands)
	}
}
