package cache

// Event tells of a change after which what a reader was told before is wrong.
type Event struct {
	Kind EventKind
	// Box is the mailbox concerned.
	Box *Box
	// File is the file concerned, for Resized.
	File File
	// Gone are the messages that were removed, for MessagesChanged, and those
	// that were listed last, for Retired; but for those that cannot be read.
	Gone []*Message
}

// EventKind is what has changed.
type EventKind uint8

const (
	// MailboxesChanged: the list of mailboxes is another.
	MailboxesChanged EventKind = iota
	// MessagesChanged: messages came to Box or went from it.
	MessagesChanged
	// Retired: Box is stale, Account.Box gives another for its mailbox.
	Retired
	// Resized: the size of File in Box is not what was said.
	Resized
	// Marked: the messages in Gone are marked \Deleted now, or no longer. Only
	// of an account that can be changed.
	Marked
	// SizesLost: no announced size of a whole message in the account is to be
	// believed.
	SizesLost
)
