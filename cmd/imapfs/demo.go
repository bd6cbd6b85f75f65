package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"imapfs/fs"
	"imapfs/imapbackend/demo"
)

// deliveries is how often the demo gets a new mail.
const deliveries = 30 * time.Second

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo [MOUNTPOINT]",
		Short: "Mount an account of sample mail, to try things out",
		Long: `demo needs no account: it runs a mail server within itself, with some months of
made-up mail, and mounts that at the empty directory MOUNTPOINT or at a
temporary one. New mail arrives every half minute. Ctrl-C ends it, and leaves
nothing behind.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			if err := runDemo(ctx, args, cmd.OutOrStdout()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "\nUnmounted.")
			return nil
		},
	}
}

func runDemo(ctx context.Context, args []string, out io.Writer) (err error) {
	var mountpoint string
	if len(args) > 0 {
		mountpoint, err = filepath.Abs(args[0])
	} else if mountpoint, err = os.MkdirTemp("", "imapfs-demo-"); err == nil {
		defer func() { err = errors.Join(err, os.Remove(mountpoint)) }()
	}
	if err != nil {
		return err
	}
	server, err := demo.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	m, err := mountDemo(ctx, server, mountpoint, log)
	if err != nil {
		return err
	}
	// In one piece: what reads it may stop after the first line.
	fmt.Fprint(out, screen(mountpoint))
	return serveDemo(ctx, m, server)
}

// mountDemo mounts the server's account with the options that mount has by
// default.
func mountDemo(ctx context.Context, server *demo.Server, mountpoint string, log *slog.Logger) (*mounted, error) {
	c := &mountConfig{mountpoint: mountpoint, password: server.Password}
	c.flags(pflag.NewFlagSet("demo", pflag.ContinueOnError))
	c.cacheDir, c.noPprof = noCache, true // it leaves nothing behind
	var err error
	if c.source, err = parseSource("imap://" + server.Username + "@" + server.Addr); err != nil {
		return nil, err
	}
	return c.mount(ctx, log)
}

// serveDemo delivers mail until ctx ends or the mount is taken away, and then
// ends the mount.
func serveDemo(ctx context.Context, m *mounted, server *demo.Server) error {
	defer m.end()
	unmounted := make(chan struct{})
	go func() {
		defer close(unmounted)
		m.Wait()
	}()
	tick := time.NewTicker(deliveries)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := server.Deliver(); err != nil {
				return errors.Join(err, unmountDemo(m))
			}
		case <-ctx.Done():
			return unmountDemo(m)
		case <-unmounted:
			return nil
		}
	}
}

// unmountDemo takes the mount away, from under the programs that use it if need
// be: they lose it with the end of this process.
func unmountDemo(m *mounted) error {
	err := m.Unmount()
	if busy := (*fs.Busy)(nil); errors.As(err, &busy) {
		fmt.Fprintf(os.Stderr, "imapfs: %v; unmounting it all the same\n", busy)
		return m.Abandon()
	}
	return err
}

// demoCommand is something to try, with %s for where the mail is.
type demoCommand struct {
	program, what, line string
}

var demoCommands = []demoCommand{
	{"ls", "the newest mail (look again in half a minute)", `ls -t %s/INBOX | head -n 5`},
	{"cat", "read one", `cat %s/INBOX/*_Q1-report_*/body.txt`},
	{"find", "what is in a forward of a forward of a forward", `find %s/INBOX/*-Keys-to-the-boathouse_*`},
	{"grep", "search all of it", `grep -ri invoice %s`},
	{"cp", "save attachments", `cp -v %s/INBOX/*/*.pdf "$(mktemp -d)"`},
	{"find", "find documents", `find %s -name '*.docx'`},
	{"getfattr", "flags and the like", `getfattr --absolute-names -d %s/INBOX/*_Q1-report_*`},
	{"rsync", "back up; the second time, nothing is transferred", `rsync -av %s/.imapfs/eml/ ~/imapfs-backup/`},
}

// screen tells where the mail is, and what to do with it: only what this
// machine has the programs for.
func screen(mountpoint string) string {
	var b strings.Builder
	where := quote(mountpoint)
	fmt.Fprintf(&b, "The mail of Nora Lindqvist, who does not exist, is mounted at\n\n  %s\n\nTry in another terminal:\n\n", where)
	for _, c := range demoCommands {
		if _, err := exec.LookPath(c.program); err == nil {
			fmt.Fprintf(&b, "  # %s\n  %s\n\n", c.what, fmt.Sprintf(c.line, where))
		}
	}
	fmt.Fprintln(&b, "New mail arrives every half minute. Ctrl-C ends the demo and leaves nothing behind.")
	return b.String()
}

// quote makes a path one word for a shell.
func quote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+:@%,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
