package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNotCache: nothing shows that a Dir has made the directory.
var ErrNotCache = errors.New("is not a cache of imapfs")

// View is a directory for reading, also beside the process that has it locked.
// It changes nothing. What it reads may be between two states then: a failure
// that counts is one that stays. It is safe for concurrent use.
type View struct{ dir *Dir }

// File is a file that a Dir keeps.
type File struct {
	Name     string
	Log      string // the log's name; "" where it holds blobs
	Size     int64  // in bytes
	Modified time.Time
}

// Look opens the directory for reading, until Close. ErrNotCache: a Dir has not
// made it, or path is a symbolic link.
func Look(path string) (*View, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s %w", path, ErrNotCache)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	v := &View{&Dir{path: path, root: root}}
	if !v.signed() {
		root.Close()
		return nil, fmt.Errorf("%s %w", path, ErrNotCache)
	}
	return v, nil
}

// signed reports whether a Dir has made the directory: a lock is there, and a log
// that begins like one, a file of blobs by its name, or nothing at all.
func (v *View) signed() bool {
	lock, err := v.dir.open(lockName, os.O_RDONLY)
	if err != nil {
		return false
	}
	lock.Close()
	entries, err := fs.ReadDir(v.dir.root.FS(), ".")
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), logSuffix) && v.begins(e.Name()) {
			return true
		}
		if _, ok := segmentNumber(e.Name()); ok && e.Type().IsRegular() {
			return true
		}
	}
	return err == nil && len(entries) == 1
}

// begins reports whether a file begins like a log.
func (v *View) begins(name string) bool {
	f, err := v.dir.open(name, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(magic))
	_, err = f.ReadAt(head, 0)
	return err == nil && string(head) == magic
}

// Close ends the view.
func (v *View) Close() { v.dir.root.Close() }

// Path is the directory's path.
func (v *View) Path() string { return v.dir.path }

// maxClaim bounds what is read of a claim, in bytes.
const maxClaim = 4096

// InUse reports whether a process has the directory locked, and what it told by
// Dir.Claim.
func (v *View) InUse() (claim string, ok bool) {
	lock, err := v.dir.open(lockName, os.O_RDONLY)
	if err != nil {
		return "", false
	}
	defer lock.Close() // and with it the lock: whoever wants it waits for longer
	if !errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
		return "", false
	}
	data, _ := io.ReadAll(io.LimitReader(lock, maxClaim))
	return string(data), true
}

// Claim tells others what this process uses the directory for.
func (d *Dir) Claim(text string) {
	if d.lock.Truncate(0) == nil {
		d.lock.WriteAt([]byte(text), 0) // it is only for people
	}
}

// Files lists the files there are, by name.
func (v *View) Files() ([]File, error) {
	entries, err := fs.ReadDir(v.dir.root.FS(), ".")
	var files []File
	for _, e := range entries {
		log, isLog := strings.CutSuffix(e.Name(), logSuffix)
		if !isLog {
			log = ""
			if !strings.HasSuffix(e.Name(), blobSuffix) {
				continue
			}
		}
		if info, err := e.Info(); err == nil { // else it has just gone
			files = append(files, File{e.Name(), log, info.Size(), info.ModTime()})
		}
	}
	return files, err
}

// ReadLog is what OpenLog reads, and where the log ends for it: err is why that
// is before the end of the file.
func (v *View) ReadLog(name string, replay func(Pos, []byte) error) (end int64, err error) {
	f, err := v.dir.open(name+logSuffix, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	l := newLog(nil, name)
	if err = l.replay(f, replay); errors.Is(err, errFormat) {
		return 0, err
	}
	return l.end, err
}

// Blob is a blob in a file. Of those of one ID, in the order of names and offsets,
// only the last counts.
type Blob struct {
	ID      uint64
	Offset  int64 // in bytes
	Damaged bool
}

// ReadBlobs calls each with each blob of a file. Unless all of it is to be read,
// what the file's list tells is believed.
func (v *View) ReadBlobs(name string, all bool, each func(Blob)) error {
	f, err := v.dir.open(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s := &segment{dir: v.dir, file: f, size: info.Size()}
	list, ok := s.list()
	if !ok {
		s.scan(func(e entry, ok bool) { each(Blob{e.short, int64(e.offset), !ok}) })
		return nil
	}
	for _, e := range list {
		b := Blob{ID: e.short, Offset: int64(e.offset)}
		if all {
			_, key, err := s.read(b.Offset, e.length)
			if err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
			b.Damaged = err != nil || key.short() != e.short
		}
		each(b)
	}
	return nil
}

// Clear removes what a Dir has put into a directory, and the directory, unless
// other things are in it: left are their names. It follows no symbolic links.
// ErrNotCache: no Dir has made it. ErrLocked: another process uses it.
func Clear(path string) (left []string, err error) {
	v, err := Look(path)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if _, err := private(path); err != nil {
		return nil, err
	}
	if err := v.dir.acquire(); err != nil {
		return nil, err
	}
	defer v.dir.lock.Close()
	entries, err := fs.ReadDir(v.dir.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	ours := []string{logSuffix, blobSuffix, noteSuffix, newSuffix}
	for _, e := range entries {
		is := slices.ContainsFunc(ours, func(suffix string) bool { return strings.HasSuffix(e.Name(), suffix) })
		switch {
		case e.Name() == lockName:
		case !is && e.IsDir() && v.dir.root.Remove(e.Name()) == nil: // an empty one, of what could not be stored
		case !is || e.IsDir():
			left = append(left, e.Name())
		default:
			if err := v.dir.root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return left, err
			}
		}
	}
	// The lock goes last, and while it is held: who waits for it sees that.
	if err := v.dir.root.Remove(lockName); err != nil {
		return left, err
	}
	if len(left) > 0 {
		return left, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
		return nil, err
	}
	return nil, nil
}
