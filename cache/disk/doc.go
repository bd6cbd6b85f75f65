// Package disk keeps bytes in a directory of its own: logs, which are what an
// index is made of, blobs, which are what can be had again, and notes, which are
// small. It knows files and checksums, and nothing of mail.
//
// Nothing that it reads is believed without its checksum, and nothing that goes
// wrong with the disk is a failure for its caller: a log goes on in memory, a
// blob is not there.
//
// Every beginning of a Log is a state that it once had. So no order of writes
// has to be forced on the disk for its sake: after a crash or a loss of power it
// is cut at the first frame that is not whole, and is an earlier state. It is
// synced to the disk when it is closed or rewritten.
//
// A View reads a directory beside the process that has it. Files are only ever
// appended to, cut at the end, replaced by others or removed, so what it sees
// becomes whole in a moment, unless it is damaged.
//
// Goroutines: one writes what was appended, one writes blobs; both end with
// Dir.Close. No caller of Append or Put ever waits for the disk, but
// that of Note.Write does.
//
// Locks: Log.writing, then Dir.mu or Log.mu. Blobs.mu is taken alone. None is
// held over I/O but Log.writing.
package disk
