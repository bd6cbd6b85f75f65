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
	// maxLabels and maxLabel do so for Gmail's labels, which have up to 225
	// characters, here in modified UTF-7.
	maxLabels = 256
	maxLabel  = 1 << 10
	// maxCaps bounds a capability list; Gmail and Cyrus have about 80.
	maxCaps = 512
	// maxFound bounds what a SEARCH may claim to have found: a few characters
	// can stand for billions of messages.
	maxFound = 1 << 25
	// maxName bounds a mailbox name that travels as an alias: its hexadecimal
	// form must fit into the engine's quoted strings, which end at 4096.
	maxName = 2000
	// maxText bounds the text of a status response.
	maxText = 8 << 10
	// maxChallenge bounds a challenge of SASL, maxRounds their number; of all
	// mechanisms, SCRAM has the most, 3.
	maxChallenge = 64 << 10
	maxRounds    = 6
	// maxInitial bounds an initial response of SASL: Dovecot, for one, takes no
	// line over 8 KiB before the login, but longer responses on their own.
	maxInitial = 4 << 10
	// maxUnasked is the largest literal that LITERAL- allows to send at once.
	maxUnasked = 4096
	// maxIterations bounds what SCRAM has to compute: 1 s for SHA-256, 3 s for
	// SHA-512. Servers have from 4,096 to 600,000.
	maxIterations = 1 << 22
	// maxLogged bounds a line of the protocol log.
	maxLogged = 4 << 10
	// keepBuffer is the buffer that is kept from one response to the next.
	keepBuffer = 1 << 20
	// bufferSize is the read buffer: two TLS records, and several segments. More
	// than that of a body is read into the caller's memory at once.
	bufferSize = 32 << 10
)
