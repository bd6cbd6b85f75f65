package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"unicode"

	"imapfs/fs"
	"imapfs/imapbackend"
)

// hints say what to do about a failure; the first that fits counts.
var hints = []struct {
	is   func(error) bool
	text string
}{
	{isA[*net.DNSError], "check the name in SOURCE"},
	{isA[tls.RecordHeaderError], "for a server with STARTTLS, SOURCE begins with imap://"},
	{isA[x509.HostnameError], "write a name in SOURCE that the certificate has"},
	{isA[x509.UnknownAuthorityError], "if it is the right server, trust it with --tls-ca FILE"},
	{kind(imapbackend.ErrNoSTARTTLS), "use imaps://, or --insecure-plaintext where nobody can listen in"},
	{kind(imapbackend.ErrSilent), "check host and port; a port that begins with TLS needs imaps://"},
	{kind(imapbackend.ErrToken), "check user name and --oauth-token-command"},
	{kind(imapbackend.ErrCertificate), "check user name and --tls-cert"},
	{kind(imapbackend.ErrAuth), "check user name and password"},
	{isA[*fs.Busy], "end that first, or use --lazy"},
}

func isA[T error](err error) bool { return errors.As(err, new(T)) }

func kind(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// explain is an error as one line, whatever a server put into it, with what to
// do about it.
func explain(err error) string {
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	for _, h := range hints {
		if h.is(err) {
			text += "; " + h.text
			break
		}
	}
	visible := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	return strings.Join(strings.Fields(visible), " ")
}
