package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"imapfs/cache"
	"imapfs/fs"
	"imapfs/imapbackend"
)

func newMount() *cobra.Command {
	c := new(mountConfig)
	cmd := &cobra.Command{
		Use:   "mount [flags] SOURCE MOUNTPOINT",
		Short: "Mount an account at a directory",
		Long: `mount shows the account SOURCE, imaps://user@host[:port][/mailbox], at the empty
directory MOUNTPOINT, read-only. With imap:// the connection begins in plain
text and must become TLS by STARTTLS, except on this machine itself.

The password comes from --password-command, --password-file, IMAPFS_PASSWORD or
a prompt. Each option can be given as a variable, too: IMAPFS_LAYOUT=eml.`,
		Example: `  imapfs mount --password-command 'pass mail' imaps://alice@mail.example.org ~/Mail
  imapfs mount --layout eml imaps://alice%40example.org@imap.example.net/Archive ~/Archive`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd.Flags()); err != nil {
				return err
			}
			if err := c.applyOptions(cmd.Flags()); err != nil {
				return err
			}
			src, err := parseSource(args[0])
			if err != nil {
				return err
			}
			c.source, c.mountpoint = src, args[1]
			return c.run(cmd.Context())
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// run mounts, and serves the mount until it is taken away.
func (c *mountConfig) run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	log, closeLog, err := c.logger()
	if err != nil {
		return err
	}
	defer closeLog()
	m, err := c.mount(ctx, log)
	if err != nil {
		return err
	}
	log.Info("mounted", "source", c.source, "mountpoint", c.mountpoint)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
		case <-ended:
			return
		}
		stop() // a second signal ends the process at once
		if err := m.Unmount(); err != nil {
			log.Error("still mounted: a program uses it; end that, or signal again", "mountpoint", c.mountpoint, "error", err)
		}
	}()
	m.wait()
	return nil
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
	if err := fs.CheckMountpoint(c.mountpoint); err != nil {
		return nil, err
	}
	options, err := c.tree(log)
	if err != nil {
		return nil, err
	}
	memory, err := c.memoryBytes()
	if err != nil {
		return nil, err
	}
	client, err := c.connect(ctx, log, m)
	if err != nil {
		return nil, err
	}
	tree, err := fs.New(options, func(notify func(cache.Event)) (*cache.Account, error) {
		account, err := cache.New(client, cache.Options{Memory: memory, Poll: c.poll, Notify: notify})
		if err == nil {
			m.close = append(m.close, account.Close)
		}
		return account, err
	})
	if err != nil {
		return nil, err
	}
	if err := tree.Check(ctx); err != nil {
		return nil, err
	}
	m.Mount, err = tree.Attach(c.mountpoint, fs.MountOptions{Source: c.source.String(), AllowOther: c.allowOther})
	return m, err
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

// connect signs in at the server.
func (c *mountConfig) connect(ctx context.Context, log *slog.Logger, m *mounted) (*imapbackend.Client, error) {
	password, err := passwordFrom(ctx, c.passwordCommand, c.passwordFile, c.source.String())
	if err != nil {
		return nil, err
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	options := imapbackend.Options{
		Address:        c.source.address(),
		Security:       c.source.security(c.insecure, c.tlsCA != ""),
		TLS:            &tls.Config{ServerName: c.source.host, RootCAs: roots, MinVersion: tls.VersionTLS12},
		Username:       c.source.user,
		Password:       password,
		MaxConnections: c.maxConnections,
		Log:            log,
		Version:        versionString(),
	}
	if c.protocolLog != "" {
		protocol, err := openLog(c.protocolLog)
		if err != nil {
			return nil, err
		}
		m.close = append(m.close, func() { protocol.Close() })
		options.ProtocolLog = protocol
	}
	client, err := imapbackend.Dial(ctx, options)
	if err == nil {
		m.close = append(m.close, client.Close)
	}
	return client, err
}

// roots are the certificates to trust; nil stands for the system's.
func (c *mountConfig) roots() (*x509.CertPool, error) {
	if c.tlsCA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.tlsCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("--tls-ca: no certificate in PEM form in " + c.tlsCA)
	}
	return roots, nil
}

func (c *mountConfig) logger() (*slog.Logger, func(), error) {
	out, closeLog := io.Writer(os.Stderr), func() {}
	if c.logFile != "" {
		f, err := openLog(c.logFile)
		if err != nil {
			return nil, nil, err
		}
		out, closeLog = f, func() { f.Close() }
	}
	level := slog.LevelInfo
	if c.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})), closeLog, nil
}
