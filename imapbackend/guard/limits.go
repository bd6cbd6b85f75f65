package guard

import (
	"time"

	"imapfs/cache"
	"imapfs/cache/content"
)

const (
	// maxLine bounds one line. The longest honest one is SEARCH in a mailbox of
	// a million messages: 11 MB of ten-digit UIDs. What exceeds it is dropped
	// and the response counts as unreadable.
	maxLine = 16 << 20
	// maxDropped bounds what is dropped of such a response: one that goes on for
	// longer may well have no end.
	maxDropped = 256 << 20
	// maxResponse bounds a response with the short literals in it (bodies are
	// streamed and do not count). A server that sends more is given up.
	maxResponse = maxLine + 1<<20
	// maxResults and maxResult bound the responses, and their octets, that one
	// command of the engine gets: it keeps them all. That is 200,000 mailboxes,
	// and a search in several million messages.
	maxResults = 200_000
	maxResult  = 64 << 20
	// maxStray bounds the octets of lines that nobody waits for: a server that
	// says nothing else would otherwise be listened to for ever.
	maxStray = 64 << 20
	// maxString bounds a literal inside a response: an envelope field, a file
	// name, a mailbox name. A longer one reads as an empty, repaired string.
	maxString = 64 << 10
	// maxLiteral bounds a body: nothing larger is asked for in one piece. Beyond
	// it, and beyond maxLine where no body was to come, the count is taken for
	// damage, since obeying it would swallow the stream.
	maxLiteral = cache.MaxWhole
	// maxDepth bounds nested parentheses: the parts' own nesting, and below the
	// innermost part its envelope, address list and address.
	maxDepth = content.MaxDepth + 8
	// maxNodes bounds the values of one item: the structure of some 20,000
	// parts, 10 MB of nodes.
	maxNodes = 1 << 19
	// maxTail is how much of the stream is looked back at for the end of a
	// command that a literal has swallowed; swallowedWait is how long the line
	// may be silent then.
	maxTail       = 512
	swallowedWait = 3 * time.Second
	// maxHeld bounds the octets of bodies that are kept while the server has
	// not yet said which message they belong to (Exchange and UW-IMAP may name
	// the UID last).
	maxHeld = 4 << 20
	// maxFlags and maxFlag bound a message's flags and the length of one.
	// Dovecot itself allows 26 to 64 keywords in a mailbox.
	maxFlags = 256
	maxFlag  = 255
	// maxCaps bounds a capability list; Gmail and Cyrus have about 80.
	maxCaps = 512
	// maxName bounds a mailbox name that travels as an alias: its hexadecimal
	// form must fit into the engine's quoted strings, which end at 4096.
	maxName = 2000
	// maxText bounds the text of a status response.
	maxText = 8 << 10
	// maxLogged bounds a line of the protocol log.
	maxLogged = 4 << 10
	// keepBuffer is the buffer that is kept from one response to the next.
	keepBuffer = 1 << 20
	// bufferSize is the read buffer: two TLS records, and several segments. More
	// than that of a body is read into the caller's memory at once.
	bufferSize = 32 << 10
)
