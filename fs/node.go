package fs

import (
	"syscall"

	"imapfs/cache"
)

// node is what a node id stands for.
type node struct {
	view  view
	kind  kind
	place *place // nil for the root and in the control directory
	uid   uint32
	part  int32 // cache.Outer, or an index in the message's part table
}

// view is one of the trees in a mount. All show the same mail, but the kernel
// allows a directory only one place, so each has nodes of its own.
type view uint8

const (
	viewRoot  view = iota // the root, in the layout of the mount
	viewParts             // .imapfs/parts
	viewEML               // .imapfs/eml
)

// kind is what a node shows.
type kind uint8

const (
	kindTop         kind = iota // the root of a view
	kindControl                 // .imapfs
	kindMailbox                 // a mailbox, or a level of hierarchy above some
	kindMessage                 // a directory: a message, or an enclosed one
	kindEML                     // a file: message.eml
	kindHeader                  // a file: header.txt
	kindPart                    // a file: a leaf part
	kindControlFile             // a file in .imapfs; part is its index
	kindWarm                    // fills the cache while it is open (warm.go)
	kindDraft                   // a file that is being written (draft.go); uid is its number
)

func (n node) dir() bool { return n.kind <= kindMessage }

func (n node) mode() uint32 {
	if n.dir() {
		return syscall.S_IFDIR
	}
	return syscall.S_IFREG
}

// file is what of the message the node shows.
func (n node) file() cache.File {
	k := cache.Body
	switch n.kind {
	case kindEML:
		k = cache.Whole
	case kindHeader:
		k = cache.Header
	}
	return cache.File{UID: n.uid, Part: n.part, Kind: k}
}

// A packed node id, from the highest bit: place 16, UID 32, part 10, view 2,
// kind 4. Place numbers begin at 1, so the ids below 1<<48 are free for what
// belongs to no place; the highest is dynamic, so ^0 stays free.
const (
	idRoot    = 1 // fuse.FUSE_ROOT_ID
	idControl = 2
	idViews   = 16 // and up: the tops of the views below .imapfs
	idFiles   = 32 // and up: the files there

	placeShift, uidShift, partShift, viewShift = 48, 16, 6, 4

	lastPlace  = 1<<16 - 2
	dynamicIDs = uint64(1<<16-1) << placeShift
	packedPart = 1<<10 - 2 // the last part index that fits; 0 is cache.Outer
)

// pack returns n's node id, or false if n does not fit into one.
func (n node) pack() (uint64, bool) {
	switch {
	case n.kind == kindTop && n.view == viewRoot:
		return idRoot, true
	case n.kind == kindTop:
		return idViews + uint64(n.view), true
	case n.kind == kindControl:
		return idControl, true
	case n.kind == kindControlFile:
		return idFiles + uint64(n.part), true
	case n.place.number == 0 || n.part > packedPart || n.kind == kindDraft: // the last are counted
		return 0, false
	}
	return uint64(n.place.number)<<placeShift | uint64(n.uid)<<uidShift |
		uint64(n.part+1)<<partShift | uint64(n.view)<<viewShift | uint64(n.kind), true
}

// unpack is the inverse of pack, given the place with a number.
func unpack(id uint64, placeAt func(uint16) *place) (node, bool) {
	switch {
	case id == idRoot:
		return node{kind: kindTop}, true
	case id == idControl:
		return node{kind: kindControl}, true
	case id>>placeShift == 0 && id >= idFiles:
		return node{kind: kindControlFile, part: int32(id - idFiles)}, true
	case id>>placeShift == 0:
		return node{kind: kindTop, view: view(id - idViews)}, true
	}
	n := node{
		view:  view(id >> viewShift & 3),
		kind:  kind(id & 15),
		place: placeAt(uint16(id >> placeShift)),
		uid:   uint32(id >> uidShift),
		part:  int32(id>>partShift&(1<<10-1)) - 1,
	}
	return n, n.place != nil
}
