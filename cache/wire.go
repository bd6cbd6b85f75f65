package cache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"strings"
)

// wire is what a message is like on the way to a server.
type wire struct {
	size int64
	sum  [32]byte // SHA-256
	// bare tells that line ends have to be changed: LF becomes CRLF.
	bare bool
	// nul tells that there is a NUL in it.
	nul bool
	// header tells that it begins with a header field.
	header    bool
	messageID string
}

// short is the beginning of the sum.
func (w *wire) short() uint64 { return binary.BigEndian.Uint64(w.sum[:]) }

// maxHeader is how much of a message is looked through for its Message-ID.
const maxHeader = 256 << 10

// scan looks at a draft as it would be sent.
func (d *Draft) scan() (w wire, err error) {
	d.mu.Lock()
	size := d.size
	d.mu.Unlock()
	crlf := &crlfReader{r: bufio.NewReaderSize(io.NewSectionReader(d.file, 0, size), 64<<10)}
	hash := sha256.New()
	var head []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := crlf.Read(buf)
		chunk := buf[:n]
		hash.Write(chunk)
		w.size += int64(n)
		w.nul = w.nul || bytes.IndexByte(chunk, 0) >= 0
		if room := maxHeader - len(head); room > 0 {
			head = append(head, chunk[:min(n, room)]...)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return w, err
		}
	}
	hash.Sum(w.sum[:0])
	w.bare = crlf.changed
	w.header, w.messageID = lookAtHeader(head)
	return w, nil
}

// lookAtHeader reports whether a message begins with a header field, and finds
// its Message-ID.
func lookAtHeader(head []byte) (ok bool, messageID string) {
	first := true
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		if len(line) == 0 {
			break
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if first {
			if ok = found && isFieldName(bytes.TrimRight(name, " \t")); !ok {
				return false, ""
			}
			first = false
		}
		if found && messageID == "" && strings.EqualFold(string(name), "Message-ID") {
			for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') { // folded
				var more []byte
				more, rest, _ = bytes.Cut(rest, []byte("\r\n"))
				value = append(bytes.Clone(value), more...)
			}
			if open, end := bytes.IndexByte(value, '<'), bytes.IndexByte(value, '>'); open >= 0 && end > open {
				messageID = string(value[open : end+1])
			}
		}
		head = rest
	}
	return ok, messageID
}

// isFieldName reports whether b is the name of a header field (RFC 5322, ftext).
func isFieldName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return len(b) > 0
}

// crlfReader makes each LF without a CR before it a CRLF.
type crlfReader struct {
	r       *bufio.Reader
	last    byte
	changed bool
}

func (c *crlfReader) Read(p []byte) (n int, err error) {
	for n < len(p)-1 {
		if n > 0 && c.r.Buffered() == 0 {
			return n, nil
		}
		if _, err := c.r.Peek(1); err != nil {
			return n, err
		}
		chunk, _ := c.r.Peek(min(c.r.Buffered(), len(p)-1-n))
		lf := bytes.IndexByte(chunk, '\n')
		if lf < 0 {
			copy(p[n:], chunk)
			n += len(chunk)
			c.last = chunk[len(chunk)-1]
			c.r.Discard(len(chunk))
			continue
		}
		copy(p[n:], chunk[:lf])
		n += lf
		if lf > 0 {
			c.last = chunk[lf-1]
		}
		if c.last != '\r' {
			p[n] = '\r'
			n++
			c.changed = true
		}
		p[n] = '\n'
		n++
		c.last = '\n'
		c.r.Discard(lf + 1)
	}
	return n, nil
}
