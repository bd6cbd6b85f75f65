package cache

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	recoveredSuffix = ".eml"
	noteSuffix      = ".json"
)

// recoveryNote stands beside a draft's file from the moment on that it is being
// stored: by it, the next mount finds out what became of it, should this one be
// killed.
type recoveryNote struct {
	Mailbox   string    `json:"mailbox"`
	Raw       bool      `json:"raw,omitempty"`
	Name      string    `json:"name"`
	As        Naming    `json:"as"`
	Date      time.Time `json:"date"`
	Flags     []string  `json:"flags,omitempty"`
	Size      int64     `json:"size"`
	Sum       []byte    `json:"sha256"`
	MessageID string    `json:"message_id,omitempty"`
	Next      uint32    `json:"uidnext"`
	Time      time.Time `json:"time"`
	// Error is why it was not stored; "" as long as nobody knows.
	Error string `json:"error,omitempty"`
}

// newRecovered makes a file for a draft.
func (a *Account) newRecovered() (*os.File, error) {
	dir := a.opts.Writing.Recovery
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	for {
		name := fmt.Sprintf("%s-%d-%d%s", time.Now().UTC().Format("20060102T150405"), os.Getpid(), a.edits.drafts.Add(1), recoveredSuffix)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

func notePath(file string) string { return strings.TrimSuffix(file, recoveredSuffix) + noteSuffix }

// note writes the note of a draft.
func (d *Draft) note(n *recoveryNote) error { return n.write(d.file.Name()) }

func (n *recoveryNote) write(file string) error {
	data, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(notePath(file), append(data, '\n'), 0o600)
}

// forgetRecovered removes a draft's files.
func (a *Account) forgetRecovered(file string) {
	os.Remove(notePath(file)) // first: without it, the other is nobody's
	os.Remove(file)
}

// Recovered is a file in the recovery folder that no mailbox has.
type Recovered struct {
	// File is its path, Name what it was to be called in Mailbox.
	File, Mailbox, Name string
	Time                time.Time
	Size                int64
	// Error is why it was not stored; "" where writing it was not ended.
	Error string
}

// unresolved is how long it takes at most until a mount knows what became of a
// message.
const unresolved = 15 * time.Minute

// Recovered lists what could not be stored, the oldest first, and the folder.
func (a *Account) Recovered() (folder string, files []Recovered) {
	if !a.Writable() {
		return "", nil
	}
	folder = a.opts.Writing.Recovery
	notes, _ := filepath.Glob(filepath.Join(folder, "*"+noteSuffix))
	for _, path := range notes {
		n, file, err := readNote(path)
		if err != nil || n.Error == "" && time.Since(n.Time) < unresolved {
			continue
		}
		if n.Error == "" {
			n.Error = "perhaps stored: imapfs ended while it was being stored"
		}
		files = append(files, Recovered{File: file, Mailbox: n.Mailbox, Name: n.Name, Time: n.Time, Size: n.Size, Error: n.Error})
	}
	slices.SortFunc(files, func(a, b Recovered) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.File, b.File)) })
	return folder, files
}

func readNote(path string) (n recoveryNote, file string, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	return n, strings.TrimSuffix(path, noteSuffix) + recoveredSuffix, err
}

// FindOut looks, once there is a way to the server, what became of messages that
// an earlier mount was storing when it was killed: those that are stored get
// their names, the others stay in the recovery folder. It is for the one mount
// that has the folder.
func (a *Account) FindOut() {
	if !a.Writable() {
		return
	}
	notes, _ := filepath.Glob(filepath.Join(a.opts.Writing.Recovery, "*"+noteSuffix))
	empty, _ := filepath.Glob(filepath.Join(a.opts.Writing.Recovery, "*"+recoveredSuffix))
	for _, file := range empty { // that never got anything
		if info, err := os.Stat(file); err == nil && info.Size() == 0 {
			a.forgetRecovered(file)
		}
	}
	var open []string
	for _, path := range notes {
		if n, _, err := readNote(path); err == nil && n.Error == "" {
			open = append(open, path)
		}
	}
	if len(open) == 0 {
		return
	}
	a.tasks.Go(func() {
		for _, path := range open {
			for retry := firstRetry; a.life.Err() == nil && !a.findOut(path); retry = min(2*retry, lastRetry) {
				sleep(a.life, retry)
			}
		}
	})
}

func (a *Account) recoverName(n *recoveryNote, at Stored) {
	if at.UID != 0 {
		a.setName(ID{n.Mailbox, n.Raw}, at.Validity, n.As, at.UID, n.Name, binary.BigEndian.Uint64(append(slices.Clip(n.Sum), make([]byte, 8)...)))
	}
}

// findOut finds out about one message, and reports whether it did.
func (a *Account) findOut(path string) bool {
	n, file, err := readNote(path)
	if err != nil {
		return true
	}
	id := ID{n.Mailbox, n.Raw}
	same := Sought{
		Next: n.Next, Size: n.Size, Date: n.Date, MessageID: n.MessageID,
		Claim: func(validity, uid uint32) bool { return a.names.claim(id, validity, uid) },
	}
	copy(same.Sum[:], n.Sum)
	at, err := a.opts.Writing.Editor.Find(a.life, id, same)
	switch {
	case errors.Is(err, ErrOffline) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return false
	case err == nil && at.UID != 0:
		a.recoverName(&n, at)
		a.forgetRecovered(file)
		return true
	}
	n.Error = "imapfs was killed while it was being stored"
	if err != nil {
		n.Error += ": " + err.Error()
	}
	n.write(file)
	a.opts.Log.Warn("a message that an earlier mount was storing is not on the server; it is kept", "mailbox", n.Mailbox, "file", file, "name", n.Name)
	return true
}
