package cache

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"imapfs/cache/disk"
)

// Inspection is what is on disk of an account.
type Inspection struct {
	// Mailboxes is how many the account has, and Listed of how many of them
	// the messages are known.
	Mailboxes, Listed int
	Messages          int
	// Index and Mail are what takes room, in bytes, and Pieces how many files
	// and blocks of files the mail is.
	Index, Mail int64
	Pieces      int
	// Oldest and Newest are when the files were written to, zero without any.
	Oldest, Newest time.Time
	// Files, Frames and Blobs are how many have been read.
	Files, Frames, Blobs int
	Problems             []*Problem
}

// Problem is what is wrong with a file.
type Problem struct {
	File    string
	Mailbox string // whose index it is, "" if that is not known
	// Offset is where it begins, in bytes, and Lost how many bytes of the file's
	// Size are not used because of it.
	Offset, Lost, Size int64
	// Damaged is how many frames or blobs are, of which the mount fetches again
	// what it needs.
	Damaged int
	// Err is why the mount does not read on at Offset, nil if it does.
	Err error
}

func (p *Problem) is() bool { return p.Err != nil || p.Damaged > 0 }

// InspectOptions are what Inspect is to do.
type InspectOptions struct {
	// Verify has it check everything, where it else counts what is told.
	Verify bool
	// Progress is told how many bytes are done, if set.
	Progress func(done, total int64)
}

// While a mount writes to a file, what is read may be of two states of it. A
// failure counts once it was the same so often.
const (
	inspections  = 8
	inspectPause = 200 * time.Millisecond
)

// inspector gathers an Inspection.
type inspector struct {
	InspectOptions
	Inspection
	view        *disk.View
	used        bool                // a mount has it, or had
	pieces      map[uint64]*Problem // nil: it is whole
	done, total int64
}

// Inspect reads what is on disk of an account as the next mount would, and
// changes nothing. It does so beside a mount, too, without what that has not
// written yet.
func Inspect(v *disk.View, options InspectOptions) (Inspection, error) {
	in := &inspector{InspectOptions: options, view: v, pieces: make(map[uint64]*Problem)}
	if in.Progress == nil {
		in.Progress = func(done, total int64) {}
	}
	_, in.used = v.InUse()
	files, err := v.Files()
	if err != nil {
		return in.Inspection, err
	}
	for _, f := range files {
		in.total += f.Size
	}
	for _, f := range files {
		if in.Oldest.IsZero() || f.Modified.Before(in.Oldest) {
			in.Oldest = f.Modified
		}
		if f.Modified.After(in.Newest) {
			in.Newest = f.Modified
		}
		in.file(f)
		in.done += f.Size
		in.Progress(in.done, in.total)
	}
	for _, p := range in.pieces {
		if p == nil {
			in.Pieces++
		} else {
			p.Damaged++
		}
	}
	in.Problems = slices.DeleteFunc(in.Problems, func(p *Problem) bool { return !p.is() })
	in.Mailboxes = max(in.Mailboxes, in.Listed)
	return in.Inspection, nil
}

// found is what is in one file.
type found struct {
	mailboxes, listed, messages int
	frames                      int
	blobs                       []disk.Blob
	problem                     Problem
}

// file inspects one file, as often as it changes under way.
func (in *inspector) file(f disk.File) {
	read := in.log
	if f.Log == "" {
		read = in.blobs
	}
	one := read(f)
	for same := 1; one.problem.is(); {
		if errors.Is(one.problem.Err, fs.ErrNotExist) {
			return // it has just gone
		}
		if _, now := in.view.InUse(); !now && !in.used {
			break
		}
		in.used = true
		if same == inspections {
			break
		}
		time.Sleep(inspectPause)
		was := one.problem
		if one = read(f); one.problem.Offset == was.Offset && one.problem.Damaged == was.Damaged {
			same++
		} else {
			same = 1
		}
	}
	p := one.problem
	p.File, p.Size = f.Name, f.Size
	if p.Err != nil {
		p.Lost = max(f.Size-p.Offset, 0)
	}
	if p.is() {
		in.Problems = append(in.Problems, &p)
	}
	in.Files++
	in.Frames += one.frames
	in.Blobs += len(one.blobs)
	in.Mailboxes += one.mailboxes
	in.Listed += one.listed
	in.Messages += one.messages
	if f.Log != "" {
		in.Index += f.Size
		return
	}
	in.Mail += f.Size
	p.Damaged = 0 // until it is known which of the blobs count
	for _, b := range one.blobs {
		in.pieces[b.ID] = nil
		if b.Damaged {
			in.pieces[b.ID] = &p
		}
	}
}

// log replays a log.
func (in *inspector) log(f disk.File) (one found) {
	var account accountReplay
	var mailbox mailboxReplay
	replay := mailbox.frame
	if f.Log == accountLog {
		replay = account.frame
	}
	end, err := in.view.ReadLog(f.Log, func(at disk.Pos, data []byte) error {
		if err := replay(at, data); err != nil {
			return err
		}
		one.frames++
		in.Progress(in.done+min(at.Offset, f.Size), in.total)
		if in.Verify && f.Log != accountLog && verifyFrame(data) != nil {
			if one.problem.Damaged++; one.problem.Damaged == 1 {
				one.problem.Offset = at.Offset
			}
		}
		return nil
	})
	if err == nil && (one.frames == 0 || f.Log != accountLog && logName(mailbox.id) != f.Log) {
		end, err = 0, errOtherLog
	}
	one.problem.Mailbox = mailbox.id.Name
	if err != nil {
		one.problem.Offset, one.problem.Err = end, err
	}
	one.mailboxes, one.messages, one.listed = len(account.list), len(mailbox.uids), mailbox.synced
	return one
}

// mailboxReplay is index.replay of a log that tells itself whose it is.
type mailboxReplay struct {
	index
	id     ID
	synced int // 1 once a listing is known
}

func (m *mailboxReplay) frame(at disk.Pos, data []byte) error {
	if m.validity == 0 {
		if r := (recordReader{rest: string(data)}); r.byte() == frameHead {
			m.id, _ = r.whose()
		}
	}
	s, err := m.index.replay(m.id, at, data)
	if !s.at.IsZero() {
		m.synced = 1
	}
	return err
}

// verifyFrame reads what the index leaves to be read when it is needed.
func verifyFrame(data []byte) error {
	switch data[0] {
	case frameOfMessages:
		f, err := parseFrame(data)
		if err != nil {
			return err
		}
		for slot, uid := range f.uids {
			if _, err := f.message(slot, uid, nil); err != nil {
				return err
			}
		}
	case frameOfSizes:
		_, err := parseSizes(data)
		return err
	}
	return nil
}

// blobs reads a file of blobs.
func (in *inspector) blobs(f disk.File) (one found) {
	p := &one.problem
	p.Err = in.view.ReadBlobs(f.Name, in.Verify, func(b disk.Blob) {
		one.blobs = append(one.blobs, b)
		if b.Damaged {
			if p.Damaged++; p.Damaged == 1 {
				p.Offset = b.Offset
			}
		}
	})
	return one
}
