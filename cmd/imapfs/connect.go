package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"imapfs/imapbackend"
)

// connect signs in at the server.
func (c *mountConfig) connect(ctx context.Context, log *slog.Logger, m *mounted) (*imapbackend.Client, error) {
	if c.password == "" && !c.offline {
		if err := c.askPassword(ctx); err != nil {
			return nil, err
		}
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
		Password:       c.password,
		Offline:        c.offline,
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
