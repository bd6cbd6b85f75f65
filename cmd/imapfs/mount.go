package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"imapfs/cache"
	"imapfs/fs"
)

func newMount() *cobra.Command {
	c := new(mountConfig)
	groups := c.groups()
	cmd := &cobra.Command{
		Use:   "mount [flags] SOURCE MOUNTPOINT",
		Short: "Mount an account at a directory",
		Long: `mount shows the account SOURCE, imaps://user@host[:port][/mailbox], at the empty
directory MOUNTPOINT, read-only without --writable, and goes to the background once it works: at once
if the account has been mounted before, with what was known of it then. With
imap:// the connection begins in plain text and must become TLS by STARTTLS,
except on this machine itself. An @ in the user's name is written %40.

The password comes from --password-command, --password-file, the variable
IMAPFS_PASSWORD or a prompt, whichever is there first; with --oauth-token-command
or --tls-cert there need not be one. Every option can be given
as a variable (IMAPFS_LAYOUT=eml) or after -o (-o layout=eml,allow_other).`,
		Example: `  imapfs mount imaps://alice@mail.example.org ~/Mail
  imapfs mount --password-command 'pass mail' imaps://alice@mail.example.org ~/Mail
  imapfs mount --layout eml imaps://alice%40example.org@imap.example.net/Archive ~/Archive`,
		Args: arguments("SOURCE", "MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.parse(cmd.Flags(), args[0], args[1]); err != nil {
				return err
			}
			return c.run(cmd.Context())
		},
	}
	c.addFlags(cmd.Flags(), groups)
	cmd.SetUsageFunc(groupedUsage(groups))
	return cmd
}

// run mounts, in the foreground or in the background.
func (c *mountConfig) run(ctx context.Context) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if child := inherited(); child != nil {
		return child.run(ctx, c)
	}
	if c.foreground {
		log, closeLog, err := c.logger()
		if err != nil {
			return err
		}
		defer closeLog()
		m, err := c.mount(ctx, log)
		if err != nil {
			return err
		}
		return m.serve(ctx, log)
	}
	return c.background(ctx)
}

// mounted is an account that is mounted.
type mounted struct {
	*fs.Mount
	// close ends what serves the mount, the last first.
	close []func()
}

// mount mounts the account; where it fails, nothing of it is left.
func (c *mountConfig) mount(ctx context.Context, log *slog.Logger) (_ *mounted, err error) {
	m := new(mounted)
	defer func() {
		if err != nil {
			m.end()
		}
	}()
	options, err := c.check(log)
	if err != nil {
		return nil, err
	}
	memory, err := c.memoryBytes()
	if err != nil {
		return nil, err
	}
	bodies, err := c.cacheBytes()
	if err != nil {
		return nil, err
	}
	rate, _, err := c.limits()
	if err != nil {
		return nil, err
	}
	if err := c.askSecrets(ctx); err != nil { // before others are kept from the cache
		return nil, err
	}
	metrics, err := c.listenMetrics()
	if err != nil {
		return nil, err
	}
	if metrics != nil {
		m.close = append(m.close, func() { metrics.Close() })
	}
	kept, unkept := c.openCache(log)
	if kept != nil {
		m.close = append(m.close, func() { kept.Close() }) // it has told the log of what fails
	}
	client, err := c.client(log, kept, m)
	if err != nil {
		return nil, err
	}
	control := newControl(c, client)
	control.unkept = unkept
	options.Control = control.files()
	writing, err := c.writing(client)
	if err != nil {
		return nil, err
	}
	var account *cache.Account
	tree, err := fs.New(options, func(notify func(cache.Event)) (*cache.Account, error) {
		account, err = cache.New(client, cache.Options{
			Memory: memory, Poll: c.poll, Notify: notify, Disk: kept, Bodies: bodies,
			Rate: rate, Thrifty: client.Thrifty, Name: fs.MessageName, Log: log, Writing: writing,
		})
		if err == nil {
			m.close = append(m.close, account.Close)
		}
		return account, err
	})
	if err != nil {
		return nil, err
	}
	control.account, control.shows, control.requests = account, tree.Shows, tree.Requests
	control.pprof = c.servePprof(log, m)
	if metrics != nil {
		control.serveMetrics(metrics, log, m)
	}
	known := len(account.KnownMailboxes()) > 0 && !c.fresh
	if err := signIn(ctx, client, known, log, m); err != nil {
		return nil, err
	}
	err = tree.Check(ctx)
	if known && errors.Is(err, cache.ErrNotExist) { // it may be new
		if err = account.SyncAll(ctx, func(cache.Mailbox) bool { return false }); err == nil {
			err = tree.Check(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	if c.fresh {
		if err := account.SyncAll(ctx, tree.Shows); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if kept != nil { // nobody else has the recovery folder
		account.FindOut()
	}
	m.Mount, err = tree.Attach(c.mountpoint, fs.MountOptions{Source: c.source.String(), AllowOther: c.allowOther, Writable: c.writable})
	return m, err
}

// check finds what can be seen to be wrong without the server, and returns
// what the tree will look like.
func (c *mountConfig) check(log *slog.Logger) (fs.Options, error) {
	if c.offline && c.fresh {
		return fs.Options{}, errors.New("--offline and --fresh contradict each other")
	}
	if _, err := c.memoryBytes(); err != nil {
		return fs.Options{}, err
	}
	if _, err := c.cacheBytes(); err != nil {
		return fs.Options{}, err
	}
	if _, _, err := c.limits(); err != nil {
		return fs.Options{}, err
	}
	if _, err := c.tls(); err != nil {
		return fs.Options{}, err
	}
	if c.metrics != "" {
		if _, err := c.metricsAddress(); err != nil {
			return fs.Options{}, err
		}
	}
	options, err := c.tree(log)
	if err != nil {
		return fs.Options{}, err
	}
	return options, fs.CheckMountpoint(c.mountpoint)
}

// wait returns once the mount has been taken away and nothing serves it.
func (m *mounted) wait() {
	m.Wait()
	m.end()
}

func (m *mounted) end() {
	for _, f := range slices.Backward(m.close) {
		f()
	}
}
