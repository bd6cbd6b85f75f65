package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/klauspost/compress/flate"
)

// compress begins COMPRESS=DEFLATE (RFC 4978): what the server sends from here
// on is compressed, also what is in the buffer already. The deadlines remain
// those of the socket, below the compression.
func (c *Conn) compress() {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	c.mu.Lock()
	w.Reset(c.nc)
	c.nc = &deflater{c.nc, w}
	c.mu.Unlock()
	// Servers end what they send with an empty block that is stored, or with one
	// that is not (Z_PARTIAL_FLUSH), which the standard library would wait behind.
	r := flate.NewReaderOpts(c.frames.br, flate.WithPartialBlock())
	c.frames.br = bufio.NewReaderSize(&inflater{r}, bufferSize)
	c.deflated = true
}

// deflater compresses what is written. It is used by one goroutine at a time, as
// every connection's writing side.
type deflater struct {
	net.Conn
	w *flate.Writer
}

func (d *deflater) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err == nil {
		err = d.w.Flush()
	}
	return n, err
}

// inflater says what is wrong with a compressed stream. After its end nothing is
// read: it would be what somebody else has written.
type inflater struct{ r io.Reader }

func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt):
		err = fmt.Errorf("the compression is broken: %w", err)
	case err == io.EOF && n == 0:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
