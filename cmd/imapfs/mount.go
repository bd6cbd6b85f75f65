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
	if err := fs.CheckMountpoint(c.mountpoint); err != nil {
		return err
	}
	options, err := c.tree(log)
	if err != nil {
		return err
	}
	memory, err := c.memoryBytes()
	if err != nil {
		return err
	}
	client, closeClient, err := c.connect(ctx, log)
	if err != nil {
		return err
	}
	defer closeClient()

	var account *cache.Account
	tree, err := fs.New(options, func(resized func(*cache.Box, cache.File)) (*cache.Account, error) {
		account, err = cache.New(client, cache.Options{Memory: memory, Poll: c.poll, Resized: resized})
		return account, err
	})
	if err != nil {
		return err
	}
	defer account.Close()
	if err := tree.Check(ctx); err != nil {
		return err
	}
	mount, err := tree.Attach(c.mountpoint, fs.MountOptions{Source: c.source.String(), AllowOther: c.allowOther})
	if err != nil {
		return err
	}
	log.Info("mounted", "source", c.source, "mountpoint", c.mountpoint)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
		if err := mount.Unmount(); err != nil {
			log.Error("still mounted: a program uses it; end that, or signal again", "mountpoint", c.mountpoint, "error", err)
		}
	}()
	mount.Wait()
	return nil
}

// connect signs in at the server.
func (c *mountConfig) connect(ctx context.Context, log *slog.Logger) (*imapbackend.Client, func(), error) {
	password, err := passwordFrom(ctx, c.passwordCommand, c.passwordFile, c.source.String())
	if err != nil {
		return nil, nil, err
	}
	roots, err := c.roots()
	if err != nil {
		return nil, nil, err
	}
	var protocol io.WriteCloser
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
		if protocol, err = openLog(c.protocolLog); err != nil {
			return nil, nil, err
		}
		options.ProtocolLog = protocol
	}
	client, err := imapbackend.Dial(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	return client, func() {
		client.Close()
		if protocol != nil {
			protocol.Close()
		}
	}, nil
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
