package disk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// Log is frames of bytes, of which none is changed once it has been appended.
// What is appended is in memory until it has been written, and for good where
// there is no directory or the disk takes nothing. It is safe for concurrent
// use.
//
// The file begins with magic and a number that distinguishes it from every
// other file. A frame is its length (4 bytes), the checksum of that number, the
// frame's offset and its bytes (8 bytes), and the bytes: a frame of another file,
// or one that has strayed within its own, is none.
type Log struct {
	dir  *Dir // nil: memory only
	name string
	seed uint64

	writing sync.Mutex // held while the file is written to, or replaced

	mu     sync.RWMutex
	file   string        // guarded by mu; the file's name
	base   int64         // guarded by mu; how much is in the file
	end    int64         // guarded by mu; where the next frame goes
	tail   []memoryFrame // guarded by mu; what is not in the file yet
	closed bool          // guarded by mu; nothing is to be written any more
	fresh  bool          // guarded by mu; something has been written since Sync
}

type memoryFrame struct {
	at   int64
	data []byte // with its head
}

// Pos is where a frame is.
type Pos struct {
	Offset int64
	Length uint32 // of its bytes
}

const (
	logSuffix = ".log"
	magic     = "imapfs\x00L"
	headSize  = len(magic) + 8
	frameHead = 4 + 8
	// MaxFrame bounds a frame, in bytes.
	MaxFrame = 64 << 20
)

// ErrDamaged: what the disk holds is not what was written.
var ErrDamaged = errors.New("damaged")

// errFormat: the file is no log.
var errFormat = errors.New("is not a log")

func newLog(dir *Dir, name string) *Log {
	return &Log{dir: dir, name: name, file: name + logSuffix, seed: rand.Uint64(), end: int64(headSize)}
}

// NewLog makes an empty Log, in place of that of this name if there is one. That
// of a nil Dir is in memory only.
func (d *Dir) NewLog(name string) *Log {
	if d != nil {
		d.Remove(name)
	}
	return newLog(d, name)
}

// OpenLog opens a Log, and calls replay with each of its frames in order. Where
// replay fails, and where a frame is not whole, the log ends. The bytes must
// not be kept. ok is false if
// there is no such log, or none that can be read.
func (d *Dir) OpenLog(name string, replay func(Pos, []byte) error) (l *Log, ok bool) {
	l = newLog(d, name)
	if d == nil {
		return l, false
	}
	f, err := d.open(name+logSuffix, os.O_RDONLY)
	if err != nil {
		d.Remove(name)
		return l, false
	}
	defer f.Close()
	err = l.replay(f, replay)
	switch {
	case errors.Is(err, errFormat):
		d.Remove(name)
		return newLog(d, name), false
	case err != nil:
		d.log.Warn("the cache is damaged; what is missing will be fetched again", "file", name+logSuffix, "at", l.end, "error", err)
	}
	l.base = l.end
	return l, true
}

// replay reads the file up to the first frame that is not whole.
func (l *Log) replay(f *os.File, replay func(Pos, []byte) error) error {
	r := bufio.NewReaderSize(f, 256<<10)
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:len(magic)]) != magic {
		return errFormat
	}
	l.seed = binary.LittleEndian.Uint64(head[len(magic):])
	var data []byte
	for {
		var frame [frameHead]byte
		switch _, err := io.ReadFull(r, frame[:]); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("frame: %w", err)
		}
		length := binary.LittleEndian.Uint32(frame[:])
		if length > MaxFrame {
			return fmt.Errorf("frame: %w", ErrDamaged)
		}
		// A length that is wrong must not take memory for what is not there.
		if info, err := f.Stat(); int(length) > cap(data) && (err != nil || int64(length) > info.Size()-l.end) {
			return fmt.Errorf("frame: %w", io.ErrUnexpectedEOF)
		}
		data = slices.Grow(data[:0], int(length))[:length]
		if _, err := io.ReadFull(r, data); err != nil {
			return fmt.Errorf("frame: %w", err)
		}
		if l.sum(l.end, data) != binary.LittleEndian.Uint64(frame[4:]) {
			return fmt.Errorf("frame: %w", ErrDamaged)
		}
		if err := replay(Pos{l.end, length}, data); err != nil {
			return err
		}
		l.end += int64(frameHead) + int64(length)
	}
}

func (l *Log) sum(at int64, data []byte) uint64 {
	d := xxhash.NewWithSeed(l.seed ^ uint64(at)*0x9e3779b97f4a7c15)
	d.Write(data)
	return d.Sum64()
}

// Append adds a frame of at most MaxFrame bytes, and returns where it is. It
// does not wait for the disk. data must not be changed afterwards.
func (l *Log) Append(data []byte) Pos {
	l.mu.Lock()
	at := l.end
	frame := make([]byte, 0, frameHead+len(data))
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(data)))
	frame = binary.LittleEndian.AppendUint64(frame, l.sum(at, data))
	frame = append(frame, data...)
	l.tail = append(l.tail, memoryFrame{at, frame})
	l.end += int64(len(frame))
	l.mu.Unlock()
	if l.dir != nil {
		l.dir.enqueue(l)
		l.dir.wake()
	}
	return Pos{at, uint32(len(data))}
}

// Read returns the bytes of a frame, which must not be changed. ErrDamaged: they
// are not what was appended.
func (l *Log) Read(p Pos) ([]byte, error) {
	l.mu.RLock()
	i, inMemory := slices.BinarySearchFunc(l.tail, p.Offset, func(f memoryFrame, at int64) int { return int(f.at - at) })
	if inMemory {
		data := l.tail[i].data[frameHead:]
		l.mu.RUnlock()
		return data, nil
	}
	file := l.file
	l.mu.RUnlock()
	if l.dir == nil {
		return nil, fmt.Errorf("frame at %d: %w", p.Offset, ErrDamaged)
	}
	f, err := l.dir.open(file, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	frame := make([]byte, frameHead+int(p.Length))
	if _, err := f.ReadAt(frame, p.Offset); err != nil {
		return nil, fmt.Errorf("%s, frame at %d: %w: %w", l.name, p.Offset, ErrDamaged, err)
	}
	data := frame[frameHead:]
	if binary.LittleEndian.Uint32(frame) != p.Length || binary.LittleEndian.Uint64(frame[4:]) != l.sum(p.Offset, data) {
		return nil, fmt.Errorf("%s, frame at %d: %w", l.name, p.Offset, ErrDamaged)
	}
	return data, nil
}

// Size is what the log takes, in bytes.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.end
}

// flush writes what has been appended.
func (l *Log) flush() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.flushLocked()
}

// flushLocked is flush; writing is held.
func (l *Log) flushLocked() error {
	l.mu.RLock()
	name, base, tail, closed := l.file, l.base, l.tail, l.closed
	l.mu.RUnlock()
	if closed || len(tail) == 0 {
		return nil
	}
	f, err := l.dir.open(name, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	if base == 0 { // a new file, or one in whose place it is
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt(binary.LittleEndian.AppendUint64([]byte(magic), l.seed), 0)
		}
		base = int64(headSize)
	} else if info, e := f.Stat(); e != nil || info.Size() < base {
		// Somebody has taken away what is believed to be there.
		return fmt.Errorf("%s: %w", name, ErrDamaged)
	} else if info.Size() > base { // what a write left that failed, or a damaged end
		err = f.Truncate(base)
	}
	if err != nil {
		return err
	}
	for len(tail) > 0 {
		// Some at once, so that memory is freed while a lot is being written.
		n, size := 0, 0
		for n < len(tail) && size < 1<<20 {
			size += len(tail[n].data)
			n++
		}
		buf := make([]byte, 0, size)
		for _, frame := range tail[:n] {
			buf = append(buf, frame.data...)
		}
		if _, err := f.WriteAt(buf, base); err != nil {
			f.Truncate(base) // what others read ends with a frame
			return err
		}
		tail, base = tail[n:], base+int64(size)
		l.mu.Lock()
		l.base, l.tail, l.fresh = base, slices.Clone(l.tail[n:]), true
		l.mu.Unlock()
	}
	return nil
}

// Rewrite makes an empty Log that is to take l's place, with Replace.
func (l *Log) Rewrite() *Log {
	next := newLog(l.dir, l.name)
	next.file = l.name + newSuffix
	return next
}

// Replace writes next, made by Rewrite, to the disk and puts it in the place of
// l, from which nothing may be read afterwards. Where the disk does not take it,
// l stays what it is.
func (l *Log) Replace(next *Log) error {
	if l.dir == nil {
		return nil
	}
	err := next.Sync()
	l.writing.Lock()
	defer l.writing.Unlock()
	next.writing.Lock()
	defer next.writing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	next.mu.Lock()
	defer next.mu.Unlock()
	if err == nil && !l.closed {
		err = l.dir.root.Rename(next.file, l.file)
	}
	if err != nil || l.closed {
		next.closed = true
		l.dir.root.Remove(next.file)
		return err
	}
	l.closed, next.file = true, l.file
	return nil
}

// Sync writes what has not been written yet, and syncs it to the disk.
func (l *Log) Sync() error {
	if l.dir == nil {
		return nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	l.mu.Lock()
	file, needed := l.file, l.fresh && !l.closed
	l.fresh = false
	l.mu.Unlock()
	if !needed {
		return nil
	}
	return l.dir.syncFile(file)
}

// syncFile makes what a file holds last.
func (d *Dir) syncFile(name string) error {
	f, err := d.open(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Close is Sync, after which nothing more is written.
func (l *Log) Close() error {
	err := l.Sync()
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return err
}

// Discard removes the log from the disk. What is in memory can still be read.
func (l *Log) Discard() {
	if l.dir == nil {
		return
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	closed, file := l.closed, l.file
	l.closed = true
	l.mu.Unlock()
	if !closed {
		l.dir.root.Remove(file)
	}
}

// Remove removes the log of this name, if there is one that nobody has open.
func (d *Dir) Remove(name string) { d.root.Remove(name + logSuffix) }
