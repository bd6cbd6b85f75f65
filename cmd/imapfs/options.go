package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"imapfs/fs"
)

// mountConfig is all that the options of mount say.
type mountConfig struct {
	source     source
	mountpoint string

	foreground, listEML, allowOther, noXattrs bool
	layout                                    string
	umask                                     string
	uid, gid                                  uint32
	mountOptions                              []string

	insecure                      bool
	tlsCA                         string
	passwordCommand, passwordFile string
	maxConnections                int
	poll                          time.Duration
	memory                        string

	verbose              bool
	logFile, protocolLog string
}

func (c *mountConfig) flags(flags *pflag.FlagSet) {
	uid, gid := fs.DefaultOwner()
	flags.BoolVarP(&c.foreground, "foreground", "f", false, "stay in the foreground")
	flags.StringVar(&c.layout, "layout", string(fs.LayoutParts), "what the root shows a message as: parts (a directory) or eml (a file)")
	flags.BoolVar(&c.listEML, "list-eml", false, "list message.eml in message directories, where it can be opened in any case")
	flags.StringVar(&c.umask, "umask", "077", "permissions to take away, octal")
	flags.Uint32Var(&c.uid, "uid", uid, "owner of everything")
	flags.Uint32Var(&c.gid, "gid", gid, "group of everything")
	flags.BoolVar(&c.allowOther, "allow-other", false, "let other users in, as far as --umask does")
	flags.BoolVar(&c.noXattrs, "no-xattrs", false, "have no extended attributes")
	flags.StringSliceVarP(&c.mountOptions, "option", "o", nil, "mount options, comma-separated, as mount(8) gives them")

	flags.StringVar(&c.tlsCA, "tls-ca", "", "trust the certificates in this PEM `file`, too; needs TLS even on loopback")
	flags.BoolVar(&c.insecure, "insecure-plaintext", false, "imap:// without STARTTLS: password and mail can be read on the way")
	flags.StringVar(&c.passwordCommand, "password-command", "", "run this `command` with sh; its first line is the password")
	flags.StringVar(&c.passwordFile, "password-file", "", "read the password from the first line of this `file`")
	flags.IntVar(&c.maxConnections, "max-connections", 4, "connections to the server at most")
	flags.DurationVar(&c.poll, "poll", 30*time.Second, "how late changes on the server may be seen")
	flags.StringVar(&c.memory, "memory", "128MiB", "how much decoded mail to hold in memory")

	flags.BoolVarP(&c.verbose, "verbose", "v", false, "log more")
	flags.StringVar(&c.logFile, "log-file", "", "append the log to this `file`, not to standard error")
	flags.StringVar(&c.protocolLog, "protocol-log", "", "record the IMAP dialogue in this `file`, without passwords and mail")
}

// ignoredOptions are mount options that say what is so anyway, or that are for
// others: mount(8) passes on all that stands in fstab.
var ignoredOptions = []string{
	"ro", "nosuid", "nodev", "noexec", "default_permissions", "noatime", "nodiratime", "relatime",
	"auto", "noauto", "user", "users", "nouser", "_netdev", "nofail",
}

// applyOptions turns the words after -o into options: those of mount(8) that
// matter here, and every option of this command by its own name.
func (c *mountConfig) applyOptions(flags *pflag.FlagSet) error {
	for _, word := range c.mountOptions {
		name, value, hasValue := strings.Cut(word, "=")
		name = strings.ReplaceAll(name, "_", "-")
		switch {
		case slices.Contains(ignoredOptions, word) || strings.HasPrefix(word, "x-") || strings.HasPrefix(word, "comment="):
			continue
		case word == "rw":
			return errors.New("-o rw: the mount is read-only")
		case word == "suid" || word == "dev" || word == "exec":
			return fmt.Errorf("-o %s: a mail file is never run and never a device", word)
		}
		f := flags.Lookup(name)
		if f == nil || name == "option" {
			return fmt.Errorf("-o %s: no such option", word)
		}
		if !hasValue {
			value = f.NoOptDefVal
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("-o %s: %w", word, err)
		}
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

// openLog opens a log that only its owner can read.
func openLog(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return f, nil
}
