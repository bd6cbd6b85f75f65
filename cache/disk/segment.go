package disk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// segment is a file of blobs: the length of each (4 bytes), the checksum of its
// key and bytes (8), its key and its bytes. A complete one ends with the entries
// of all, their checksum, their number and segmentEnd. Only the goroutine that
// writes changes a segment; others read blobs that are in it already.
type segment struct {
	dir    *Dir
	number uint32
	file   *os.File
	size   int64

	writable bool
	entries  []entry // if writable
	buffer   []byte  // of append, if writable
}

// entry is what the list at a segment's end holds of a blob.
type entry struct {
	short          uint64 // the first bytes of its key
	offset, length uint32
}

const (
	entrySize  = 8 + 4 + 4
	segmentEnd = "imapfs\x00B"
	endSize    = 8 + 4 + len(segmentEnd)
)

func (s *segment) name() string { return fmt.Sprintf("%08x%s", s.number, blobSuffix) }

// segmentNumber is the number in the name of a segment.
func segmentNumber(name string) (number uint32, ok bool) {
	n, err := strconv.ParseUint(strings.TrimSuffix(name, blobSuffix), 16, 32)
	s := segment{number: uint32(n)}
	return s.number, err == nil && s.name() == name
}

func (s *segment) open() (err error) {
	if s.file, err = s.dir.open(s.name(), os.O_RDWR); err != nil {
		return err
	}
	info, err := s.file.Stat()
	if err == nil {
		s.size = info.Size()
	}
	return err
}

func (s *segment) create() (err error) {
	s.writable = true
	s.file, err = s.dir.open(s.name(), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	return err
}

func (s *segment) remove() {
	s.file.Close()
	s.dir.root.Remove(s.name())
}

// keptBuffer is how large a buffer is kept for what is written next.
const keptBuffer = 256 << 10

// append adds a blob at the end.
func (s *segment) append(one blob) (entry, error) {
	record := slices.Grow(s.buffer[:0], blobHead+len(one.data))
	if cap(record) <= keptBuffer {
		s.buffer = record
	}
	record = binary.LittleEndian.AppendUint32(record, uint32(len(one.data)))
	record = binary.LittleEndian.AppendUint64(record, blobSum(one.key, one.data))
	record = append(record, one.key[:]...)
	record = append(record, one.data...)
	if _, err := s.file.WriteAt(record, s.size); err != nil {
		s.file.Truncate(s.size)
		return entry{}, err
	}
	e := entry{one.key.short(), uint32(s.size), uint32(len(one.data))}
	s.entries = append(s.entries, e)
	s.size += int64(len(record))
	return e, nil
}

// read returns the blob at an offset. ErrDamaged: it is not what was written.
func (s *segment) read(offset int64, length uint32) (data []byte, key Key, err error) {
	record := make([]byte, blobHead+int(length))
	if n, err := s.file.ReadAt(record, offset); err == io.EOF {
		return nil, key, fmt.Errorf("%s: %d of %d bytes at %d: %w", s.name(), n, len(record), offset, ErrDamaged)
	} else if err != nil {
		return nil, key, err
	}
	data = record[blobHead:]
	copy(key[:], record[12:])
	if binary.LittleEndian.Uint32(record) != length || binary.LittleEndian.Uint64(record[4:]) != blobSum(key, data) {
		return nil, key, fmt.Errorf("%s: blob at %d: %w", s.name(), offset, ErrDamaged)
	}
	return data, key, nil
}

func blobSum(key Key, data []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	d.Write(key[:])
	d.Write(data)
	return d.Sum64()
}

// contents returns what is in the segment: from the list at its end, or, where
// it has none, by looking at each blob.
func (s *segment) contents() []entry {
	if s.writable {
		return s.entries
	}
	if list, ok := s.list(); ok {
		return list
	}
	var entries []entry
	s.scan(func(e entry, ok bool) {
		if ok {
			entries = append(entries, e)
		}
	})
	return entries
}

// scan looks at each blob, until where the bytes cannot be one.
func (s *segment) scan(each func(e entry, ok bool)) {
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 256<<10)
	var data []byte
	for at := int64(0); at < s.size; {
		var head [blobHead]byte
		_, err := io.ReadFull(r, head[:])
		length := binary.LittleEndian.Uint32(head[:])
		key := Key(head[12:])
		e := entry{key.short(), uint32(at), length}
		if err == nil && int64(length) <= s.size-at-int64(blobHead) {
			data = slices.Grow(data[:0], int(length))[:length]
			_, err = io.ReadFull(r, data)
		} else {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			each(e, false)
			return
		}
		each(e, binary.LittleEndian.Uint64(head[4:]) == blobSum(key, data))
		at += int64(blobHead) + int64(length)
	}
}

// list reads the entries at the segment's end.
func (s *segment) list() ([]entry, bool) {
	var end [endSize]byte
	if s.size < int64(endSize) {
		return nil, false
	}
	if _, err := s.file.ReadAt(end[:], s.size-int64(endSize)); err != nil || string(end[12:]) != segmentEnd {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(end[8:]))
	if n*entrySize > s.size-int64(endSize) {
		return nil, false
	}
	list := make([]byte, n*entrySize)
	if _, err := s.file.ReadAt(list, s.size-int64(endSize)-int64(len(list))); err != nil || xxhash.Sum64(list) != binary.LittleEndian.Uint64(end[:]) {
		return nil, false
	}
	entries := make([]entry, n)
	for i := range entries {
		one := list[i*entrySize:]
		e := entry{binary.LittleEndian.Uint64(one), binary.LittleEndian.Uint32(one[8:]), binary.LittleEndian.Uint32(one[12:])}
		if int64(e.offset)+int64(blobHead)+int64(e.length) > s.size {
			return nil, false
		}
		entries[i] = e
	}
	return entries, true
}

// seal completes the segment. Where that fails, it is read blob by blob.
func (s *segment) seal() {
	if !s.writable {
		return
	}
	list := make([]byte, 0, len(s.entries)*entrySize+endSize)
	for _, e := range s.entries {
		list = binary.LittleEndian.AppendUint64(list, e.short)
		list = binary.LittleEndian.AppendUint32(list, e.offset)
		list = binary.LittleEndian.AppendUint32(list, e.length)
	}
	list = binary.LittleEndian.AppendUint64(list, xxhash.Sum64(list))
	list = binary.LittleEndian.AppendUint32(list, uint32(len(s.entries)))
	list = append(list, segmentEnd...)
	if n, err := s.file.WriteAt(list, s.size); err == nil {
		s.size += int64(n)
	} else {
		s.file.Truncate(s.size)
	}
	s.writable, s.entries, s.buffer = false, nil, nil
}

// reopen makes a segment with these entries writable again.
func (s *segment) reopen(entries []entry) {
	s.size = 0
	if n := len(entries); n > 0 {
		s.size = int64(entries[n-1].offset) + int64(blobHead) + int64(entries[n-1].length)
	}
	if s.file.Truncate(s.size) == nil {
		s.writable, s.entries = true, entries
	}
}
