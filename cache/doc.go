// Package cache is everything that is known about a mail account, fetched from
// its Source when it is missing: the list of mailboxes, the messages in each,
// the exact sizes of their files, and the decoded bytes of those files.
//
// The rest of imapfs stands on its plain model (Mailbox, Message and
// content.Part). Package fs asks an Account; package imapbackend implements
// Source; neither knows the other.
//
// Content of a (mailbox, UIDVALIDITY, UID, section) never changes (RFC 9051,
// section 2.3.1.1), so nothing that is stored about it is ever stale. Only
// flags and existence change; Box.Sync follows those.
//
// All of it is on disk, too, where there is one (package disk), and in the same
// form in memory where there is none: index.go has what is held of a message,
// replay.go what is in a log, save.go what is saved when.
//
// Goroutines: the two of Account.Watch with their helpers, one that saves, one
// for each question that callers share (a flight) and each run of blocks of a
// large file, those that fetch ahead of a walk, and those behind who was shown what
// is on disk. They end with the Account.
//
// Locks: Account.mu, and under it Box.mu. Box.writing is taken before them. Those
// of a flight, a Reader, under it that of all runs, and of disk, are taken last.
// walks.mu is taken before Box.mu and foreseen.mu. None is held while the Source is
// asked, or while Options.Notify is called.
package cache
