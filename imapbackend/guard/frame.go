package guard

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// frames cuts the server's stream into lines and literals. It belongs to the
// reading goroutine.
type frames struct {
	br *bufio.Reader
	// long holds a line that does not fit into br.
	long []byte
	// cut tells that the current line exceeded maxLine; end is how it ended.
	cut bool
	end string
	// ahead is a line that was read too early: it begins the next response.
	ahead    []byte
	aheadCut bool
	log      *protocolLog
	// begins reports whether a line begins a response of its own.
	begins func(line []byte) bool
}

// line returns the next line without its line end, valid until the next call.
// Of a line over maxLine only the beginning is returned, cut is set, and the
// literals that the rest announces are skipped.
func (f *frames) line() ([]byte, error) {
	if l := f.ahead; l != nil {
		f.ahead, f.cut = nil, f.aheadCut
		return l, nil
	}
	l, err := f.next()
	if err == nil {
		f.log.server(l)
	}
	return l, err
}

// next is line without the log.
func (f *frames) next() ([]byte, error) {
	f.cut = false
	if cap(f.long) > keepBuffer {
		f.long = nil
	}
	l, err := f.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		l, err = f.longLine(l)
	}
	if err != nil {
		return nil, unexpected(err)
	}
	whole := len(l)
	if l = trimEnd(l); whole-len(l) == len("\n") {
		f.end = "\n"
	} else {
		f.end = "\r\n"
	}
	return l, nil
}

func (f *frames) longLine(l []byte) ([]byte, error) {
	f.long = append(f.long[:0], l...)
	err := bufio.ErrBufferFull
	for err == bufio.ErrBufferFull {
		l, err = f.br.ReadSlice('\n')
		if room := maxLine - len(f.long); len(l) > room {
			return f.long, f.skipLine(l, err)
		}
		f.long = append(f.long, l...)
	}
	return f.long, err
}

// skipLine drops the rest of a response of which chunk was read last.
func (f *frames) skipLine(chunk []byte, err error) error {
	f.cut = true
	var tail []byte // long enough for a literal's announcement across chunks
	for dropped := 0; ; dropped += len(chunk) {
		if dropped > maxDropped {
			return errTooLarge
		}
		tail = append(tail, chunk...)
		if len(tail) > 32 {
			tail = append(tail[:0], tail[len(tail)-32:]...)
		}
		if err == nil {
			n, literal := announced(trimEnd(tail))
			if !literal {
				return nil
			}
			if err := f.skip(n); err != nil {
				return err
			}
			tail = tail[:0]
		} else if err != bufio.ErrBufferFull {
			return err
		}
		chunk, err = f.br.ReadSlice('\n')
	}
}

// continuation returns the next line if it can only belong to the response
// being read: servers put raw line breaks into quoted strings.
func (f *frames) continuation() ([]byte, bool, error) {
	if f.ahead != nil {
		return nil, false, nil
	}
	l, err := f.next()
	if err != nil {
		return nil, false, err
	}
	if f.begins(l) {
		f.log.server(l)
		f.unread(l)
		return nil, false, nil
	}
	f.log.torn(l)
	return l, true, nil
}

// unread gives the line that was read last back: it begins the next response.
func (f *frames) unread(l []byte) {
	f.ahead, f.aheadCut, f.cut = bytes.Clone(l), f.cut, false
}

// read appends the n octets of a literal to b.
func (f *frames) read(b []byte, n int64) ([]byte, error) {
	f.log.literal(n)
	start := len(b)
	b = append(b, make([]byte, n)...)
	k, err := io.ReadFull(f.br, b[start:])
	if err != nil {
		err = cutLiteral(int64(k), n, err)
	}
	return b, err
}

// skip drops the n octets of a literal.
func (f *frames) skip(n int64) error {
	if n > maxLiteral {
		return fmt.Errorf("%w: literal of %d octets announced", ErrMalformed, n)
	}
	f.log.literal(n)
	k, err := io.CopyN(io.Discard, f.br, n)
	if err != nil {
		err = cutLiteral(k, n, err)
	}
	return err
}

func cutLiteral(got, size int64, err error) error {
	return fmt.Errorf("literal cut at %d of %d octets: %w", got, size, unexpected(err))
}

// unexpected turns the end of the stream into an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func trimEnd(l []byte) []byte {
	n := len(l)
	for n > 0 && (l[n-1] == '\n' || l[n-1] == '\r') {
		n--
	}
	return l[:n]
}

// announced returns the size of the literal that a line announces at its end.
func announced(l []byte) (size int64, ok bool) {
	for len(l) > 0 && (l[len(l)-1] == ' ' || l[len(l)-1] == '\t') {
		l = l[:len(l)-1]
	}
	if len(l) == 0 || l[len(l)-1] != '}' {
		return 0, false
	}
	open := bytes.LastIndexByte(l, '{')
	if open < 0 {
		return 0, false
	}
	digits := l[open+1 : len(l)-1]
	if n := len(digits); n > 0 && digits[n-1] == '+' { // LITERAL+, never from a sane server
		digits = digits[:n-1]
	}
	v, ok := number(digits, 1<<63-1)
	return int64(v), ok
}
