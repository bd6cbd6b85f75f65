package cache

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/ristretto/v2"
)

// memory keeps decoded bytes under a bound in bytes. It may drop anything at
// any time, and forget a set altogether: nothing depends on an entry being
// there. It is safe for concurrent use.
type memory struct {
	blocks *ristretto.Cache[[]byte, []byte]
	// newest are those of a moment ago: ristretto takes its time, or does not
	// take them at all, and whose size was asked for is likely to be read.
	newest lru[blockKey, []byte]
}

// newestPart is what part of all the newest may be.
const newestPart = 16

// blockKey names decoded bytes: block number block of a file, or all of it.
type blockKey struct {
	box   uint64
	file  File
	block int64
}

// wholeFile is the block number of content that is kept in one piece.
const wholeFile = -1

func (k *blockKey) bytes() []byte {
	b := make([]byte, 0, 8+4+4+1+8)
	b = binary.LittleEndian.AppendUint64(b, k.box)
	b = binary.LittleEndian.AppendUint32(b, k.file.UID)
	b = binary.LittleEndian.AppendUint32(b, uint32(k.file.Part))
	b = append(b, byte(k.file.Kind))
	return binary.LittleEndian.AppendUint64(b, uint64(k.block))
}

// newMemory makes a memory for size bytes.
func newMemory(size int64) (*memory, error) {
	const meanBlock = 8 << 10 // most files of a message are small text
	blocks, err := ristretto.NewCache(&ristretto.Config[[]byte, []byte]{
		// ristretto wants ten counters for each entry that is expected.
		NumCounters:        max(10*size/meanBlock, 1000),
		MaxCost:            size,
		BufferItems:        64,
		IgnoreInternalCost: false,
	})
	if err != nil {
		return nil, fmt.Errorf("memory cache of %d bytes: %w", size, err)
	}
	m := &memory{blocks: blocks}
	m.newest.limit = size / newestPart
	return m, nil
}

func (m *memory) get(k blockKey) ([]byte, bool) {
	if data, ok := m.newest.get(k); ok {
		return data, true
	}
	return m.blocks.Get(k.bytes())
}

func (m *memory) set(k blockKey, data []byte) {
	m.newest.set(k, data, int64(cap(data)))
	m.blocks.Set(k.bytes(), data, int64(cap(data)))
}

func (m *memory) close() { m.blocks.Close() }
