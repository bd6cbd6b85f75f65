package fs

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"imapfs/cache"
)

// Inode numbers are the same at every mount, and go up in the order in which
// messages, and the parts of one, are listed. For cp -r sorts what it finds by
// them, as do grep -r, find and du in a directory of more than 10,000 (gnulib's
// fts), to save the head of a disk from jumping. With random numbers they would go
// through a large mailbox in random order: nothing could be fetched ahead of them,
// and what was read for one message would be of no use for the next.
//
//	1 | hash 31                        | ^UID 32         a message, in its mailbox
//	0 | hash 51              | part 10          | rank 2  what is in a message
//	0 | hash 63                                           everything else
//
// A message's hash is of view, mailbox and UIDVALIDITY. If two mailboxes have the
// same, messages with the same UID in both have the same number. With 100
// mailboxes, seen in all three views, that happens to one account in 50,000; with
// 1,000 of them, to one in 500. What is in messages has a number twice in one
// account of 100,000 in 500,000, in one of a million in 5,000.
//
// It would do little harm. A file's number matters to programs where there are
// several links to it (tar, rsync -H, du), and there is one. A directory's matters
// where it is compared with those that it is in, to find a circle: a message's has
// another first bit than any mailbox's, and those in one message differ.
const (
	inoMessage = 1 << 63
	inoDraft   = 1 << 62

	inoRankBits = 2
	inoLowBits  = 10 + inoRankBits
)

// inoRanks tells what shows the same part apart.
var inoRanks = [...]uint64{kindMessage: 0, kindHeader: 1, kindPart: 2, kindEML: 3}

// ino returns n's inode number, never 0, and 1 only for the root. section is the
// part's, "" for what is no part.
func (f *FS) ino(n node, section string) uint64 {
	switch {
	case n.kind == kindTop && n.view == viewRoot:
		return 1
	case n.kind == kindDraft: // for as long as it is one
		return inoDraft | uint64(n.uid)
	case f.isMessage(n):
		return inoMessage | f.hash(n, n.kind, 0, "")>>33<<32 | uint64(^n.uid)
	case n.uid != 0 && n.kind <= kindPart && n.part <= packedPart:
		high := max(f.hash(n, kindMessage, n.uid, "")>>(1+inoLowBits), 1)
		return high<<inoLowBits | uint64(n.part+1)<<inoRankBits | inoRanks[n.kind]
	}
	return max(f.hash(n, n.kind, n.uid, section)&^inoMessage, 2)
}

// isMessage reports whether n stands for a message in a mailbox's directory.
func (f *FS) isMessage(n node) bool {
	return n.uid != 0 && n.part == cache.Outer &&
		(n.kind == kindMessage || n.kind == kindEML && f.layout(n.view) == LayoutEML)
}

// hash is of what n is in, and of what else is given.
func (f *FS) hash(n node, kind kind, uid uint32, section string) uint64 {
	b := make([]byte, 0, 256)
	b = append(b, f.opts.Account...)
	b = append(b, 0, byte(n.view), byte(kind))
	if kind == kindControlFile {
		b = append(b, f.controls.files[n.part].Name...)
	}
	if n.place != nil {
		b = append(b, n.place.key...)
		b = append(b, 0)
		if n.uid != 0 {
			b = binary.BigEndian.AppendUint32(b, n.place.validity())
			b = binary.BigEndian.AppendUint32(b, uid)
			b = append(b, section...)
		}
	}
	return xxhash.Sum64(b)
}
