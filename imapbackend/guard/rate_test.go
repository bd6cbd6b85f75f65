package guard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
)

// bodies is a server that answers every command by a body of so many octets. It
// works in the time of a synctest bubble, and so does what reads the connection
// that is returned.
func bodies(t *testing.T, o Options, octets int) *Conn {
	ours, theirs := net.Pipe()
	c := New(ours, o)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		br := bufio.NewReader(theirs)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			tag, _, _ := strings.Cut(line, " ")
			fmt.Fprintf(theirs, "* 1 FETCH (UID 1 BODY[] {%d}\r\n", octets)
			theirs.Write(bytes.Repeat([]byte("x"), octets))
			fmt.Fprintf(theirs, ")\r\n%s OK done\r\n", tag)
		}
	})
	tasks.Go(func() {
		for _, err := c.Read(make([]byte, 1024)); err == nil; {
			_, err = c.Read(make([]byte, 1024))
		}
	})
	t.Cleanup(func() {
		c.Close()
		theirs.Close()
		tasks.Wait()
	})
	return c
}

func fetchBody(t *testing.T, c *Conn) error {
	_, err := c.Fetch(t.Context(), Fetch{
		UIDs: imap.UIDSetNum(1), Items: "(UID BODY.PEEK[])",
		Literal: func(imap.UID, string, int64) io.Writer { return io.Discard },
	})
	return err
}

// TestRate transfers on three connections at once as much as the rate allows,
// with deadlines that are shorter than they wait for it.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const octets, second = 400_000, 100_000
		meter := new(Meter)
		o := Options{Rate: NewRate(second), Meter: meter, FirstByte: 50 * time.Millisecond, Progress: 50 * time.Millisecond}
		begun := time.Now()
		var readers sync.WaitGroup
		ended := make(map[int]time.Duration)
		var mu sync.Mutex
		for i := range 3 {
			c := bodies(t, o, octets)
			readers.Go(func() {
				if err := fetchBody(t, c); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ended[i] = time.Since(begun)
			})
		}
		readers.Wait()
		took := time.Since(begun)
		// What the bucket held at first is free; the last piece need not be waited for.
		most := (meter.Received() + meter.Sent()) * int64(time.Second) / second
		if least := most - int64(time.Second)*4/burstsPerSecond; took > time.Duration(most) || took < time.Duration(least) {
			t.Errorf("%d octets in %v, want %v at most, and not much less", meter.Received()+meter.Sent(), took, time.Duration(most))
		}
		for i, one := range ended {
			if one < took*9/10 {
				t.Errorf("connection %d was served in %v of %v: they do not take turns", i, one, took)
			}
		}
	})
}

// TestRateLetsGo ends at once what waits for the rate, with its connection; a
// server that we do not listen to is not silent.
func TestRateLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := bodies(t, Options{Rate: NewRate(1)}, 100_000)
		result := make(chan error)
		go func() { result <- fetchBody(t, c) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if silent := time.Since(c.Heard()); silent > 0 {
			t.Errorf("silent for %v", silent)
		}
		begun := time.Now()
		c.Close()
		if err := <-result; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("after %v", took)
		}
	})
}
