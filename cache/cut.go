package cache

import (
	"slices"

	"imapfs/cache/content"
)

// assembled is up to what size, in octets, a message that is kept in blocks is
// put together to cut files from it.
const assembled = 16 << 20

// cutKept cuts files of m from the message itself, if that is in memory or on
// disk; nil if it is not, or if the server sees other parts in it than we do.
func (b *Box) cutKept(m *Message, files []File) group {
	raw := b.keptMessage(m)
	if raw == nil || m.Defects&DefectStructure != 0 {
		return nil
	}
	parsed := content.Parse(raw)
	if !slices.EqualFunc(m.Parts, parsed.Parts, samePart) {
		return nil
	}
	g := make(group)
	for _, f := range files {
		octets := raw
		if f.Part != Outer || f.Kind != Whole {
			octets = cut(raw, parsed, f)
		}
		g[f] = f.decode(m, octets)
	}
	return g
}

// samePart reports whether both are the same octets, and decoded alike.
func samePart(a, b content.Part) bool {
	return a.Section == b.Section && a.Parent == b.Parent && a.Octets == b.Octets &&
		a.Encoding == b.Encoding && a.Message == b.Message && a.Type == b.Type
}

// keptMessage returns the message itself, nil if it is neither in memory nor on
// disk.
func (b *Box) keptMessage(m *Message) []byte {
	f := File{m.UID, Outer, Whole}
	if raw, ok := b.kept(f, wholeFile); ok {
		return raw
	}
	s, ok := b.size(f)
	if !ok || !s.proven || s.n <= verifiedSize || s.n > assembled {
		return nil
	}
	raw := make([]byte, 0, s.n)
	for block := int64(0); int64(len(raw)) < s.n; block++ {
		data, ok := b.kept(f, block)
		if !ok || len(data) == 0 || int64(len(raw)) != block*blockSize {
			return nil
		}
		raw = append(raw, data...)
	}
	return raw
}
