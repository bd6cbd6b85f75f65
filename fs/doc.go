// Package fs is the FUSE side of imapfs: it shows a cache.Account as a tree of
// directories and files. It alone knows FUSE, errnos (errno.go) and file names
// (names.go, partnames.go, mailboxnames.go).
//
// It stands on go-fuse's raw API with stateless node ids: the id says which
// mailbox, message, part and kind of node it is (node.go), so that forgetting
// is free and nothing is held for each inode. What does not fit into an id has
// an entry in a counted table (dynamic.go).
//
// The kernel calls each method on a goroutine of its own, many at a time. The
// package's own goroutines only send notifications to the kernel (notify.go),
// which must not happen inside a method. Locks: FS.mu, places.mu, dynamic.mu,
// listings.mu, controls.mu and notifier.mu are each held for a few operations
// in memory, never together and never over a call into the cache.
package fs
