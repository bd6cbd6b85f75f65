package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// victim is the UID of the message that an attack is about.
const victim = 5

// attack is what becomes of the summary of one message, or of a body of it.
type attack struct {
	name string
	do   imaptest.Filter
	// lost is how many connections it may cost.
	lost int64
}

// put writes text, in which %R is the real response.
func put(text string) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		text := strings.ReplaceAll(string(imaptest.Fit(text, r)), "%R", string(r.Raw))
		_, err := io.WriteString(w, text)
		return err
	}
}

// end is put, and the end of the connection.
func end(text string) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error { return errors.Join(put(text)(r, w), io.EOF) }
}

// fill writes begin, so many times s, and then finish.
func fill(begin, s string, times int, finish string) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		if _, err := w.Write(imaptest.Fit(begin, r)); err != nil {
			return err
		}
		if err := imaptest.Repeat(w, s, times); err != nil {
			return err
		}
		_, err := io.WriteString(w, finish)
		return err
	}
}

const summaryOf = "* 1 FETCH (UID 1 FLAGS () "

var attacksOnSummary = []attack{
	{"BYE", end("* BYE [UNAVAILABLE] shutting down\r\n"), 2},
	{"connection closed", end(""), 2},
	{"connection closed in a line", end(summaryOf + "ENVELOPE (NIL \"s"), 2},
	{"connection closed in a literal", end(summaryOf + "ENVELOPE (NIL {50}\r\nhello"), 2},
	{"BYE in a literal", end(summaryOf + "ENVELOPE (NIL {50}\r\n* BYE x\r\n"), 2},
	{"literal of 9999999999", put(summaryOf + "ENVELOPE (NIL {9999999999}\r\nx NIL))\r\n"), 2},
	{"literal of 32 bits", put(summaryOf + "ENVELOPE (NIL {4294967295}\r\nx NIL))\r\n"), 2},
	{"literal of 65 bits", put(summaryOf + "ENVELOPE (NIL {18446744073709551616}\r\nx NIL))\r\n"), 2},
	{"body of 9999999999 unasked", put(summaryOf + "BODY[] {9999999999}\r\nx)\r\n"), 2},
	{"body of 32 bits unasked", put(summaryOf + "BODY[] {4294967295}\r\nx)\r\n"), 2},
	{"literal too long by 3", put(summaryOf + "ENVELOPE (NIL {8}\r\nhello NIL NIL NIL NIL NIL NIL NIL NIL))\r\n"), 2},
	{"literal too long by 500", put(summaryOf + "ENVELOPE (NIL {505}\r\nhello NIL NIL NIL NIL NIL NIL NIL NIL))\r\n"), 2},
	{"literal as long as its line", put(summaryOf + "ENVELOPE (NIL {41}\r\nhello NIL NIL NIL NIL NIL NIL NIL NIL))\r\n"), 2},
	{"literal too short", put(summaryOf + "ENVELOPE (NIL {2}\r\nhello NIL NIL NIL NIL NIL NIL NIL NIL))\r\n"), 2},
	{"quoted string of 100 MB", fill(summaryOf+"ENVELOPE (NIL \"", "x", 100<<20, "\" NIL NIL NIL NIL NIL NIL NIL NIL))\r\n"), 0},
	{"lines without number in a quoted string", fill(summaryOf+"ENVELOPE (NIL \"", strings.Repeat("x", 1000)+"\r\n", 40<<10, "\" NIL NIL NIL NIL NIL NIL NIL NIL))\r\n"), 2},
	{"line without end", fill(summaryOf+"X \"", "x", 1<<30, ""), 2},
	{"a million parentheses", fill(summaryOf+"BODYSTRUCTURE ", "(", 1_000_000, "\r\n"), 0},
	{"literals in literals", fill(summaryOf+"BODYSTRUCTURE (", "({1}\r\nx", 300_000, ")\r\n"), 0},
	{"literals of 60 KB", fill(summaryOf+"ENVELOPE (", "{60000}\r\n"+strings.Repeat("x", 60_000)+" ", 1000, "))\r\n"), 2},
	{"drip", func(r *imaptest.Response, w io.Writer) error { return imaptest.Drip(w, r.Raw) }, 0},
	{"wrong tags", put("Z9 OK done\r\nG0 NO x\r\n%R"), 0},
	{"messages of nobody", put("* 7 FETCH (UID 4000000000 FLAGS () ENVELOPE (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL))\r\n%R"), 0},
	{"twice", put("%R%R"), 0},
	{"twice, the second time with nothing", put("%R* 1 FETCH (UID 1 ENVELOPE NIL BODYSTRUCTURE NIL INTERNALDATE NIL RFC822.SIZE NIL)\r\n"), 0},
	{"a body unasked", put("* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n%R"), 0},
	{"bodies of all unasked", put("* 1 FETCH (UID 4 BODY[] {5}\r\nhello)\r\n* 1 FETCH (UID 6 BODY[1] {5}\r\nhello)\r\n%R"), 0},
	{"EXPUNGE amid", put("* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 0 EXISTS\r\n* VANISHED 1:9\r\n%R"), 0},
	{"nothing", put(""), 0},
	{"a flood of OK", fill("", "* OK still here\r\n", 100_000, ""), 0},
	{"a flood of continuations", fill("", "+ \r\n", 100_000, ""), 0},
	{"a flood of FETCH", fill("", "* 3 FETCH (FLAGS (\\Seen) UID 3)\r\n", 50_000, ""), 0},
	{"a flood of FETCH without end", fill("", "* 3 FETCH (FLAGS (\\Seen) UID 3 X \""+strings.Repeat("x", 4000)+"\")\r\n", 1_000_000, ""), 2},
}

// TestHostileSummaries lists a mailbox of which one summary is an attack: all
// other messages are as they should be, and the victim has its bytes.
func TestHostileSummaries(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 12)
	bare := mountAt(t, s, s.Addr)
	want := walk(t, bare)
	for _, a := range attacksOnSummary {
		t.Run(a.name, func(t *testing.T) {
			injector := imaptest.Hostile(t, s)
			injector.Use(func(r *imaptest.Response, w io.Writer) error {
				if r.UID() == victim && r.Has("ENVELOPE") {
					return a.do(r, w)
				}
				return imaptest.Pass(r, w)
			})
			watch := watchMemory(t)
			dir := mountAt(t, s, injector.Addr)
			begun := time.Now()
			if _, err := os.ReadDir(dir + "/INBOX"); err != nil {
				t.Fatal(err)
			}
			listed := time.Since(begun)
			sameBut(t, dir, want, bare, map[string]string{fmt.Sprint(victim): a.name})
			if n := injector.Connections(); n > 4+3*a.lost {
				t.Errorf("%d connections", n)
			}
			t.Logf("listed in %v, %d connections, %d MB", listed, injector.Connections(), watch()>>20)
			if listed > 20*time.Second {
				t.Errorf("the listing took %v", listed)
			}
		})
	}
}

// watchMemory watches the heap until the function that it returns is called,
// which tells the most that was in use, and fails if that is too much.
func watchMemory(t *testing.T) func() uint64 {
	runtime.GC()
	var peak atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		if n := peak.Load(); n > 300<<20 {
			t.Errorf("%d MB in use", n>>20)
		}
		return peak.Load()
	}
}

var attacksOnBody = []attack{
	{"BYE", end("* BYE x\r\n"), 0},
	{"connection closed", end(""), 0},
	{"cut", end("* 1 FETCH (UID 1 %N {5000}\r\nhello"), 0},
	{"literal of 9999999999", put("* 1 FETCH (UID 1 %N {9999999999}\r\nhello)\r\n"), 0},
	{"literal of 32 bits", put("* 1 FETCH (UID 1 %N {4294967295}\r\nhello)\r\n"), 0},
	{"literal of a billion", put("* 1 FETCH (UID 1 %N {1000000000}\r\nhello)\r\n"), 0},
	{"literal too long by 1", put("* 1 FETCH (UID 1 %N {6}\r\nhello)\r\n"), 0},
	{"literal too long by 3", put("* 1 FETCH (UID 1 %N {8}\r\nhello)\r\n"), 0},
	{"literal too long by 9", put("* 1 FETCH (UID 1 %N {14}\r\nhello)\r\n"), 0},
	{"literal too short", put("* 1 FETCH (UID 1 %N {5}\r\nhello and more\r\n and more)\r\n"), 0},
	{"literal too short by a digit", put("* 1 FETCH (UID 1 %N {5}\r\nhello1)\r\n"), 0},
	{"literal negative", put("* 1 FETCH (UID 1 %N {-5}\r\nhello)\r\n"), 0},
	{"NIL", put("* 1 FETCH (UID 1 %N NIL)\r\n"), 0},
	{"no item", put("* 1 FETCH (UID 1 FLAGS ())\r\n"), 0},
	{"nothing", put(""), 0},
	{"another section", put("* 1 FETCH (UID 1 BODY[99] {5}\r\nhello)\r\n"), 0},
	{"another message", put("* 1 FETCH (UID 6 %N {5}\r\nhello)\r\n"), 0},
	{"never closed quotes", put("* 1 FETCH (UID 1 %N \"hello\r\n"), 0},
}

// TestHostileBodies reads messages of which one is sent by a server that does
// all wrong: reading it fails and does not take long, and all others read.
func TestHostileBodies(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 9)
	bare := mountAt(t, s, s.Addr)
	for _, a := range attacksOnBody {
		t.Run(a.name, func(t *testing.T) {
			injector := imaptest.Hostile(t, s)
			injector.Use(func(r *imaptest.Response, w io.Writer) error {
				if name, _ := r.Body(); r.UID() == victim && name != "" {
					named := func(w io.Writer) io.Writer { return naming{w, name} }
					return a.do(r, named(w))
				}
				return imaptest.Pass(r, w)
			})
			watch := watchMemory(t)
			dir := mountAt(t, s, injector.Addr)
			begun := time.Now()
			names, err := filepath.Glob(dir + "/INBOX/*")
			if err != nil || len(names) != 9 {
				t.Fatalf("%q, %v", names, err)
			}
			for _, name := range names {
				for _, one := range []string{"body.txt", "message.eml", "header.txt", "a.bin"} {
					path := filepath.Join(name, one)
					data, err := os.ReadFile(path)
					real, _ := os.ReadFile(strings.Replace(path, dir, bare, 1))
					at, _ := filepath.Rel(dir, name)
					if uidOf(at) == fmt.Sprint(victim) {
						if err == nil && !bytes.Equal(data, real) {
							t.Errorf("%s of the victim reads %q", one, data)
						}
						continue
					}
					if err != nil || !bytes.Equal(data, real) {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
			t.Logf("read in %v, %d connections, %d MB", time.Since(begun), injector.Connections(), watch()>>20)
		})
	}
}

// naming replaces %N by the name of a body.
type naming struct {
	io.Writer
	name string
}

func (n naming) Write(b []byte) (int, error) {
	_, err := n.Writer.Write(bytes.ReplaceAll(b, []byte("%N"), []byte(n.name)))
	return len(b), err
}

func (n naming) WriteString(s string) (int, error) { return n.Write([]byte(s)) }
