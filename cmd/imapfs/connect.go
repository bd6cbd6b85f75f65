package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"imapfs/cache"
	"imapfs/cache/disk"
	"imapfs/imapbackend"
)

// client makes the one that knows the server, without asking it for anything.
// What it has to remember it puts into kept, if there is that.
func (c *mountConfig) client(log *slog.Logger, kept *disk.Dir, m *mounted) (*imapbackend.Client, error) {
	secure, err := c.tls()
	if err != nil {
		return nil, err
	}
	rate, daily, err := c.limits()
	if err != nil {
		return nil, err
	}
	options := imapbackend.Options{
		Address:        c.source.address(),
		Security:       c.security(),
		TLS:            secure,
		Username:       c.source.user,
		Password:       c.password,
		Token:          c.tokens(),
		Mechanism:      c.auth,
		Offline:        c.offline,
		MaxConnections: c.maxConnections,
		RateLimit:      rate,
		DailyLimit:     daily,
		Log:            log,
		Version:        versionString(),
	}
	if kept != nil {
		options.Ledger = kept.Note("received")
	}
	if c.protocolLog != "" {
		protocol, err := openLog(c.protocolLog)
		if err != nil {
			return nil, err
		}
		m.close = append(m.close, func() { protocol.Close() })
		options.ProtocolLog = protocol
	}
	client := imapbackend.New(options)
	m.close = append(m.close, client.Close)
	return client, nil
}

// askSecrets finds out what is needed to sign in, unless it is known already or
// nobody is going to.
func (c *mountConfig) askSecrets(ctx context.Context) error {
	if c.offline {
		return nil
	}
	if c.password == "" {
		if err := c.askPassword(ctx); err != nil {
			return err
		}
	}
	return c.askToken(ctx)
}

// moment is how long a mount of which everything is on disk waits to hear that
// the credentials are wrong.
const moment = 500 * time.Millisecond

// signIn signs in at the server. If known, the mount can do without: it waits
// no longer than a moment, and fails only where the server refuses the
// credentials until then. After that, status tells.
func signIn(ctx context.Context, client *imapbackend.Client, known bool, log *slog.Logger, m *mounted) error {
	if !known {
		return client.Connect(ctx)
	}
	client.Remembered()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	result := make(chan error, 1)
	var task sync.WaitGroup
	task.Go(func() {
		err := client.Connect(life)
		if err != nil && life.Err() == nil {
			log.Warn("no connection yet; what is on disk is there", "error", explain(err))
		}
		result <- err
	})
	m.close = append(m.close, func() { end(); task.Wait() })
	select {
	case err := <-result:
		if errors.Is(err, cache.ErrPermission) {
			return err
		}
	case <-time.After(moment):
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
