package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// arrivals is how many new messages are waited for.
const arrivals = 20

// calm is a pause before each of them: Dovecot reports a change half a second
// after the one that made it look, which must not be the previous message's.
const calm = 750 * time.Millisecond

// newMail delivers messages to a mailbox that is looked at, and measures when
// they are in its listing. The server's own delay (Dovecot waits half a second
// for more) is measured by a bare client in IDLE on a line of the same kind.
func (b *bench) newMail(ctx context.Context) error {
	m, err := b.mailbox(ctx, mixed("news", 100, b.options.seed))
	if err != nil {
		return err
	}
	next := m.messages
	for _, c := range b.conditions() {
		var seen, told []time.Duration
		err := b.mounted(ctx, c, func(mnt *mount) error {
			if err := mnt.watched(ctx, m.mailbox); err != nil {
				return err
			}
			l, err := newLine(b.server.addr, c)
			if err != nil {
				return err
			}
			defer l.close()
			idle, err := b.idle(ctx, l, m.mailbox)
			if err != nil {
				return err
			}
			defer idle.wire.close()
			for range arrivals {
				if err := pause(ctx, calm); err != nil {
					return err
				}
				next++
				start := time.Now()
				if err := b.server.deliver(m.mailbox, next); err != nil {
					return err
				}
				if err := mnt.wait(ctx, m.mailbox, next); err != nil {
					return err
				}
				visible := time.Now()
				select {
				case at := <-idle.exists:
					seen, told = append(seen, visible.Sub(start)), append(told, visible.Sub(at))
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after := median(told)
		most := 100*time.Millisecond + c.rtt
		b.row(row{"new mail visible in `ls`", c.name, "≤ 100 ms + one round trip",
			fmt.Sprintf("%s after a bare client was told, %s after delivery", seconds(after), seconds(median(seen))), judged(after <= most)})
	}
	return nil
}

// watched lists a mailbox, and waits until the mount follows it.
func (m *mount) watched(ctx context.Context, mailbox string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if _, err := os.ReadDir(m.path(mailbox)); err != nil {
			return err
		}
		var status struct {
			Mailboxes []struct {
				Name    string
				Watched bool
			}
		}
		data, err := os.ReadFile(m.path(".imapfs", "status.json"))
		if err == nil {
			err = json.Unmarshal(data, &status)
		}
		if err != nil {
			return err
		}
		for _, one := range status.Mailboxes {
			if one.Name == mailbox && one.Watched {
				return nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%s is not watched: %w", mailbox, err)
		}
	}
}

// wait waits until a mailbox has so many messages.
func (m *mount) wait(ctx context.Context, mailbox string, messages int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		list, err := os.ReadDir(m.path(mailbox))
		if err != nil {
			return err
		}
		if len(list) >= messages {
			return nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("%d messages of %d are visible: %w", len(list), messages, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idler is a bare client in IDLE.
type idler struct {
	wire *wire
	// exists gets the time at which each new message was reported.
	exists chan time.Time
}

func (b *bench) idle(ctx context.Context, l *line, mailbox string) (*idler, error) {
	w, err := dialWire(ctx, l.addr)
	if err != nil {
		return nil, err
	}
	i := &idler{w, make(chan time.Time, 2*arrivals)}
	err = w.do("EXAMINE " + mailbox)
	if err == nil {
		_, err = fmt.Fprintf(w.conn, "idle IDLE\r\n")
	}
	if err == nil {
		_, err = w.line() // the server waits
	}
	if err != nil {
		w.close()
		return nil, err
	}
	go func() { // until the connection ends
		for {
			said, err := w.line()
			if err != nil {
				return
			}
			if strings.HasSuffix(said, " EXISTS") {
				select {
				case i.exists <- time.Now():
				default:
				}
			}
		}
	}()
	return i, nil
}

// deliver puts a message into a mailbox as a delivery agent does.
func (d *dovecot) deliver(mailbox string, number int) error {
	name := fmt.Sprintf("%d.M%dP2.bench", time.Now().Unix(), number)
	from, to := filepath.Join(d.mailbox(mailbox), "tmp", name), filepath.Join(d.mailbox(mailbox), "new", name)
	text := fmt.Sprintf("From: bob@example.com\nSubject: news %d\n\nhello\n", number)
	if err := os.WriteFile(from, []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.Chown(from, d.uid, d.gid); err != nil {
		return err
	}
	return os.Rename(from, to)
}
