package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"imapfs/cache"
)

// display shows the progress of warm.
type display interface {
	update(cache.WarmProgress)
	end()
}

func (c *warmConfig) display(out io.Writer) display {
	f, ok := out.(*os.File)
	switch {
	case c.asJSON:
		return &jsonLines{out: out}
	case ok && term.IsTerminal(int(f.Fd())):
		return &bar{out: out}
	}
	return &plainLines{out: out, last: time.Now()}
}

// jsonLines shows progress as lines of JSON, where there is news.
type jsonLines struct {
	out  io.Writer
	last string
}

func (j *jsonLines) update(p cache.WarmProgress) {
	if line, err := json.Marshal(p); err == nil && string(line) != j.last {
		j.last = string(line)
		fmt.Fprintln(j.out, j.last)
	}
}

func (j *jsonLines) end() {}

// plainEvery is the pause between two lines of plain text.
const plainEvery = 5 * time.Second

// plainLines shows progress as lines of text, for logs.
type plainLines struct {
	out         io.Writer
	last, begun time.Time
	first       int64
}

func (l *plainLines) update(p cache.WarmProgress) {
	done, total := work(p)
	if l.begun.IsZero() && p.Listed == p.Mailboxes {
		l.begun, l.first = time.Now(), done
	}
	if time.Since(l.last) < plainEvery {
		return
	}
	l.last = time.Now()
	line := stage(p)
	if line == "" {
		line = fmt.Sprintf("%s of %s", humanize.Comma(int64(p.Done)), count(p.Messages, "message"))
		if p.Bytes > 0 {
			line += fmt.Sprintf(", %s of %s", humanize.IBytes(uint64(p.Fetched)), humanize.IBytes(uint64(p.Bytes)))
		}
		if took := time.Since(l.begun).Seconds(); done > l.first && took > 0 {
			rate := float64(done-l.first) / took
			left := time.Duration(float64(total-done) / rate * float64(time.Second))
			if p.Bytes > 0 {
				line += fmt.Sprintf(", %s/s", humanize.IBytes(uint64(rate)))
			}
			line += fmt.Sprintf(", %v left", left.Round(time.Second))
		}
	}
	fmt.Fprintln(l.out, line)
}

func (l *plainLines) end() {}

// bar shows progress on a terminal.
type bar struct {
	out io.Writer
	pb  *pb.ProgressBar
}

const barTemplate pb.ProgressBarTemplate = `{{string . "messages"}} {{bar .}} {{percent .}}` +
	`{{with string . "bytes"}} {{.}}{{end}} {{speed . "%s/s" " "}} {{rtime . "%s left" "%s" " "}}`

func (b *bar) update(p cache.WarmProgress) {
	done, total := work(p)
	if b.pb == nil {
		b.pb = barTemplate.New(0).SetWriter(b.out).Set(pb.Bytes, p.Bytes > 0).Set(pb.Color, false).Set(pb.CleanOnFinish, true).Start()
	}
	messages, bytes := stage(p), ""
	if messages == "" {
		messages = fmt.Sprintf("%s of %s", humanize.Comma(int64(p.Done)), count(p.Messages, "message"))
		if p.Bytes > 0 {
			bytes = fmt.Sprintf("%s of %s", humanize.IBytes(uint64(p.Fetched)), humanize.IBytes(uint64(p.Bytes)))
		}
	}
	b.pb.Set(pb.Bytes, p.Bytes > 0).Set("messages", messages).Set("bytes", bytes)
	b.pb.SetTotal(total).SetCurrent(done)
}

func (b *bar) end() {
	if b.pb != nil {
		b.pb.Finish()
	}
}

// work is how much is done of how much, in bytes or messages.
func work(p cache.WarmProgress) (done, total int64) {
	if p.Bytes > 0 {
		return p.Fetched, p.Bytes
	}
	return int64(p.Done), int64(p.Messages)
}

// stage says what it does where it does not fetch messages, else "".
func stage(p cache.WarmProgress) string {
	switch {
	case p.Offline:
		return "the server cannot be reached, trying again"
	case p.Listed < p.Mailboxes:
		return fmt.Sprintf("%d of %s listed", p.Listed, count(p.Mailboxes, "mailbox"))
	case p.Waiting:
		return "waiting for another warm to end"
	}
	return ""
}

// summary is what has been done.
func summary(p cache.WarmProgress) string {
	text := fmt.Sprintf("%s in %s", count(p.Done, "message"), count(p.Mailboxes, "mailbox"))
	if p.Bytes > 0 {
		text += ", " + humanize.IBytes(uint64(p.Bytes))
	}
	return text
}

// reading shows how far the reading of bytes is, if it takes a while.
type reading struct {
	out         io.Writer
	what        string
	begun, last time.Time
	terminal    bool
	pb          *pb.ProgressBar
}

// shownAfter is when a bar is worth to be shown.
const shownAfter = 2 * time.Second

const readingTemplate pb.ProgressBarTemplate = `{{string . "what"}} {{counters .}} {{bar .}} {{percent .}} {{speed . "%s/s" " "}} {{rtime . "%s left" "%s" " "}}`

func newReading(out io.Writer, what string) *reading {
	f, ok := out.(*os.File)
	return &reading{out: out, what: printable(what), begun: time.Now(), last: time.Now(), terminal: ok && term.IsTerminal(int(f.Fd()))}
}

func (r *reading) update(done, total int64) {
	switch {
	case r.pb != nil:
		r.pb.SetTotal(total).SetCurrent(done)
	case r.terminal && time.Since(r.begun) > shownAfter:
		r.pb = readingTemplate.New(0).SetWriter(r.out).Set(pb.Bytes, true).Set(pb.Color, false).Set(pb.CleanOnFinish, true).
			Set("what", r.what).SetTotal(total).SetCurrent(done).Start()
	case !r.terminal && time.Since(r.last) > plainEvery:
		r.last = time.Now()
		fmt.Fprintf(r.out, "%s: %s of %s\n", r.what, humanize.IBytes(uint64(done)), humanize.IBytes(uint64(total)))
	}
}

func (r *reading) end() {
	if r.pb != nil {
		r.pb.Finish()
	}
}
