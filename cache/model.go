package cache

import (
	"time"

	"imapfs/cache/content"
)

// Mailbox is one entry of LIST (RFC 9051, section 7.3.1).
type Mailbox struct {
	// Name is the mailbox's full name: decoded to UTF-8, or, if Raw, the
	// octets that the server sent.
	Name string
	// Raw tells that the name is no canonical modified UTF-7 (and no UTF-8
	// where UTF8=ACCEPT is on), so that only its octets identify the mailbox.
	Raw bool
	// Delimiter separates the levels of hierarchy in Name; 0: the name is flat.
	Delimiter rune
	// NoSelect tells that the mailbox holds no messages (\Noselect, \NonExistent).
	NoSelect bool
	// SpecialUse is the attribute of RFC 6154, for example `\Sent`, or "".
	SpecialUse string
}

// ID identifies a mailbox of an account: by its name as the server knows it.
type ID struct {
	Name string
	Raw  bool
}

// ID returns what identifies m.
func (m *Mailbox) ID() ID { return ID{m.Name, m.Raw} }

// Message is what is known of a message without its content. Messages are
// shared and never changed once they are in the cache.
type Message struct {
	// UID is the unique identifier (RFC 9051, section 2.3.1.1), never 0.
	UID uint32
	// Flags are sorted and without \Recent.
	Flags []string
	// ModSeq is the mod-sequence (RFC 7162), 0 where the server has none. An
	// Account does not keep it.
	ModSeq uint64
	// Date is INTERNALDATE, the zero time where it is missing or unreadable.
	Date time.Time
	// Size is RFC822.SIZE, -1 where it is missing. Not every server serves as
	// many octets as it says.
	Size int64
	// From is the first From address's display name, else its address, decoded
	// to UTF-8; "" where there is none.
	From string
	// Subject is the subject, decoded to UTF-8.
	Subject string
	// MessageID is the Message-ID as the ENVELOPE has it, with its angle brackets.
	MessageID string
	// Parts is the part table, in the order of the message; nil if Defects has
	// DefectStructure.
	Parts []content.Part
	// Gmail is nil where the server is not Gmail.
	Gmail *Gmail
	// Defects tells which items of the summary were missing or unreadable.
	Defects Defect
}

// Defect is a set of items of a message that could not be read.
type Defect uint8

const (
	// DefectEnvelope: the ENVELOPE was missing, or was repaired.
	DefectEnvelope Defect = 1 << iota
	// DefectStructure: there is no usable BODYSTRUCTURE; the structure is to
	// be read from the message itself.
	DefectStructure
	// DefectDate: INTERNALDATE was missing or unreadable.
	DefectDate
	// DefectSize: RFC822.SIZE was missing or unreadable.
	DefectSize
)
