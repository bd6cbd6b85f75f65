package cache

import (
	"imapfs/cache/content"
)

// File names one file that is made of a message. It is comparable.
type File struct {
	UID uint32
	// Part is an index in the message's part table, or Outer.
	Part int32
	Kind Kind
}

// Outer stands for the message itself in File.Part, where an index in the part
// table stands for one enclosed in it.
const Outer = -1

// Kind tells what of a message or part a file shows.
type Kind uint8

const (
	// Whole is message.eml: the message itself, or an enclosed one, octet for
	// octet as the server serves it.
	Whole Kind = iota
	// Header is header.txt, of the message itself or of an enclosed one.
	Header
	// Body is a leaf part, decoded.
	Body
)

// section is what the file is made of, as in BODY[section] (RFC 9051, 6.4.5).
func (f File) section(m *Message) string {
	s := ""
	if f.Part != Outer {
		s = m.Parts[f.Part].Section
	}
	if f.Kind != Header {
		return s
	}
	if s == "" {
		return "HEADER"
	}
	return s + ".HEADER"
}

// octets is how many octets the server announces for the section, -1 if it
// does not say.
func (f File) octets(m *Message) int64 {
	switch {
	case f.Kind == Header:
		return -1
	case f.Part == Outer:
		return m.Size
	default:
		return m.Parts[f.Part].Octets
	}
}

// decode makes the file's bytes of its section's octets.
func (f File) decode(m *Message, octets []byte) []byte {
	switch {
	case f.Kind == Header:
		return content.Decode(nil, content.Header, octets)
	case f.Kind == Whole:
		return octets
	default:
		p := &m.Parts[f.Part]
		return content.Decode(p, p.Form(), octets)
	}
}

// verbatim reports whether the file's bytes are the section's octets.
func (f File) verbatim(m *Message) bool {
	if f.Kind != Body {
		return f.Kind == Whole
	}
	p := &m.Parts[f.Part]
	return p.Encoding == content.Binary && p.Form() == content.File ||
		p.Encoding == content.Identity && !p.Text()
}

// smallOctets is up to what size, in octets, a part is fetched and decoded to
// learn its size. It costs less than the second round trip that a probe takes.
const smallOctets = 64 << 10

// access is how a file's size and bytes are got at.
type access uint8

const (
	// accessWhole: only by fetching and decoding all of it.
	accessWhole access = iota
	// accessVerbatim: by ranges of octets; its size is announced.
	accessVerbatim
	// accessGrid: base64, by ranges if both its ends lie on a grid.
	accessGrid
)

func (f File) access(m *Message) access {
	n := f.octets(m)
	switch {
	case m.Defects&DefectStructure != 0 && !(f.Kind == Whole && f.Part == Outer):
		return accessWhole // the server cannot number its parts
	case f.Kind == Whole && f.Part == Outer && n >= 0:
		return accessVerbatim
	case n <= smallOctets:
		return accessWhole
	case f.verbatim(m):
		return accessVerbatim
	case f.Kind == Body && m.Parts[f.Part].Encoding == content.Base64 && m.Parts[f.Part].Form() == content.File:
		return accessGrid
	}
	return accessWhole
}
