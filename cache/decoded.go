package cache

import (
	"sync/atomic"

	"imapfs/cache/disk"
)

// decoded keeps the messages that were made of their records last: a program that
// looks at a message's files asks for it several times for each. It is safe for
// concurrent use, and takes no lock.
type decoded struct {
	last [1 << 6]atomic.Pointer[decodedMessage] // few, since each holds its frame
	// large is one with so many parts that there is no room for many of them.
	large atomic.Pointer[decodedMessage]
}

// decodedKey names a message as it is at a time: with other flags, or described
// anew, it has another.
type decodedKey struct {
	log  *disk.Log
	at   int64
	slot int
	set  uint32 // of flags
}

type decodedMessage struct {
	key     decodedKey
	message *Message
}

// manyParts is beyond how many parts a message is large. One with fewer takes up
// to 16 KiB, besides its frame.
const manyParts = 64

// slot is where a message is kept if it is not large.
func (d *decoded) slot(k *decodedKey) *atomic.Pointer[decodedMessage] {
	return &d.last[uint64(k.at*31+int64(k.slot))%uint64(len(d.last))]
}

func (d *decoded) get(k decodedKey) *Message {
	for _, at := range []*atomic.Pointer[decodedMessage]{d.slot(&k), &d.large} {
		if one := at.Load(); one != nil && one.key == k {
			return one.message
		}
	}
	return nil
}

func (d *decoded) set(k decodedKey, m *Message) {
	at := d.slot(&k)
	if len(m.Parts) > manyParts {
		at = &d.large
	}
	at.Store(&decodedMessage{k, m})
}
