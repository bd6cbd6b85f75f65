package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"imapfs/cache"
	"imapfs/cache/disk"
)

// keptReport is what is on disk of an account. Programs read it: fields may come,
// and none goes.
type keptReport struct {
	Account    string `json:"account"`
	Path       string `json:"path"`
	Mounted    bool   `json:"mounted"` // by whom it is used, in any case
	Mountpoint string `json:"mountpoint,omitempty"`

	Mailboxes int   `json:"mailboxes"`
	Listed    int   `json:"listed"` // of the mailboxes
	Messages  int   `json:"messages"`
	Index     int64 `json:"index_bytes"`
	Mail      int64 `json:"mail_bytes"`
	Pieces    int   `json:"mail_pieces"` // files, or blocks of them

	Oldest *time.Time `json:"oldest,omitempty"` // when a file was written
	Newest *time.Time `json:"newest,omitempty"`

	Files    int          `json:"files"`
	Frames   int          `json:"frames"`
	Blobs    int          `json:"blobs"`
	Problems []keptDamage `json:"problems"`
	Error    string       `json:"error,omitempty"`
}

// keptDamage is what is wrong with a file.
type keptDamage struct {
	File    string `json:"file"`
	Mailbox string `json:"mailbox,omitempty"`
	Offset  int64  `json:"offset"`
	Lost    int64  `json:"lost_bytes"`
	Damaged int    `json:"damaged"` // frames or blobs before what is lost
	Error   string `json:"error,omitempty"`
}

// report inspects what is on disk of the account.
func (a keptAccount) report(options cache.InspectOptions) (*keptReport, error) {
	v, err := disk.Look(a.path)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	in, err := cache.Inspect(v, options)
	if err != nil {
		return nil, err
	}
	r := &keptReport{
		Account: a.name, Path: a.path,
		Mailboxes: in.Mailboxes, Listed: in.Listed, Messages: in.Messages,
		Index: in.Index, Mail: in.Mail, Pieces: in.Pieces,
		Files: in.Files, Frames: in.Frames, Blobs: in.Blobs, Problems: []keptDamage{},
	}
	r.Mountpoint, r.Mounted = v.InUse()
	if !in.Oldest.IsZero() {
		r.Oldest, r.Newest = &in.Oldest, &in.Newest
	}
	for _, p := range in.Problems {
		d := keptDamage{File: p.File, Mailbox: p.Mailbox, Offset: p.Offset, Lost: p.Lost, Damaged: p.Damaged}
		switch {
		case errors.Is(p.Err, io.ErrUnexpectedEOF):
			d.Error = "is not whole"
		case errors.Is(p.Err, disk.ErrDamaged):
			d.Error = "is damaged"
		case p.Err != nil:
			d.Error = p.Err.Error()
		}
		r.Problems = append(r.Problems, d)
	}
	return r, nil
}

// text writes the report for people: of verify, what is wrong and what was
// checked, else how much there is.
func (r *keptReport) text(out io.Writer, verify bool, now time.Time) {
	bytes := func(n int64) string { return humanize.IBytes(uint64(n)) }
	account := printable(r.Account)
	if r.Error != "" {
		fmt.Fprintf(out, "%s: %s\n", account, r.Error)
		return
	}
	if verify {
		for _, p := range r.Problems {
			fmt.Fprintf(out, "%s: %s\n", account, p.text())
		}
		state := "all as it was written"
		if n := len(r.Problems); n > 0 {
			state = count(n, "file") + " damaged"
		}
		fmt.Fprintf(out, "%s: %s with %s and %s of mail, %s: %s\n", account, count(r.Files, "file"),
			count(r.Frames, "frame"), count(r.Blobs, "piece"), bytes(r.Index+r.Mail), state)
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what, text string) { fmt.Fprintf(table, "%s\t%s\n", what, text) }
	row("account", account)
	row("directory", printable(r.Path))
	switch {
	case r.Mountpoint != "":
		row("mounted", printable(r.Mountpoint))
	case r.Mounted:
		row("mounted", "in use")
	}
	row("mailboxes", fmt.Sprintf("%s, %s of them listed", humanize.Comma(int64(r.Mailboxes)), humanize.Comma(int64(r.Listed))))
	row("messages", humanize.Comma(int64(r.Messages)))
	index := bytes(r.Index)
	if r.Messages > 0 {
		index += fmt.Sprintf(", %d bytes a message", r.Index/int64(r.Messages))
	}
	row("index", index)
	row("mail", fmt.Sprintf("%s in %s", bytes(r.Mail), count(r.Pieces, "piece")))
	if r.Newest != nil {
		row("written", ago(*r.Newest, now)+", the oldest "+ago(*r.Oldest, now))
	}
	if n := len(r.Problems); n > 0 {
		row("damaged", count(n, "file")+"; see imapfs cache verify")
	}
	table.Flush()
}

func (p *keptDamage) text() string {
	file := p.File
	if p.Mailbox != "" {
		file += " (" + printable(p.Mailbox) + ")"
	}
	if p.Damaged > 0 {
		file += fmt.Sprintf(": %s damaged, the first at %d", count(p.Damaged, "piece"), p.Offset)
	}
	if p.Error == "" {
		return file
	}
	return fmt.Sprintf("%s: %s at %d, %s not used", file, p.Error, p.Offset, humanize.IBytes(uint64(p.Lost)))
}
