package main

import (
	"cmp"
	"context"
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

// statusConfig is what the command line of status says.
type statusConfig struct {
	asJSON bool
	every  string // of --watch, "" without
}

func newStatus() *cobra.Command {
	c := new(statusConfig)
	cmd := &cobra.Command{
		Use:   "status MOUNTPOINT [--watch [INTERVAL]]",
		Short: "Tell how a mount is doing",
		Long: `status tells what the mount at MOUNTPOINT is connected to, which mailboxes it
knows and since when, what programs do with it, and what went wrong. It asks
nothing of the server. The same is in MOUNTPOINT/.imapfs/status and status.json.
With --watch it shows that again every 2 seconds, or every INTERVAL, with what
came since, until Ctrl-C.`,
		Example: `  imapfs status ~/Mail
  imapfs status ~/Mail --watch 5s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if c.every != "" {
				args, _ = withoutInterval(args)
			}
			return arguments("MOUNTPOINT")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args, cmd.OutOrStdout()) },
	}
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "for programs; with --watch, a line each time")
	cmd.Flags().StringVar(&c.every, "watch", "", "show it again every `INTERVAL`")
	cmd.Flags().Lookup("watch").NoOptDefVal = watchEvery
	return cmd
}

// withoutInterval takes the interval out of two arguments, "" if it is not there:
// pflag knows an option that may have a value or not only as --watch=5s.
func withoutInterval(args []string) (rest []string, every string) {
	for i := range args {
		if _, err := interval(args[len(args)-1-i]); err == nil && len(args) == 2 {
			return args[i : i+1], args[1-i]
		}
	}
	return args, ""
}

func (c *statusConfig) run(ctx context.Context, args []string, out io.Writer) error {
	if c.every != "" {
		args, given := withoutInterval(args)
		every, err := interval(cmp.Or(given, c.every))
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(ctx)
		defer stop()
		return c.watch(ctx, args[0], every, out)
	}
	name := statusFile
	if c.asJSON {
		name = jsonFile
	}
	data, err := readControl(args[0], name)
	if err == nil {
		_, err = out.Write(data)
	}
	return err
}

// text writes the report for people. Mailboxes of which there is nothing to say
// are only counted.
func (r *report) text(out io.Writer, now time.Time, rates rates) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, strings.TrimRight(strings.Join(cells, "\t"), "\t")) }
	row("account", r.Source)
	row("mounted", r.Mountpoint+", "+ago(r.Mounted, now))
	row("server", r.Server.text(len(r.Connections), now))
	for _, c := range r.Connections {
		row("", c.text())
	}
	if r.Budget != nil {
		row("daily limit", r.Budget.text())
	}
	row("memory", r.Memory.text(r.Lookups))
	if q := r.Quota; q != nil {
		row("quota", humanize.IBytes(uint64(q.Used))+" of "+humanize.IBytes(uint64(q.Limit))+", "+ago(q.At, now))
	}
	row("cache", r.Cache.text(r.Lookups))
	r.activity(row, rates)
	if r.Sync != nil {
		row("last sync", ago(r.Sync.At, now)+": "+cmp.Or(r.Sync.Error, "complete"))
	}
	if r.Recovery != nil {
		row("recovery", r.Recovery.text())
		for _, m := range r.Recovery.Messages[max(0, len(r.Recovery.Messages)-maxRecovered):] {
			row("", m.text())
		}
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

func (c *cacheReport) text(l lookupsReport) string {
	if c.Path == "" {
		return "nothing on disk: " + c.Error
	}
	text := bytesText(c.Index) + " index, no mail"
	if c.Limit > 0 {
		text = fmt.Sprintf("%s index, %s of %s mail", bytesText(c.Index), bytesText(c.Used), bytesText(c.Limit)) +
			l.text(l.Disk, l.Disk+l.Nowhere)
	}
	if c.Error != "" {
		text += "; nothing new: " + c.Error
	}
	return text
}

// state is what the connection is there for now: busy, idle or watching.
func (c *connectionReport) state() string {
	switch {
	case c.Watcher:
		return "watching"
	case c.Operations == 0:
		return "idle"
	}
	return "busy"
}

func (c *connectionReport) text() string {
	text := cmp.Or(printable(c.Mailbox), "no mailbox")
	switch {
	case c.Watcher:
		text += ": waits for changes"
	case c.Operations == 0:
		text += ": idle"
	default:
		text += fmt.Sprintf(": %s for %s", printable(c.Doing), count(c.Operations, "operation"))
	}
	return text + ", " + bytesText(c.Received) + " received"
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
