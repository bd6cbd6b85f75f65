// Package guard stands between an IMAP server and go-imap's imapclient (the
// engine), which was made for neither hostile streams nor shared connections.
//
// Conn is the net.Conn that the engine reads from and writes to. It cuts the
// server's stream into responses, reads them leniently, and gives the engine
// only what the engine accepts. FETCH and SEARCH never reach the engine:
// Conn.Fetch decodes summaries into cache.Message and streams bodies into
// writers, and Conn.Search takes no part of a result for the whole.
//
// The package starts no goroutine. The engine's reader pulls responses through
// Read, and every hook, callback and writer runs on it, so none may block.
//
// Locks, in order: command.mu, then Conn.mu. Conn.mu guards the queue of
// commands and is never held across I/O on the socket. command.mu is held for
// one callback or one chunk at a time, so that a cancelled Fetch returns at
// once and is never called back afterwards. Callers' code runs under
// command.mu alone.
package guard
