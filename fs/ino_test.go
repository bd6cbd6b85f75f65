package fs

import (
	"slices"
	"testing"

	"imapfs/cache"
)

// inoNodes are nodes of two mailboxes in all views, those of one directory in the
// order in which it lists them.
func inoNodes(f *FS) (dirs [][]node) {
	for _, key := range []string{"INBOX", "INBOX/a"} {
		p := &place{key: key}
		for _, v := range allViews {
			kind := kindMessage
			if f.layout(v) == LayoutEML {
				kind = kindEML
			}
			var messages []node
			for _, uid := range []uint32{1<<32 - 1, 1 << 31, 1<<31 - 1, 4711, 2, 1} {
				messages = append(messages, node{v, kind, p, uid, cache.Outer})
				if kind == kindEML {
					continue
				}
				dirs = append(dirs, []node{
					{v, kindHeader, p, uid, cache.Outer},
					{v, kindEML, p, uid, cache.Outer},
					{v, kindPart, p, uid, 0},
					{v, kindMessage, p, uid, 1}, // with parts 2 and 3
					{v, kindPart, p, uid, 4},
					{v, kindEML, p, uid, 5}, // enclosed too deeply for a directory
					{v, kindPart, p, uid, packedPart},
				}, []node{
					{v, kindHeader, p, uid, 1},
					{v, kindEML, p, uid, 1},
					{v, kindPart, p, uid, 2},
					{v, kindPart, p, uid, 3},
				})
			}
			dirs = append(dirs, messages, []node{{v, kindMailbox, p, 0, cache.Outer}})
		}
	}
	return dirs
}

// TestInoOrder: inode numbers go up as a directory lists, none is there twice or
// is one of those with a meaning, and another mount has the same.
func TestInoOrder(t *testing.T) {
	for _, layout := range []Layout{LayoutParts, LayoutEML} {
		f := &FS{opts: Options{Account: "imap://alice@example.org", Layout: layout}}
		seen := map[uint64]node{1: {}}
		for _, dir := range inoNodes(f) {
			var inos []uint64
			for _, n := range dir {
				ino := f.ino(n, "")
				if was, ok := seen[ino]; ok || ino == 0 {
					t.Errorf("%s: %+v has the inode number %d of %+v", layout, n, ino, was)
				}
				seen[ino] = n
				inos = append(inos, ino)
			}
			if !slices.IsSorted(inos) {
				t.Errorf("%s: inode numbers of %+v do not go up: %d", layout, dir, inos)
			}
		}
	}
}

// TestInoStable: whoever remembers inode numbers, as incremental backups do,
// would read everything again if they changed.
func TestInoStable(t *testing.T) {
	f := &FS{opts: Options{Account: "imap://alice@example.org", Layout: LayoutParts}}
	p := &place{key: "INBOX"}
	for _, one := range []struct {
		n       node
		section string
		want    uint64
	}{
		{node{kind: kindTop}, "", 1},
		{node{viewRoot, kindMailbox, p, 0, cache.Outer}, "", 0x65177ab8b1bdab44},
		{node{viewRoot, kindMessage, p, 4711, cache.Outer}, "", 0xfe70c91affffed98},
		{node{viewEML, kindEML, p, 4711, cache.Outer}, "", 0xe5df2850ffffed98},
		{node{viewRoot, kindHeader, p, 4711, cache.Outer}, "", 0x179c92ba6805a001},
		{node{viewRoot, kindPart, p, 4711, 2}, "1.3", 0x179c92ba6805a00e},
		{node{viewRoot, kindPart, p, 4711, 2000}, "1.3", 0x72dc747a246fdd0f},
	} {
		if got := f.ino(one.n, one.section); got != one.want {
			t.Errorf("inode number of %+v is %#x, was %#x", one.n, got, one.want)
		}
	}
}
