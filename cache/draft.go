package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Draft is a message that is being written. It is in a file of the recovery
// folder, from the first octet until the server has it. It is safe for concurrent
// use.
type Draft struct {
	account *Account

	storing sync.Mutex // held by Store

	mu     sync.Mutex
	file   *os.File
	size   int64   // guarded by mu
	failed bool    // guarded by mu; the last Store did: the file stays, also if nobody wants it
	source *Reader // guarded by mu; what it is to be a copy of, as long as it is in no file
}

// NewDraft makes an empty draft.
func (a *Account) NewDraft() (*Draft, error) {
	f, err := a.newRecovered()
	if err != nil {
		return nil, fmt.Errorf("recovery folder: %w", err)
	}
	return &Draft{account: a, file: f}, nil
}

// MaxMessage bounds a draft, in bytes.
func (a *Account) MaxMessage() int64 {
	if n := a.opts.Writing.Editor.MaxMessage(); n > 0 && n < MaxWhole {
		return n
	}
	return MaxWhole
}

// Size is how long it is, in bytes.
func (d *Draft) Size() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.source != nil {
		return d.source.Size()
	}
	return d.size
}

// ReadAt reads what has been written; at the end, it returns 0 and no error.
func (d *Draft) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.source != nil {
		return d.source.ReadAt(ctx, p, off)
	}
	if off >= d.size {
		return 0, nil
	}
	n, err := d.file.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// WriteAt writes. ErrTooBig: no server will take that much.
func (d *Draft) WriteAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > d.account.MaxMessage() {
		return ErrTooBig
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.materialize(ctx); err != nil {
		return err
	}
	if _, err := d.file.WriteAt(p, off); err != nil {
		return err
	}
	d.size = max(d.size, off+int64(len(p)))
	return nil
}

// Truncate sets its size.
func (d *Draft) Truncate(ctx context.Context, size int64) error {
	if size > d.account.MaxMessage() {
		return ErrTooBig
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if size == 0 {
		d.source = nil
	}
	if err := d.materialize(ctx); err != nil {
		return err
	}
	if err := d.file.Truncate(size); err != nil {
		return err
	}
	d.size = size
	return nil
}

// CopyOf makes an empty draft the copy of a whole message of the account, which
// the server makes when it is stored. False: it is not possible.
func (d *Draft) CopyOf(r *Reader) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size > 0 || d.source != nil || r.file.Kind != Whole || r.file.Part != Outer {
		return false
	}
	d.source = r
	return true
}

// materialize writes the octets of what it is a copy of into the file. mu is held.
func (d *Draft) materialize(ctx context.Context) error {
	if d.source == nil {
		return nil
	}
	octets := io.NewSectionReader(readerAt{ctx, d.source}, 0, d.source.Size())
	n, err := io.Copy(io.NewOffsetWriter(d.file, 0), octets)
	if err != nil {
		return err
	}
	d.size, d.source = n, nil
	return nil
}

// readerAt is a Reader as the standard library has them.
type readerAt struct {
	ctx context.Context
	r   *Reader
}

func (r readerAt) ReadAt(p []byte, off int64) (total int, err error) {
	for total < len(p) {
		n, err := r.r.ReadAt(r.ctx, p[total:], off+int64(total))
		if err != nil {
			return total, err
		}
		if n == 0 {
			return total, io.EOF
		}
		total += n
	}
	return total, nil
}

// Envelope is what a message is stored with.
type Envelope struct {
	// Name is what it was written as, for people who look for it in the recovery
	// folder, and for the listing.
	Name string
	As   Naming
	// Date becomes INTERNALDATE; zero: now, or of a copy that of the original.
	Date  time.Time
	Flags []string
	// Replaces is the UID of the message in the same mailbox that has the name, 0
	// if there is none. Of the same octets and date, that one will do.
	Replaces uint32
	// Backup tells that the name is one that imapfs makes: what is in it need not
	// look like a message, since it has been one.
	Backup bool
}

// Store stores the message in a mailbox, and names it. It is not stored when it
// returns an error, and what has been written is still there.
func (d *Draft) Store(ctx context.Context, b *Box, e Envelope) (Stored, error) {
	d.storing.Lock()
	defer d.storing.Unlock()
	if b.stale.Load() {
		return Stored{}, b.failed("write to", 0, ErrStale)
	}
	d.mu.Lock()
	source := d.source
	d.mu.Unlock()
	if source != nil && len(e.Flags) == 0 && (e.Date.IsZero() || e.Date.Unix() == source.message.Date.Unix()) && !source.box.stale.Load() {
		at, err := source.box.Copy(ctx, source.file.UID, b)
		if err == nil {
			d.named(b, at, e, 0)
		}
		return at, err
	}
	d.mu.Lock()
	err := d.materialize(ctx)
	d.mu.Unlock()
	if err != nil {
		return Stored{}, err
	}
	at, err := d.append(ctx, b, e)
	d.mu.Lock()
	d.failed = err != nil
	d.mu.Unlock()
	if err != nil {
		return at, b.failed("write to", 0, dangling(err))
	}
	return at, nil
}

func (d *Draft) append(ctx context.Context, b *Box, e Envelope) (at Stored, err error) {
	w, err := d.scan()
	if err != nil {
		return at, err
	}
	if e.Date.IsZero() {
		e.Date = time.Now()
	}
	e.Date = time.Unix(e.Date.Unix(), 0).UTC()
	note := recoveryNote{
		Mailbox: b.id.Name, Raw: b.id.Raw, Name: e.Name, As: e.As, Date: e.Date, Flags: e.Flags,
		Size: w.size, Sum: w.sum[:], MessageID: w.messageID, Time: time.Now(),
	}
	defer func() {
		if err != nil {
			note.Error = err.Error()
			d.note(&note)
			d.account.opts.Log.Warn("a message could not be stored; it is kept", "mailbox", b.id.Name, "file", d.file.Name(), "name", e.Name, "error", err)
		}
	}()
	if !w.header && !e.Backup {
		return at, fmt.Errorf("%w: no message begins like that", ErrInvalid)
	}
	if e.Replaces != 0 && b.writtenAs(e.Replaces, w.short()) {
		if m, err := b.Message(ctx, e.Replaces); err == nil && m.Date.Equal(e.Date) {
			return Stored{b.validityNow(), e.Replaces}, nil
		}
	}
	if d.account.opts.Writing.NoDuplicates {
		if uid, err := b.twin(ctx, w, e.Date); err != nil || uid != 0 {
			at = Stored{b.validityNow(), uid}
			if err == nil {
				d.account.opts.Log.Info("not stored, as it is there already", "mailbox", b.id.Name, "uid", uid, "name", e.Name)
				d.named(b, at, e, w.short())
			}
			return at, err
		}
	}
	if note.Next, err = b.uidNext(ctx); err != nil {
		return at, err
	}
	if err := d.note(&note); err != nil {
		return at, err
	}
	at, err = d.account.opts.Writing.Editor.Append(ctx, b.id, Outgoing{
		Open: d.reader(w), Flags: e.Flags, Binary: w.nul,
		Sought: Sought{
			Next: note.Next, Size: w.size, Date: e.Date, MessageID: w.messageID, Sum: w.sum,
			Claim: func(validity, uid uint32) bool { return d.account.names.claim(b.id, validity, uid) },
		},
	})
	if err != nil {
		return at, err
	}
	d.named(b, at, e, w.short())
	b.edited()
	return at, nil
}

// named records what a message is called that has been stored.
func (d *Draft) named(b *Box, at Stored, e Envelope, sum uint64) {
	if at.UID == 0 {
		d.account.opts.Log.Warn("a message was stored, and the server does not tell which it is: it is listed under the name that imapfs makes", "mailbox", b.id.Name, "name", e.Name)
		return
	}
	b.account.setName(b.id, at.Validity, e.As, at.UID, e.Name, sum)
}

// reader opens the octets as they are sent.
func (d *Draft) reader(w wire) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		f, err := os.Open(d.file.Name())
		if err != nil {
			return nil, err
		}
		if !w.bare {
			return f, nil
		}
		return struct {
			io.Reader
			io.Closer
		}{bufio.NewReaderSize(&crlfReader{r: bufio.NewReaderSize(f, 64<<10)}, 64<<10), f}, nil // it needs room
	}
}

// Close ends the draft. What could not be stored stays in the recovery folder.
func (d *Draft) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.file.Close()
	if !d.failed {
		d.account.forgetRecovered(d.file.Name())
	}
}
