package disk

import (
	"encoding/binary"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"
)

const (
	noteSuffix = ".note"
	// maxNote bounds a note, in bytes.
	maxNote = 64 << 10
)

// Note is a few bytes that are kept as a whole, in a file of their own: a checksum
// (8 bytes) and they. It is used by one goroutine at a time, until the Dir is
// closed.
type Note struct {
	dir  *Dir
	name string
}

// Note returns the note of a name, which has the form of a log's.
func (d *Dir) Note(name string) *Note { return &Note{d, name} }

// Read returns what was written last, nil if there is nothing or it is damaged.
func (n *Note) Read() []byte {
	f, err := n.dir.open(n.name+noteSuffix, os.O_RDONLY)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxNote))
	if err != nil || len(data) < 8 || binary.LittleEndian.Uint64(data) != xxhash.Sum64(data[8:]) {
		return nil
	}
	return data[8:]
}

// Write replaces it, so that a loss of power leaves the one or the other. What
// goes wrong is logged and in Status, as for logs.
func (n *Note) Write(data []byte) {
	name := n.name + noteSuffix
	n.dir.note(n.name, n.replace(name, append(binary.LittleEndian.AppendUint64(nil, xxhash.Sum64(data)), data...)))
}

func (n *Note) replace(name string, data []byte) error {
	f, err := n.dir.open(name+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = n.dir.root.Rename(name+newSuffix, name)
	}
	if err != nil {
		n.dir.root.Remove(name + newSuffix)
	}
	return err
}
