package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"imapfs/fs"
)

// mountConfig is all that the command line of mount says.
type mountConfig struct {
	source     source
	mountpoint string // absolute
	password   string // "" until it has been asked for
	firstToken string // the access token that the first process got

	foreground, fresh, offline, listEML, allowOther, noXattrs bool
	writable, noDuplicates, syncWrites                        bool
	deletion                                                  string

	layout       string
	umask        string
	uid, gid     uint32
	mountOptions []string

	insecure                      bool
	auth                          string
	tlsCA, tlsCert, tlsKey        string
	passwordCommand, passwordFile string
	tokenCommand                  string
	maxConnections                int
	poll                          time.Duration
	memory                        string
	cacheSize, cacheDir           string
	rateLimit, dailyLimit         string

	verbose              bool
	logFile, protocolLog string

	metrics       string
	metricsPublic bool
	noPprof       bool // no socket for profiles; not an option
}

// optionGroup is options that the help shows together.
type optionGroup struct {
	title string
	flags *pflag.FlagSet
}

// groups makes the options of mount.
func (c *mountConfig) groups() (groups []optionGroup) {
	uid, gid := fs.DefaultOwner()
	group := func(title string) *pflag.FlagSet {
		flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
		flags.SortFlags = false
		groups = append(groups, optionGroup{title, flags})
		return flags
	}
	mount := group("Mount")
	mount.BoolVarP(&c.foreground, "foreground", "f", false, "stay in the foreground, for systemd and for debugging")
	mount.BoolVar(&c.fresh, "fresh", false, "sync every mailbox first, as a backup wants it")
	mount.BoolVar(&c.offline, "offline", false, "ask nothing of the network: what is cached is all there is")
	mount.BoolVarP(&c.writable, "writable", "w", false, "let mail be filed, flagged, moved, deleted and written; also -o rw")
	mount.BoolVar(&c.allowOther, "allow-other", false, "let other users in, as far as --umask does")
	mount.StringArrayVarP(&c.mountOptions, "option", "o", nil, "comma-separated `options`, as mount(8) and fstab(5) give them")

	sign := group("Sign in")
	sign.StringVar(&c.passwordCommand, "password-command", "", "run this `command` with sh; its first line is the password")
	sign.StringVar(&c.passwordFile, "password-file", "", "the first line of this `file` is the password")
	sign.StringVar(&c.tokenCommand, "oauth-token-command", "", "run this `command` with sh for each connection; its first line is the OAuth 2.0 access token")
	sign.StringVar(&c.auth, "auth", "", "sign in with this `mechanism` only: PLAIN, SCRAM-SHA-256, XOAUTH2 ...")
	sign.StringVar(&c.tlsCert, "tls-cert", "", "sign in with the client certificate in this PEM `file`")
	sign.StringVar(&c.tlsKey, "tls-key", "", "the private key of --tls-cert, in a PEM `file`; the same file if not given")
	sign.StringVar(&c.tlsCA, "tls-ca", "", "trust the certificates in this PEM `file`, too; needs TLS even on loopback")
	sign.BoolVar(&c.insecure, "insecure-plaintext", false, "imap:// without TLS: password and mail can be read on the way")

	files := group("Files")
	files.StringVar(&c.layout, "layout", string(fs.LayoutParts), "`what` a message is in the root: parts (a directory) or eml (a file)")
	files.BoolVar(&c.listEML, "list-eml", false, "list message.eml, which can be opened in any case")
	files.StringVar(&c.umask, "umask", "077", "permissions to take away, `octal`")
	files.Uint32Var(&c.uid, "uid", uid, "owner of everything, a `number`")
	files.Uint32Var(&c.gid, "gid", gid, "group of everything, a `number`")
	files.BoolVar(&c.noXattrs, "no-xattrs", false, "have no extended attributes")

	write := group("Write, with --writable")
	write.StringVar(&c.deletion, "delete", deleteToTrash, "`what` rm does to a message: trash (moves it there) or expunge (for good)")
	write.BoolVar(&c.noDuplicates, "no-duplicates", false, "store no message that the mailbox has already, with the same bytes and date")
	write.BoolVar(&c.syncWrites, "sync-writes", false, "let every rename of a new file wait for the server; also -o sync")

	speed := group("Server, memory and disk")
	speed.IntVar(&c.maxConnections, "max-connections", 4, "connections at most")
	speed.DurationVar(&c.poll, "poll", 30*time.Second, "how late changes may be seen that the server does not report")
	speed.StringVar(&c.rateLimit, "rate-limit", "0", "how much to transfer in a second, a `size` (2MB); 0 for no limit")
	speed.StringVar(&c.dailyLimit, "daily-limit", "0", "how much to receive in 24 hours, a `size` (Gmail: 2500MB); 0 for no limit")
	speed.StringVar(&c.memory, "memory", "128MiB", "how much decoded mail to hold, a `size`")
	speed.StringVar(&c.cacheSize, "cache-size", "5GiB", "how much decoded mail to keep on disk, a `size`; 0 for none")
	speed.StringVar(&c.cacheDir, "cache-dir", "", "`where` caches are, or none for nothing on disk (default ~/.cache/imapfs)")

	logs := group("Log")
	logs.BoolVarP(&c.verbose, "verbose", "v", false, "log more")
	logs.StringVar(&c.logFile, "log-file", "", "append the log to this `file`")
	logs.StringVar(&c.protocolLog, "protocol-log", "", "append the IMAP dialogue, without passwords and mail, to this `file`")

	watch := group("Watch")
	watch.StringVar(&c.metrics, "metrics", "", "serve metrics for Prometheus at http://`address`/metrics; without host on loopback")
	watch.BoolVar(&c.metricsPublic, "metrics-public", false, "let --metrics be an address that other machines reach: there is no password")
	return groups
}

// flags adds the options of mount to flags.
func (c *mountConfig) flags(flags *pflag.FlagSet) { c.addFlags(flags, c.groups()) }

func (c *mountConfig) addFlags(flags *pflag.FlagSet, groups []optionGroup) {
	flags.SortFlags = false
	for _, g := range groups {
		flags.AddFlagSet(g.flags)
	}
}

// parse completes and checks what the options say, by the environment, -o and
// the arguments.
func (c *mountConfig) parse(flags *pflag.FlagSet, src, mountpoint string) (err error) {
	if err := environment(flags); err != nil {
		return err
	}
	if err := c.applyOptions(flags); err != nil {
		return err
	}
	if c.maxConnections < 1 {
		return errors.New("--max-connections: at least 1")
	}
	if c.poll < time.Second {
		return errors.New("--poll: at least 1s")
	}
	if c.source, err = parseSource(src); err != nil {
		return err
	}
	if err := c.checkWriting(); err != nil {
		return err
	}
	if err := c.checkSignIn(); err != nil {
		return err
	}
	// The process will leave the directory that it was started in.
	if c.mountpoint, err = filepath.Abs(mountpoint); err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	return nil
}

// tree turns the options into those of the tree.
func (c *mountConfig) tree(log *slog.Logger) (fs.Options, error) {
	umask, err := strconv.ParseUint(c.umask, 8, 9)
	if err != nil {
		return fs.Options{}, fmt.Errorf("--umask %s: not an octal number up to 777", c.umask)
	}
	layout := fs.Layout(c.layout)
	if layout != fs.LayoutParts && layout != fs.LayoutEML {
		return fs.Options{}, fmt.Errorf("--layout %s: it is %s or %s", c.layout, fs.LayoutParts, fs.LayoutEML)
	}
	return fs.Options{
		Account:  c.source.user + "@" + c.source.address(),
		Root:     c.source.mailbox,
		Layout:   layout,
		ListEML:  c.listEML,
		UID:      c.uid,
		GID:      c.gid,
		Umask:    uint32(umask),
		NoXattrs: c.noXattrs,
		Sync:     c.syncWrites,
		Log:      log,
	}, nil
}

// memoryBytes is --memory in bytes.
func (c *mountConfig) memoryBytes() (int64, error) {
	n, err := humanize.ParseBytes(c.memory)
	if err != nil || n < 1<<20 || n > 1<<40 {
		return 0, fmt.Errorf("--memory %s: not a size from 1MiB to 1TiB", c.memory)
	}
	return int64(n), nil
}
