package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"imapfs/imapbackend"
)

// checkSignIn completes and checks the options about signing in.
func (c *mountConfig) checkSignIn() error {
	c.auth = strings.ToUpper(c.auth)
	known := imapbackend.Mechanisms()
	switch {
	case c.auth != "" && !slices.Contains(known, c.auth):
		return fmt.Errorf("--auth %s: it is one of %s", c.auth, strings.Join(known, ", "))
	case c.tokenCommand != "" && (c.passwordCommand != "" || c.passwordFile != ""):
		return errors.New("--oauth-token-command takes the place of a password: give one of them")
	case c.tlsKey != "" && c.tlsCert == "":
		return errors.New("--tls-key: --tls-cert is missing")
	case c.tlsCert != "" && c.security() == imapbackend.Plaintext:
		return errors.New("--tls-cert: there is no TLS with --insecure-plaintext")
	case c.auth == "":
		return nil
	case c.auth == "EXTERNAL" && c.tlsCert == "":
		return errors.New("--auth EXTERNAL: --tls-cert is missing")
	case strings.Contains(c.auth, "OAUTH") != (c.tokenCommand != "") && c.auth != "EXTERNAL":
		if c.tokenCommand == "" {
			return fmt.Errorf("--auth %s: --oauth-token-command is missing", c.auth)
		}
		return fmt.Errorf("--auth %s takes a password, not --oauth-token-command", c.auth)
	}
	return nil
}

// security is how the connection is protected. Certificates are for TLS, even
// on this machine itself.
func (c *mountConfig) security() imapbackend.Security {
	return c.source.security(c.insecure, c.tlsCA != "" || c.tlsCert != "")
}

// needsPassword reports whether there has to be a password: a client certificate
// does, unless a password is given beside it.
func (c *mountConfig) needsPassword() bool {
	_, set := os.LookupEnv(passwordVar)
	given := set || c.passwordCommand != "" || c.passwordFile != ""
	switch {
	case c.tokenCommand != "", c.auth == "EXTERNAL":
		return false
	case c.tlsCert != "" && c.auth == "":
		return given
	}
	return true
}

// tls is the configuration of TLS.
func (c *mountConfig) tls() (*tls.Config, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: c.source.host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	if c.tlsCert == "" {
		return config, nil
	}
	cert, err := os.ReadFile(c.tlsCert)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	name, option := c.tlsKey, "--tls-key"
	if name == "" {
		name, option = c.tlsCert, "--tls-cert"
	}
	key, err := readPrivate(name, "the private key")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
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
