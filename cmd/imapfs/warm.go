package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"imapfs/cache"
	imapfs "imapfs/fs"
)

// warmConfig is what the command line of warm says.
type warmConfig struct {
	recursive, bodies, asJSON bool
	since                     string
}

func newWarm() *cobra.Command {
	c := new(warmConfig)
	cmd := &cobra.Command{
		Use:   "warm MOUNTPOINT [MAILBOX...]",
		Short: "Fill the cache of a mount, for a trip",
		Long: `warm fetches what is needed to go on without the server: the listings of all
mailboxes, or of each MAILBOX, with the names and sizes of all that is in their
messages, and with --bodies all messages. A MAILBOX is its path below MOUNTPOINT,
or the path that the shell completes; mailboxes below it are left out without
--recursive. The newest messages come first. What is cached already is not fetched
again, and Ctrl-C loses nothing. A message that cannot be had is told of at the
end, with exit status 1.`,
		Example: `  imapfs warm ~/Mail --bodies --since 2026-10-01
  imapfs warm --recursive --bodies ~/Mail Projects`,
		Args: func(cmd *cobra.Command, args []string) error {
			return arguments("MOUNTPOINT")(cmd, args[:min(len(args), 1)])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return c.run(ctx, args[0], args[1:], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVarP(&c.recursive, "recursive", "r", false, "the mailboxes below each MAILBOX, too")
	cmd.Flags().BoolVar(&c.bodies, "bodies", false, "whole messages, with their attachments")
	cmd.Flags().StringVar(&c.since, "since", "", "leave out messages that came before this `date`, 2026-10-01")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "progress for programs, a line of JSON each")
	return cmd
}

// run opens the requests, and shows their progress until they have ended.
func (c *warmConfig) run(ctx context.Context, mountpoint string, mailboxes []string, out, diagnostics io.Writer) error {
	names, err := c.requests(mountpoint, mailboxes)
	if err != nil {
		return err
	}
	type news struct {
		from int
		cache.WarmProgress
		err error
	}
	progress := make(chan news)
	for i, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return whyWarm(name, err)
		}
		defer f.Close() // which ends it
		go func() {
			lines := json.NewDecoder(bufio.NewReader(f))
			for n := (news{from: i}); n.err == nil && !n.Ended; {
				n.WarmProgress = cache.WarmProgress{}
				n.err = lines.Decode(&n.WarmProgress)
				select {
				case progress <- n:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	show := c.display(out)
	all := make([]cache.WarmProgress, len(names))
	for {
		select {
		case n := <-progress:
			if n.err != nil {
				show.end()
				return fmt.Errorf("the mount at %s has ended: %w", mountpoint, n.err)
			}
			all[n.from] = n.WarmProgress
		case <-ctx.Done():
			show.end()
			return errors.New("interrupted; what has come is kept")
		}
		total := sumProgress(all)
		show.update(total)
		if total.Ended {
			show.end()
			return conclude(total, out, diagnostics, c.asJSON)
		}
	}
}

// requests are the files to open, one for each mailbox.
func (c *warmConfig) requests(mountpoint string, mailboxes []string) (names []string, err error) {
	request := imapfs.WarmRequest{Recursive: c.recursive, WarmOptions: cache.WarmOptions{Bodies: c.bodies}}
	if c.since != "" {
		if request.Since, err = time.ParseInLocation(time.DateOnly, c.since, time.Local); err != nil {
			return nil, fmt.Errorf("--since %s: not a date like 2026-10-01", c.since)
		}
	}
	if err := imapfs.CheckMounted(mountpoint); err != nil {
		return nil, err
	}
	if len(mailboxes) == 0 {
		request.Recursive = true
		return []string{filepath.Join(mountpoint, request.Name())}, nil
	}
	for _, m := range mailboxes {
		below, err := mailboxBelow(mountpoint, m)
		if err != nil {
			return nil, err
		}
		names = append(names, filepath.Join(mountpoint, below, request.Name()))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// mailboxBelow returns a mailbox's path below the mountpoint, if there is such
// a directory.
func mailboxBelow(mountpoint, mailbox string) (string, error) {
	below := filepath.Clean(mailbox)
	if !isBelow(mountpoint, below) {
		// Not below the mountpoint by that name: the shell completes others.
		base, err := filepath.Abs(mountpoint)
		if err != nil {
			return "", err
		}
		full, err := filepath.Abs(mailbox)
		if err != nil {
			return "", err
		}
		if below, err = filepath.Rel(base, full); err != nil || !isBelow(mountpoint, below) {
			return "", fmt.Errorf("there is no mailbox %s in %s", printable(mailbox), mountpoint)
		}
	}
	return below, nil
}

// isBelow reports whether a path leads to a directory below the mountpoint.
func isBelow(mountpoint, path string) bool {
	if !filepath.IsLocal(path) {
		return false
	}
	info, err := os.Stat(filepath.Join(mountpoint, path))
	return err == nil && info.IsDir() || errors.Is(err, fs.ErrPermission)
}

// whyWarm says why a request could not be opened.
func whyWarm(name string, err error) error {
	where := filepath.Dir(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is no mailbox", where)
	case errors.As(err, new(*fs.PathError)):
		return fmt.Errorf("warm %s: %w", where, errors.Unwrap(err))
	}
	return err
}

// sumProgress adds up the progress of several requests.
func sumProgress(all []cache.WarmProgress) (sum cache.WarmProgress) {
	sum.Ended, sum.Waiting = true, true
	var errs []string
	for _, p := range all {
		sum.Mailboxes += p.Mailboxes
		sum.Listed += p.Listed
		sum.Messages += p.Messages
		sum.Done += p.Done
		sum.Bytes += p.Bytes
		sum.Fetched += p.Fetched
		sum.Failed += p.Failed
		sum.Failures = append(sum.Failures, p.Failures...)
		sum.Ended = sum.Ended && p.Ended
		sum.Waiting = sum.Waiting && (p.Waiting || p.Ended)
		sum.Offline = sum.Offline || p.Offline
		if p.Error != "" && !slices.Contains(errs, p.Error) {
			errs = append(errs, p.Error)
		}
	}
	sum.Waiting = sum.Waiting && !sum.Ended
	sum.Error = strings.Join(errs, "; ")
	return sum
}

// conclude says how it went.
func conclude(p cache.WarmProgress, out, diagnostics io.Writer, asJSON bool) error {
	switch {
	case p.Error != "":
		return errors.New(p.Error)
	case p.Mailboxes == 0:
		return errors.New("only mailboxes and no messages are there; use --recursive")
	}
	if !asJSON {
		fmt.Fprintln(out, summary(p))
	}
	if p.Failed == 0 {
		return nil
	}
	for _, why := range p.Failures {
		fmt.Fprintln(diagnostics, "imapfs: "+explain(errors.New(why)))
	}
	return fmt.Errorf("%d could not be fetched; all else was", p.Failed)
}
