package cache

import (
	"encoding/binary"
	"fmt"
	"time"

	"imapfs/cache/content"
	"imapfs/cache/disk"
)

// A record is a message without UID and flags, in bytes. What is written here
// and in index.go is read by later versions of imapfs: whoever changes it raises
// indexVersion.

const (
	recordDate  = 1 << iota // Date is known
	recordParts             // Parts are known
	recordGmail             // Gmail's ID and Thread are known
)

const (
	partNamed = 1 << iota
	partMessage
)

// appendRecord appends m's record.
func appendRecord(b []byte, m *Message) []byte {
	var bits byte
	if !m.Date.IsZero() {
		bits |= recordDate
	}
	if m.Parts != nil {
		bits |= recordParts
	}
	if m.Gmail != nil {
		bits |= recordGmail
	}
	b = append(b, bits, byte(m.Defects))
	if m.Gmail != nil {
		b = binary.AppendUvarint(binary.AppendUvarint(b, m.Gmail.ID), m.Gmail.Thread)
	}
	if !m.Date.IsZero() {
		b = binary.AppendVarint(b, m.Date.Unix())
	}
	b = binary.AppendVarint(b, m.Size)
	b = appendString(b, m.From)
	b = appendString(b, m.Subject)
	b = appendString(b, m.MessageID)
	if m.Parts == nil {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(m.Parts)))
	for i := range m.Parts {
		p := &m.Parts[i]
		var bits byte
		if p.Named {
			bits |= partNamed
		}
		if p.Message {
			bits |= partMessage
		}
		b = append(b, bits, byte(p.Encoding))
		b = binary.AppendVarint(b, int64(p.Parent))
		b = binary.AppendVarint(b, p.Octets)
		for _, s := range []string{p.Section, p.Type, p.Charset, p.Disposition, p.Name, p.ContentID, p.Subject} {
			b = appendString(b, s)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// recordReader reads what was appended. Its first failure stays; what is read
// after it is zero. Strings share the memory of rest.
type recordReader struct {
	rest string
	err  error
}

func (r *recordReader) fail() {
	r.rest, r.err = "", fmt.Errorf("record: %w", disk.ErrDamaged)
}

func (r *recordReader) byte() (b byte) {
	if r.rest == "" {
		r.fail()
		return 0
	}
	b, r.rest = r.rest[0], r.rest[1:]
	return b
}

func (r *recordReader) uint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.fail()
	return 0
}

func (r *recordReader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

// uint32 reads a number of 32 bits.
func (r *recordReader) uint32() uint32 {
	n := r.uint()
	if n > 1<<32-1 {
		r.fail()
		return 0
	}
	return uint32(n)
}

// count reads how many things follow, of at least one byte each.
func (r *recordReader) count() int {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *recordReader) string() (s string) {
	n := r.count()
	s, r.rest = r.rest[:n], r.rest[n:]
	return s
}

// head reads a record into m but for the parts, and reports whether they follow.
func (r *recordReader) head(m *Message) (parts bool) {
	bits := r.byte()
	m.Defects = Defect(r.byte())
	if bits&recordGmail != 0 {
		m.Gmail = &Gmail{ID: r.uint(), Thread: r.uint()}
	}
	if bits&recordDate != 0 {
		m.Date = time.Unix(r.int(), 0).UTC()
	}
	m.Size = r.int()
	m.From, m.Subject, m.MessageID = r.string(), r.string(), r.string()
	return bits&recordParts != 0
}

// parts reads the rest of a record.
func (r *recordReader) parts(m *Message) {
	n := r.count()
	if n > content.MaxParts {
		r.fail()
		return
	}
	m.Parts = make([]content.Part, n)
	for i := range m.Parts {
		p := &m.Parts[i]
		bits := r.byte()
		p.Named, p.Message = bits&partNamed != 0, bits&partMessage != 0
		p.Encoding = content.Encoding(r.byte())
		p.Parent = int(r.int())
		p.Octets = r.int()
		for _, s := range []*string{&p.Section, &p.Type, &p.Charset, &p.Disposition, &p.Name, &p.ContentID, &p.Subject} {
			*s = r.string()
		}
		if p.Parent < Outer || p.Parent >= i {
			r.fail()
			return
		}
	}
}
