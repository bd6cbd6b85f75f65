package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status MOUNTPOINT",
		Short: "Tell how a mount is doing",
		Long: `status tells what the mount at MOUNTPOINT is connected to, which mailboxes it
knows and since when, and what went wrong. It asks nothing of the server. The
same is in MOUNTPOINT/.imapfs/status and status.json.`,
		Args: arguments("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := statusFile
			if asJSON {
				name = jsonFile
			}
			data, err := readControl(args[0], name)
			if err == nil {
				_, err = cmd.OutOrStdout().Write(data)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return cmd
}

// text writes the report for people. Mailboxes of which there is nothing to say
// are only counted.
func (r *report) text(out io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, strings.TrimRight(strings.Join(cells, "\t"), "\t")) }
	row("account", r.Source)
	row("mounted", r.Mountpoint+", "+ago(r.Mounted, now))
	row("server", r.Server.text(len(r.Connections), now))
	for _, c := range r.Connections {
		row("", c.text())
	}
	row("memory", humanize.IBytes(uint64(r.Memory.Used))+" of "+humanize.IBytes(uint64(r.Memory.Limit)))
	if q := r.Quota; q != nil {
		row("quota", humanize.IBytes(uint64(q.Used))+" of "+humanize.IBytes(uint64(q.Limit))+", "+ago(q.At, now))
	}
	row("cache", r.Cache.text())
	if r.Sync != nil {
		row("last sync", ago(r.Sync.At, now)+": "+cmp.Or(r.Sync.Error, "complete"))
	}
	for i, a := range r.Alerts {
		row([]string{"alerts", ""}[min(i, 1)], ago(a.Time, now)+": "+a.Text)
	}
	table.Flush()

	fmt.Fprintln(table)
	unlisted := 0
	for _, m := range r.Mailboxes {
		if m.Synced == nil && m.Error == "" {
			unlisted++
			continue
		}
		row(printable(m.Name), m.messages(), m.state(now))
	}
	if unlisted > 0 {
		fmt.Fprintf(table, "%s not listed yet\n", count(unlisted, "mailbox"))
	}
	return table.Flush()
}

func (s *serverReport) text(connections int, now time.Time) string {
	switch {
	case s.Offline != nil:
		text := fmt.Sprintf("offline for %v", now.Sub(*s.Offline).Round(time.Second))
		if s.Retry != nil {
			text += fmt.Sprintf(" (next try in %v)", max(s.Retry.Sub(now), 0).Round(time.Second))
		}
		return text + ": " + s.Error
	case s.Error != "":
		return s.Error
	case !s.Online:
		return "not connected, as nobody needs it"
	}
	security := map[string]string{"none": "not encrypted"}
	return fmt.Sprintf("%s, %s, %s", s.Address, cmp.Or(security[s.Security], "encrypted"), count(connections, "connection"))
}

func (c *cacheReport) text() string {
	bytes := func(n int64) string { return humanize.IBytes(uint64(n)) }
	if c.Path == "" {
		return "nothing on disk: " + c.Error
	}
	text := bytes(c.Index) + " index, no mail"
	if c.Limit > 0 {
		text = fmt.Sprintf("%s index, %s of %s mail", bytes(c.Index), bytes(c.Used), bytes(c.Limit))
	}
	if c.Error != "" {
		text += "; nothing new: " + c.Error
	}
	return text
}

func (c *connectionReport) text() string {
	where := cmp.Or(printable(c.Mailbox), "no mailbox")
	switch {
	case c.Watcher:
		return where + ": waits for changes"
	case c.Operations == 0:
		return where + ": idle"
	}
	return where + ": " + count(c.Operations, "operation")
}

func (m *mailboxReport) messages() string {
	if m.Synced == nil {
		return "-"
	}
	text := count(m.Messages, "message")
	if m.Defects > 0 {
		var items []string
		for _, item := range slices.Sorted(maps.Keys(m.ByItem)) {
			items = append(items, fmt.Sprintf("%s of %d", item, m.ByItem[item]))
		}
		text += fmt.Sprintf(" (%d hard to read: %s)", m.Defects, strings.Join(items, ", "))
	}
	return text
}

func (m *mailboxReport) state(now time.Time) string {
	switch {
	case m.Error != "":
		return m.Error
	case m.Watched:
		return "live"
	}
	return ago(*m.Synced, now)
}

// ago tells when something was, for a person.
func ago(t, now time.Time) string {
	switch d := now.Sub(t).Round(time.Second); {
	case d <= 0:
		return "just now"
	case d < 24*time.Hour:
		return d.String() + " ago"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// count is a number of things.
func count(n int, thing string) string {
	if n != 1 {
		if strings.HasSuffix(thing, "x") {
			thing += "e"
		}
		thing += "s"
	}
	return humanize.Comma(int64(n)) + " " + thing
}

// printable makes the name of a mailbox fit for a terminal.
func printable(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}
