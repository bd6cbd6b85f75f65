package imaptest

import (
	"slices"
	"strings"
)

// Quirk is an odd answer to a UID FETCH of one message, as servers have sent it
// or might, and what is to be made of it.
type Quirk struct {
	Name string
	// Items is what the command asks for.
	Items string
	// Response are the untagged responses to a command about message 1, UID 1.
	// A body in them is "hello".
	Response string
	// Want is the message in the form of the guard's tests, the bodies first.
	Want string
}

// Summary are the items that a listing asks for.
const Summary = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"

// Quirks are all those that cost at most the one message that they are about.
func Quirks() []Quirk {
	return slices.Concat(quirksAround, quirksDate, quirksEnvelope, quirksStructure, quirksBody,
		quirksStray, quirksOfValues, quirksOfEnvelope, quirksOfStructure, quirksOfBodies)
}

// OfBody reports whether it is an answer about a body.
func (q *Quirk) OfBody() bool {
	return strings.Contains(q.Items, "BODY.PEEK") || strings.Contains(q.Items, "BINARY.PEEK")
}

// longLine is as long as a line may be.
const longLine = 16 << 20

// envelope and bodyStructure make a response with one odd item of interest.
func envelope(s string) string      { return "* 1 FETCH (UID 1 ENVELOPE " + s + ")\r\n" }
func bodyStructure(s string) string { return "* 1 FETCH (UID 1 BODYSTRUCTURE " + s + ")\r\n" }

// Nested returns a BODYSTRUCTURE of so many multiparts in each other.
func Nested(depth int) string {
	return strings.Repeat("(", depth) + `("a" "b" NIL NIL NIL "7BIT" 1)` + strings.Repeat(` "mixed")`, depth)
}
