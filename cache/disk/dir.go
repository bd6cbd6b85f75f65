package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrLocked: another process uses the directory.
var ErrLocked = errors.New("is in use by another process")

const (
	lockName = "lock"
	// newSuffix is what a file is called until it takes another's place.
	newSuffix = ".new"

	dirMode  = 0o700
	fileMode = 0o600

	// lockWait is how long another process gets to end.
	lockWait = time.Second
)

// Dir is a directory that this process alone writes to. It is safe for
// concurrent use.
type Dir struct {
	path string
	root *os.Root
	lock *os.File
	log  *slog.Logger

	stop  chan struct{}
	dirty chan struct{} // there is something in queue; room for one
	tasks sync.WaitGroup

	mu       sync.Mutex
	queue    map[*Log]struct{} // guarded by mu; those with frames to be written
	failures map[string]error  // guarded by mu; of what could not be written last, why
	blobs    *Blobs            // guarded by mu
}

// Open makes the directory, if need be, and locks it until Close. It refuses
// one that belongs to somebody else, or that others may write to: what is in it
// is believed. ErrLocked: another process has it.
func Open(path string, log *slog.Logger) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	info, err := private(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(info, opened) {
		root.Close()
		return nil, fmt.Errorf("cache directory %s: was replaced by another", path)
	}
	d := &Dir{
		path: path, root: root, log: log,
		stop: make(chan struct{}), dirty: make(chan struct{}, 1), queue: make(map[*Log]struct{}), failures: make(map[string]error),
	}
	if err := d.acquire(); err != nil {
		root.Close()
		return nil, err
	}
	d.sweep()
	d.tasks.Go(d.write)
	return d, nil
}

// private reports why a directory is not to be trusted. That others may read it
// is changed.
func private(path string) (os.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return nil, fmt.Errorf("cache directory %s: is not a directory", path)
	case ok && int(stat.Uid) != os.Geteuid():
		return nil, fmt.Errorf("cache directory %s: belongs to another user; choose one with --cache-dir", path)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("cache directory %s: others may write to it; chmod 700 it, or choose one with --cache-dir", path)
	case info.Mode().Perm() != dirMode:
		if err := os.Chmod(path, dirMode); err != nil {
			return nil, fmt.Errorf("cache directory: %w", err)
		}
	}
	return info, nil
}

func (d *Dir) acquire() error {
	var err error
	// Whoever has just been unmounted may still be writing.
	for end := time.Now().Add(lockWait); ; time.Sleep(lockWait / 50) {
		if d.lock, err = d.tryLock(); err == nil {
			return nil
		}
		if !errors.Is(err, ErrLocked) || time.Now().After(end) {
			return fmt.Errorf("cache directory %s: %w", d.path, err)
		}
	}
}

func (d *Dir) tryLock() (*os.File, error) {
	lock, err := d.open(lockName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || err == nil && !d.still(lock) {
		err = ErrLocked // or Clear has just removed it
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// still reports whether a file that is open is the lock.
func (d *Dir) still(lock *os.File) bool {
	now, err := d.root.Lstat(lockName)
	if err != nil {
		return false
	}
	info, err := lock.Stat()
	return err == nil && os.SameFile(now, info)
}

// sweep removes files that never took their place.
func (d *Dir) sweep() {
	names, _ := d.names(newSuffix)
	for _, name := range names {
		d.root.Remove(name)
	}
}

// open opens a file of the directory itself: never what a symbolic link in it
// points to, and never with more permissions than it should have.
func (d *Dir) open(name string, flags int) (*os.File, error) {
	f, err := d.root.OpenFile(name, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: is not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Path is the directory's path.
func (d *Dir) Path() string { return d.path }

// Names lists the names of the logs there are.
func (d *Dir) Names() []string {
	names, _ := d.names(logSuffix)
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, logSuffix)
	}
	return names
}

func (d *Dir) names(suffix string) ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Status is what a Dir can tell about itself.
type Status struct {
	Path string
	// Index is what the logs take of the disk, in bytes.
	Index int64
	// Bodies is what the blobs take of it, and BodiesLimit what they may.
	Bodies, BodiesLimit int64
	// Err is why something could not be written, nil if all was.
	Err error
}

// Status tells how the directory stands.
func (d *Dir) Status() Status {
	d.mu.Lock()
	s := Status{Path: d.path}
	for _, err := range d.failures {
		s.Err = err
	}
	blobs := d.blobs
	d.mu.Unlock()
	names, _ := d.names(logSuffix)
	for _, name := range names {
		if info, err := d.root.Lstat(name); err == nil {
			s.Index += info.Size()
		}
	}
	if blobs != nil {
		s.Bodies, s.BodiesLimit = blobs.usage()
	}
	return s
}

// note remembers how writing something went, and tells the log of news.
func (d *Dir) note(what string, err error) {
	d.mu.Lock()
	was := d.failures[what]
	delete(d.failures, what)
	if err != nil {
		d.failures[what] = err
	}
	d.mu.Unlock()
	switch {
	case err != nil && was == nil:
		d.log.Warn("the cache on disk cannot be written to; going on without what is new", "what", what, "error", err)
	case err == nil && was != nil:
		d.log.Info("the cache on disk can be written to again", "what", what)
	}
}

// retryWrite is the pause after a write that failed.
const retryWrite = 20 * time.Second

// write writes what is appended to logs, until stop.
func (d *Dir) write() {
	var retry <-chan time.Time
	for {
		select {
		case <-d.dirty:
			if retry != nil {
				continue // the disk gets a moment
			}
		case <-retry:
		case <-d.stop:
			return
		}
		retry = nil
		if err := d.flush(); err != nil {
			retry = time.After(retryWrite)
		}
	}
}

// flush writes what has been appended to all logs.
func (d *Dir) flush() error {
	d.mu.Lock()
	queue := d.queue
	d.queue = make(map[*Log]struct{})
	d.mu.Unlock()
	var failed error
	for l := range queue {
		if err := l.flush(); err != nil {
			failed = err
			d.enqueue(l)
		}
	}
	if len(queue) > 0 {
		d.note("index", failed)
	}
	return failed
}

func (d *Dir) enqueue(l *Log) {
	d.mu.Lock()
	d.queue[l] = struct{}{}
	d.mu.Unlock()
}

func (d *Dir) wake() {
	select {
	case d.dirty <- struct{}{}:
	default:
	}
}

// Close writes what has not been written yet, and unlocks the directory.
func (d *Dir) Close() error {
	d.mu.Lock()
	blobs := d.blobs
	d.mu.Unlock()
	if blobs != nil {
		blobs.close()
	}
	close(d.stop)
	d.tasks.Wait()
	err := d.flush()
	d.sync()
	d.lock.Close()
	d.root.Close()
	return err
}

// sync makes the names of files last.
func (d *Dir) sync() {
	if f, err := d.root.Open("."); err == nil {
		f.Sync()
		f.Close()
	}
}

// Settle waits until all that was appended and put has been written, or cannot
// be.
func (d *Dir) Settle() {
	d.flush()
	d.mu.Lock()
	blobs := d.blobs
	d.mu.Unlock()
	if blobs != nil {
		blobs.Settle()
	}
}
