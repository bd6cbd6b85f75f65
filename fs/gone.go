package fs

import (
	"maps"
	"slices"

	"imapfs/cache"
)

// hide keeps a message from being listed that is about to go.
func (f *FS) hide(m message) {
	s := &f.drafts
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	if s.gone == nil {
		s.gone = make(map[message]bool)
	}
	s.gone[m] = true
	s.goners.Store(int32(len(s.gone)))
}

func (f *FS) unhide(m message) {
	s := &f.drafts
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	delete(s.gone, m)
	s.goners.Store(int32(len(s.gone)))
}

// hidden reports whether a message is about to go.
func (f *FS) hidden(m message) bool {
	s := &f.drafts
	if s.goners.Load() == 0 {
		return false
	}
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	return s.gone[m]
}

// forgetGone forgets what has gone from a mailbox, and what it was called.
func (f *FS) forgetGone(box *cache.Box, gone []*cache.Message) {
	l, _ := box.Known()
	for _, m := range gone {
		for _, as := range []cache.Naming{cache.AsFile, cache.AsDirectory} {
			box.SetName(l.Validity, as, m.UID, "")
		}
	}
	s := &f.drafts
	if s.goners.Load() == 0 {
		return
	}
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	maps.DeleteFunc(s.gone, func(m message, _ bool) bool {
		_, there := slices.BinarySearch(l.UIDs, m.uid)
		return m.box == box && !there
	})
	s.goners.Store(int32(len(s.gone)))
}
