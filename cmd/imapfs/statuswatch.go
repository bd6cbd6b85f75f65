package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

const (
	// watchEvery is how often --watch looks, unless it says.
	watchEvery = "2s"
	// watchLeast is the shortest interval.
	watchLeast = 100 * time.Millisecond
)

// interval reads how often to look: a duration, or seconds as for watch(1).
func interval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	if err != nil || d < watchLeast {
		return 0, fmt.Errorf("--watch %s: not an interval of at least %v, like 5s", s, watchLeast)
	}
	return d, nil
}

// watch shows the state of the mount again and again, until ctx ends or the mount
// does.
func (c *statusConfig) watch(ctx context.Context, mountpoint string, every time.Duration, out io.Writer) error {
	show := newPager(out, fmt.Sprintf("imapfs status %s, every %v; Ctrl-C ends it", printable(mountpoint), every))
	if c.asJSON {
		show = &plainPager{out: out}
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last rates
	var lastAt time.Time
	for {
		data, err := readControl(mountpoint, jsonFile)
		r, now := new(report), time.Now()
		if err == nil {
			err = json.Unmarshal(data, r)
		}
		if err != nil {
			show.end()
			if last.before != nil {
				err = errors.New("the mount at " + mountpoint + " has ended")
			}
			return err
		}
		var b bytes.Buffer
		if last.took = now.Sub(lastAt); last.before != nil && !last.before.Mounted.Equal(r.Mounted) {
			last.before = nil // it is another mount
		}
		if c.asJSON {
			err = json.Compact(&b, data)
			b.WriteByte('\n')
		} else {
			err = r.text(&b, now, last)
			b.WriteString(show.gap())
		}
		if err == nil {
			err = show.draw(b.String())
		}
		if err != nil {
			show.end()
			return err
		}
		last.before, lastAt = r, now
		for waiting := true; waiting; {
			select {
			case <-tick.C:
				waiting = false
			case <-resized:
				show.draw(b.String())
			case <-ctx.Done():
				show.end()
				return nil
			}
		}
	}
}

// pager shows a text in place of the one before.
type pager interface {
	// gap stands at the end of a text.
	gap() string
	draw(text string) error
	end()
}

func newPager(out io.Writer, title string) pager {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return &plainPager{out: out}
	}
	io.WriteString(f, enterScreen)
	return &screenPager{out: f, title: title, plain: os.Getenv("NO_COLOR") != ""}
}

// plainPager shows one text after another.
type plainPager struct{ out io.Writer }

func (p *plainPager) gap() string { return "\n" }

func (p *plainPager) draw(text string) error {
	_, err := io.WriteString(p.out, text)
	return err
}

func (p *plainPager) end() {}

// What terminals understand (xterm's control sequences, ECMA-48).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, without cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
	bold        = "\x1b[1m"
	normal      = "\x1b[m"
)

// screenPager shows a text on a terminal's alternate screen, as much as there is
// room for.
type screenPager struct {
	out   *os.File
	title string
	plain bool // no bold
}

func (p *screenPager) gap() string { return "" }

func (p *screenPager) draw(text string) error {
	width, height, err := term.GetSize(int(p.out.Fd()))
	if err != nil || width < 2 || height < 2 {
		width, height = 80, 24
	}
	title := runewidth.Truncate(p.title, width-1, "…")
	if !p.plain {
		title = bold + title + normal
	}
	_, err = io.WriteString(p.out, screenful(title, text, width, height))
	return err
}

func (p *screenPager) end() { io.WriteString(p.out, leaveScreen) }

// screenful is a text under a title, cut to a size, in place of what is shown.
func screenful(title, text string, width, height int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if room := height - 1; len(lines) > room {
		left := len(lines) - (room - 1)
		lines = append(lines[:room-1:room-1], fmt.Sprintf("... %s", count(left, "more line")))
	}
	var b strings.Builder
	b.WriteString(toTop + title + clearLine)
	for _, line := range lines {
		// Not to the last column: what is cleared behind it would take its
		// character along.
		b.WriteString("\r\n" + runewidth.Truncate(line, width-1, "…") + clearLine)
	}
	return b.String() + clearRest
}
