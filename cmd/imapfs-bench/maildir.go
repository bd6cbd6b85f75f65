package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// mailbox is a mailbox that was made, and the truth about it.
type mailbox struct {
	recipe
	letters []letter // in the order of UIDs, which are 1, 2, 3 …
	octets  int64    // of all messages
}

// uidValidity is that of all mailboxes.
const uidValidity = 1_600_000_000

// make makes the mailbox of a recipe.
func (d *dovecot) make(ctx context.Context, r recipe) (*mailbox, error) {
	if d.format == mbox {
		return d.makeMbox(ctx, r)
	}
	return d.makeMaildir(ctx, r)
}

// makeMaildir writes the messages of a recipe as a Maildir, together with Dovecot's list
// of UIDs, so that the truth knows them, too. The names have the sizes in them,
// as Dovecot's own deliveries do: nobody has to read a message to know it.
func (d *dovecot) makeMaildir(ctx context.Context, r recipe) (*mailbox, error) {
	if err := d.create(r.mailbox); err != nil {
		return nil, err
	}
	m := &mailbox{recipe: r, letters: make([]letter, r.messages)}
	names := make([]string, r.messages)
	cur := filepath.Join(d.mailbox(r.mailbox), "cur")
	workers, ctx := errgroup.WithContext(ctx)
	n := runtime.GOMAXPROCS(0)
	for w := range n {
		workers.Go(func() error {
			c := newComposer(r)
			for i := w; i < r.messages && ctx.Err() == nil; i += n {
				text, l := c.compose(uint32(i + 1))
				m.letters[i] = l
				when := date(l.uid)
				names[i] = fmt.Sprintf("%d.M%dP1.bench,S=%d,W=%d", when.Unix(), i, len(text), l.octets)
				file := filepath.Join(cur, names[i]+":2,S")
				if err := os.WriteFile(file, text, 0o644); err != nil {
					return err
				}
				if err := os.Chtimes(file, when, when); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	for i := range m.letters {
		m.octets += m.letters[i].octets
	}
	return m, d.writeUIDs(m, names)
}

func (d *dovecot) writeUIDs(m *mailbox, names []string) error {
	f, err := os.Create(filepath.Join(d.mailbox(m.mailbox), "dovecot-uidlist"))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "3 V%d N%d G%032x\n", uidValidity, len(names)+1, m.seed<<32|uint64(len(names)))
	for i, name := range names {
		fmt.Fprintf(w, "%d :%s\n", i+1, name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Chown(d.uid, d.gid)
}

// makeMbox writes the messages as one file. No line of the text starts with
// "From ", so nothing has to be escaped.
func (d *dovecot) makeMbox(ctx context.Context, r recipe) (*mailbox, error) {
	if err := d.create(r.mailbox); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.mailbox(r.mailbox), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &mailbox{recipe: r}
	w, c := bufio.NewWriterSize(f, 1<<20), newComposer(r)
	for i := range r.messages {
		text, l := c.compose(uint32(i + 1))
		m.octets += l.octets
		fmt.Fprintf(w, "From bob@example.com %s\n", date(l.uid).Format(time.ANSIC))
		if i == 0 { // or the server would have another UIDVALIDITY at each EXAMINE
			fmt.Fprintf(w, "X-IMAPbase: %d 0000000000\n", uidValidity)
		}
		fmt.Fprintf(w, "X-UID: %d\n%s\n", l.uid, text)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return m, w.Flush()
}
