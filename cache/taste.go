package cache

import (
	"path"
	"slices"
	"strings"
)

// use is what somebody wants of a file.
type use uint8

const (
	useSize use = iota + 1
	useContent
)

// role is which of a message's files one is, in whatever message: its header, its
// text, its PDFs.
type role struct {
	kind     Kind
	enclosed bool   // in an enclosed message
	what     string // of a leaf part: the suffix of its name, else its media type
}

func (f File) role(m *Message) role {
	r := role{kind: f.Kind}
	if f.Part == Outer || int(f.Part) >= len(m.Parts) {
		return r
	}
	p := &m.Parts[f.Part]
	r.enclosed = p.Parent >= 0 || p.Message
	if f.Kind == Body {
		if r.what = strings.ToLower(path.Ext(p.Name)); !p.Named || r.what == "" {
			r.what = p.Type
		}
	}
	return r
}

// String names the role for people.
func (r role) String() string {
	name := map[Kind]string{Whole: "message.eml", Header: "header.txt"}[r.kind]
	switch {
	case r.kind == Body && strings.HasPrefix(r.what, "."):
		name = "*" + r.what
	case r.kind == Body:
		name = r.what
	}
	if r.enclosed {
		name = "*/" + name
	}
	return name
}

// filesOf returns the files of a message but for the message itself, in their
// order.
func filesOf(m *Message) []File {
	files := make([]File, 0, 1+len(m.Parts))
	files = append(files, File{m.UID, Outer, Header})
	for i := range m.Parts {
		f := File{m.UID, int32(i), Body}
		if m.Parts[i].Message {
			f.Kind = Header
		}
		files = append(files, f)
	}
	return files
}

// taste is what a walk uses of the messages that it goes through. It belongs to
// its walk.
type taste struct {
	roles map[role]*habit
	last  []*seenMessage // of which it is not clear yet what is used
	// whole counts, for each use, the messages of which all files were used so,
	// and partly those of which not all were.
	whole, partly [useContent + 1]int
}

// habit is what is done with files of one role.
type habit struct {
	use          use
	used, passed int // messages
}

// seenMessage is a message that the walk is in, or has been in a moment ago.
type seenMessage struct {
	uid  uint32
	used map[File]use
}

const (
	// openMessages is how many messages a walk may be in at once: some programs
	// have several threads.
	openMessages = 8
	// enoughWhole is how many messages must have been used as a whole before
	// files of a new role are believed to be wanted, too.
	enoughWhole = 2
	// maxRoles bounds the roles of a walk.
	maxRoles = 256
)

// note takes into account that a file of m is used. glance: for a listing only.
func (t *taste) note(m *Message, f File, how use, glance bool, message func(uid uint32) *Message) {
	i := slices.IndexFunc(t.last, func(s *seenMessage) bool { return s.uid == m.UID })
	if i < 0 {
		if len(t.last) == openMessages {
			if old := message(t.last[0].uid); old != nil {
				t.settle(old, t.last[0].used)
			}
			t.last = slices.Delete(t.last, 0, 1)
		}
		i = len(t.last)
		t.last = append(t.last, &seenMessage{m.UID, make(map[File]use)})
	}
	first := t.last[i].used[f] == 0
	t.last[i].used[f] = max(t.last[i].used[f], how)
	if glance {
		return
	}
	r := f.role(m)
	h := t.roles[r]
	if h == nil {
		if len(t.roles) == maxRoles {
			return
		}
		if t.roles == nil {
			t.roles = make(map[role]*habit)
		}
		h = new(habit)
		t.roles[r] = h
	}
	h.use = max(h.use, how)
	if first {
		h.used++
	}
}

// settle takes into account what was not used of a message that has been left.
func (t *taste) settle(m *Message, used map[File]use) {
	files := filesOf(m)
	least := useContent
	for _, f := range files {
		how := used[f]
		least = min(least, how)
		if h := t.roles[f.role(m)]; h != nil && how == 0 {
			h.passed++
		}
	}
	if len(files) < 2 {
		return
	}
	for how := useSize; how <= useContent; how++ {
		if least >= how {
			t.whole[how]++
		} else {
			t.partly[how]++
		}
	}
}

// wants tells what is likely to be wanted of a file with this role, 0: nothing.
func (t *taste) wants(r role) use {
	if h := t.roles[r]; h != nil {
		if h.passed > h.used {
			return 0
		}
		return h.use
	}
	if r.kind == Whole && !r.enclosed {
		return 0
	}
	for how := useContent; how >= useSize; how-- {
		if t.whole[how] >= enoughWhole && t.partly[how]*8 <= t.whole[how] {
			return how
		}
	}
	return 0
}

// anything reports whether something is wanted that may have to be fetched.
func (t *taste) anything() bool {
	return len(t.roles) > 1 || t.roles[role{kind: Whole}] == nil || t.roles[role{kind: Whole}].use == useContent
}

// clone is the taste of who goes on in another mailbox.
func (t *taste) clone() taste {
	c := taste{roles: make(map[role]*habit, len(t.roles)), whole: t.whole, partly: t.partly}
	for r, h := range t.roles {
		h := *h
		c.roles[r] = &h
	}
	return c
}

// String names what is used, for people.
func (t *taste) String() string {
	var names []string
	for r, h := range t.roles {
		if h.passed <= h.used {
			names = append(names, r.String())
		}
	}
	slices.Sort(names)
	const most = 4
	if names = slices.Compact(names); len(names) > most {
		names = append(names[:most], "...")
	}
	return strings.Join(names, ", ")
}
