package guard

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"

	"imapfs/cache"
	"imapfs/cache/content"
)

// dice draws from a fuzzer's bytes; when they are used up, it draws 0.
type dice struct{ b []byte }

func (d *dice) n(below int) int {
	if len(d.b) == 0 {
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return int(v) % below
}

func (d *dice) octets() []byte {
	n := min(d.n(40), len(d.b))
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// text is octets that come out of the guard as they are.
func (d *dice) text() string {
	s := string(d.octets())
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") || strings.Contains(s, "=?") || s != strings.TrimSpace(s) {
		return fmt.Sprintf("%x", s)
	}
	return s
}

// wire writes a string in one of the forms that the grammar allows.
func (d *dice) wire(s string) string {
	switch quotable := !strings.ContainsAny(s, "\r\n\x00"); {
	case s == "" && d.n(2) == 0:
		return "NIL"
	case quotable && d.n(3) > 0:
		return string(appendQuoted(nil, []byte(s)))
	}
	return fmt.Sprintf("{%d}\r\n%s", len(s), s)
}

// drawn is a message, its summary as on the wire, and what is to come of it.
type drawn struct {
	message    Message
	items      []string
	body, wire string
}

func (d *dice) message(uid uint32) *drawn {
	one := &drawn{message: Message{Have: HaveFlags | HaveDate | HaveSize | HaveEnvelope | HaveStructure}}
	m := &one.message
	date := time.Unix(int64(d.n(256))*10_000_019, 0).UTC()
	name, host := d.text(), "h"+fmt.Sprint(d.n(9))
	m.Message = cache.Message{
		UID: uid, Flags: []string{`\Seen`}, Date: date, Size: int64(d.n(256)) * 12345,
		Subject: d.text(), MessageID: "<" + fmt.Sprint(uid) + "@x>",
	}
	m.From = "box@" + host
	if strings.ContainsFunc(name, isWordRune) {
		m.From = name
	}
	one.items = []string{
		`FLAGS (\Seen)`,
		"INTERNALDATE " + date.Format(`"_2-Jan-2006 15:04:05 -0700"`),
		fmt.Sprintf("RFC822.SIZE %d", m.Size),
		fmt.Sprintf("ENVELOPE (%s %s ((%s NIL %s %s)) NIL NIL NIL NIL NIL %s %s)", d.wire(d.text()), d.wire(m.Subject),
			d.wire(name), d.wire("box"), d.wire(host), d.wire(d.text()), d.wire(m.MessageID)),
	}
	var children []string
	for i := range d.n(4) + 1 {
		file, octets := "f"+d.text(), d.n(256)
		children = append(children, fmt.Sprintf("(%s %s (%s %s) NIL %s %s %d NIL (%s NIL) NIL NIL)",
			d.wire("application"), d.wire("pdf"), d.wire("name"), d.wire(file), d.wire(d.text()), d.wire("base64"), octets, d.wire("attachment")))
		p := content.Part{
			Section: fmt.Sprint(i + 1), Parent: -1, Type: "application/pdf",
			Encoding: content.Base64, Disposition: "attachment", Octets: int64(octets),
		}
		p.Name, p.Named = content.Filename(nil, []content.Param{{Key: "name", Value: file}})
		m.Parts = append(m.Parts, p)
	}
	one.items = append(one.items, "BODYSTRUCTURE ("+strings.Join(children, "")+" "+d.wire("mixed")+")")
	for i := range one.items { // in any order
		j := d.n(i + 1)
		one.items[i], one.items[j] = one.items[j], one.items[i]
	}
	one.body = string(d.octets())
	one.wire = d.wire(one.body)
	if one.wire == "NIL" {
		one.wire = `""`
	}
	return one
}

// FuzzTruth reads well-formed answers, with all that may stand between them,
// and finds in them just what was written.
func FuzzTruth(f *testing.F) {
	f.Add([]byte("\x05abcdefghijklmnopqrstuvwxyz0123456789"))
	f.Add(bytes.Repeat([]byte("\x03\x01\x02\"\\({5}* "), 60))
	f.Add(bytes.Repeat([]byte("\x13G1 OK x\r\n* 1 FETCH (UID 1 BODY[] {3}\r\n)"), 20))
	f.Add([]byte("00100000000000z00y000000}00000000+00000000\\0000000000000000000000{0000000100000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &dice{b}
		var stream strings.Builder
		var want, got []string
		count := d.n(6) + 1
		for i := range count {
			one := d.message(uint32(i + 1))
			stream.WriteString([]string{"", "* OK [X y] z\r\n", "* 9 EXISTS\r\n", "* LIST () \"/\" {3}\r\n* B\r\n", "* 4 FETCH (UID 77 FLAGS (x))\r\n"}[d.n(5)])
			fmt.Fprintf(&stream, "* %d FETCH (UID %d %s)\r\n", i+1, i+1, strings.Join(one.items, " "))
			want = append(want, show(&one.message))
			fmt.Fprintf(&stream, "* %d FETCH (UID %d BODY[] %s)\r\n", i+1, i+1, one.wire)
			want = append(want, fmt.Sprintf("%d %q", i+1, one.body))
		}
		stream.WriteString("G1 OK done\r\nG2 OK done\r\n")
		c := New(&script{Reader: strings.NewReader(stream.String())}, Options{})
		ask := func(tag, items string) *command {
			return &command{
				tag: tag, name: "FETCH", ours: true, done: make(chan struct{}), wants: parseItems(items),
				fetch: &Fetch{
					UIDs: imap.UIDSet{{Start: 1, Stop: 10}},
					Message: func(m *Message) {
						if m.Have != 0 {
							got = append(got, show(m))
						}
					},
					Literal: func(uid imap.UID, _ string, size int64) io.Writer {
						got = append(got, fmt.Sprintf("%d %q", uid, ""))
						return &shown{&got[len(got)-1], uid, nil}
					},
				},
			}
		}
		summaries, bodies := ask("G1", summary), ask("G2", "(UID BODY.PEEK[])")
		c.pending = []*command{summaries, bodies}
		io.Copy(io.Discard, c)
		for _, cmd := range []*command{summaries, bodies} {
			select {
			case <-cmd.done:
			default:
				t.Fatal("a command has no end")
			}
			if cmd.err != nil || cmd.status.Type != "OK" || cmd.lost != nil {
				t.Errorf("%v, %v, %v", cmd.err, cmd.status, cmd.lost)
			}
		}
		if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
			t.Errorf("stream:\n%s\n got %s\nwant %s", stream.String(), a, b)
		}
	})
}

// shown shows what is written to it.
type shown struct {
	into *string
	uid  imap.UID
	all  []byte
}

func (s *shown) Write(p []byte) (int, error) {
	s.all = append(s.all, p...)
	*s.into = fmt.Sprintf("%d %q", s.uid, s.all)
	return len(p), nil
}
