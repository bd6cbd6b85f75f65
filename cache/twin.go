package cache

import (
	"context"
	"crypto/sha256"
	"io"
	"time"
)

// twins finds messages of a mailbox by what they are like. It is of one listing.
type twins struct {
	uids []uint32 // of that listing
	of   map[twinKey][]uint32
}

type twinKey struct {
	size, date int64
}

// twin returns a message of the same octets and date, 0 if there is none.
func (b *Box) twin(ctx context.Context, w wire, date time.Time) (uint32, error) {
	l, err := b.Listing(ctx)
	if err != nil {
		return 0, err
	}
	for _, uid := range b.alike(l, twinKey{w.size, date.Unix()}) {
		r, err := b.Open(ctx, File{uid, Outer, Whole})
		if err != nil {
			return 0, err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, io.NewSectionReader(readerAt{ctx, r}, 0, r.Size()))
		r.Close()
		if err != nil {
			return 0, err
		}
		if [32]byte(hash.Sum(nil)) == w.sum {
			return uid, nil
		}
	}
	return 0, nil
}

// alike returns the messages of a listing with a size and a date.
func (b *Box) alike(l Listing, key twinKey) []uint32 {
	b.twinning.Lock()
	defer b.twinning.Unlock()
	if len(b.twins.uids) != len(l.UIDs) || len(l.UIDs) > 0 && &b.twins.uids[0] != &l.UIDs[0] {
		b.twins = twins{l.UIDs, make(map[twinKey][]uint32, len(l.UIDs))}
		for _, uid := range l.UIDs {
			if m := b.known(uid); m != nil {
				k := twinKey{m.Size, m.Date.Unix()}
				b.twins.of[k] = append(b.twins.of[k], uid)
			}
		}
	}
	return b.twins.of[key]
}
