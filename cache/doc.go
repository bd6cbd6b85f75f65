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
// Goroutines: the two of Account.Watch with their helpers, one for each question
// that callers share (a flight), and those that fetch ahead of a Reader. They
// end with the Account.
//
// Locks: Account.mu, and under it Box.mu. Those of a flight, a Reader and its
// ahead are taken last. None is held while the Source is asked, or while
// Options.Notify is called.
package cache
