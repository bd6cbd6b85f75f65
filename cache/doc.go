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
// Locks, in the order in which they are taken: Account.mu, Box.mu,
// Reader.mu. None is held while the Source is asked; a flight is what makes
// concurrent callers share one question.
package cache
