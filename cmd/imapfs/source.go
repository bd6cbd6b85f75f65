package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"imapfs/imapbackend"
)

// source is what SOURCE on the command line says: a URL in the manner of
// RFC 5092.
type source struct {
	host, port string
	user       string
	mailbox    string // as in the tree; "" for the whole account
	tls        bool   // imaps
}

const sourceForm = "imaps://user@host[:port][/mailbox]"

func parseSource(s string) (source, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The error of net/url repeats the URL, which may hold a password.
		return source{}, fmt.Errorf("SOURCE is no URL; it looks like %s", sourceForm)
	}
	var src source
	switch u.Scheme {
	case "imaps":
		src.tls, src.port = true, "993"
	case "imap":
		src.port = "143"
	default:
		return source{}, fmt.Errorf("SOURCE begins with imaps:// or imap://; it looks like %s", sourceForm)
	}
	if _, set := u.User.Password(); set {
		return source{}, errors.New("a password in SOURCE would be seen by everyone on this machine; use --password-command, --password-file, IMAPFS_PASSWORD or the prompt")
	}
	if u.User.Username() == "" {
		return source{}, fmt.Errorf("SOURCE names no user; it looks like %s (write an @ in the user's name as %%40)", sourceForm)
	}
	if u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return source{}, fmt.Errorf("SOURCE is not understood; it looks like %s", sourceForm)
	}
	src.host, src.user = u.Hostname(), u.User.Username()
	if u.Port() != "" {
		src.port = u.Port()
	}
	src.mailbox = strings.Trim(u.Path, "/")
	return src, nil
}

// address is the server's host:port.
func (s source) address() string { return net.JoinHostPort(s.host, s.port) }

// String is the URL, which holds no secret.
func (s source) String() string {
	u := url.URL{Scheme: "imap", User: url.User(s.user), Host: s.address()}
	if s.tls {
		u.Scheme = "imaps"
	}
	if s.mailbox != "" {
		u.Path = "/" + s.mailbox
	}
	return u.String()
}

// loopback reports whether the server is on this machine for sure.
func (s source) loopback() bool {
	ip := net.ParseIP(s.host)
	return s.host == "localhost" || ip != nil && ip.IsLoopback()
}

// security is how the connection is protected. Without TLS, passwords and mail
// could be read on the way: that is for this machine itself, or on demand.
func (s source) security(insecure, ownCA bool) imapbackend.Security {
	switch {
	case s.tls:
		return imapbackend.ImplicitTLS
	case insecure || s.loopback() && !ownCA:
		return imapbackend.Plaintext
	}
	return imapbackend.StartTLS
}
