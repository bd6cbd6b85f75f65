package main

import (
	"context"
	"log/slog"

	"imapfs/imapbackend"
)

// connect signs in at the server.
func (c *mountConfig) connect(ctx context.Context, log *slog.Logger, m *mounted) (*imapbackend.Client, error) {
	if c.password == "" {
		if err := c.askPassword(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.askToken(ctx); err != nil {
		return nil, err
	}
	secure, err := c.tls()
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
