package imapbackend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"imapfs/cache"
	"imapfs/imapbackend/guard"
)

// The failures to connect that a user can do something about, for errors.Is.
var (
	// ErrAuth: the server refuses user name and password. With ErrToken or
	// ErrCertificate, it was an access token or a client certificate.
	ErrAuth        = guard.ErrAuth
	ErrToken       = guard.ErrToken
	ErrCertificate = guard.ErrCertificate
	// ErrNoToken: there is no access token to be had.
	ErrNoToken = errors.New("no access token")
	// ErrNoSTARTTLS: the server does not encrypt, although it must.
	ErrNoSTARTTLS = guard.ErrNoSTARTTLS
	// ErrNoLogin: the server offers no way to sign in that we know, or none on
	// a connection without TLS.
	ErrNoLogin = guard.ErrNoLogin
	// ErrSilent: the server accepts the connection, if that, and says nothing.
	ErrSilent = errors.New("no answer")
)

// unreachable is why there is no session. Its text is for a person, the chain
// of what went wrong below for errors.Is and errors.As.
type unreachable struct {
	text        string
	kind, cause error
}

func (u *unreachable) Error() string   { return u.text }
func (u *unreachable) Unwrap() []error { return []error{u.kind, u.cause} }

// reasons say in a few words what is wrong; the first that fits counts.
var reasons = []struct {
	is   func(error) bool
	text func(o *Options, err error) string
}{
	{matches[error](guard.ErrAuth), func(o *Options, err error) string {
		return fmt.Sprintf("%s does not let %s in%s", o.Address, printable(o.Username), serverText(err))
	}},
	{matches[error](guard.ErrImpostor), say("%s does not prove that it knows the password, and may be an impostor")},
	{matches[*net.DNSError](nil), func(o *Options, err error) string {
		host, _, _ := net.SplitHostPort(o.Address)
		if dns := new(net.DNSError); errors.As(err, &dns) && dns.IsNotFound {
			return "there is no host " + host
		}
		return "the address of " + host + " cannot be found out now"
	}},
	{matches[error](syscall.ECONNREFUSED), say("nothing accepts connections at %s")},
	{matches[error](ErrSilent), say("%s does not answer")},
	{matches[tls.RecordHeaderError](nil), say("%s does not speak TLS")},
	{matches[x509.HostnameError](nil), func(o *Options, err error) string {
		wrong := new(x509.HostnameError)
		errors.As(err, wrong)
		return fmt.Sprintf("the certificate of %s is not for %s but for %s", o.Address, wrong.Host, certified(wrong.Certificate))
	}},
	{matches[x509.UnknownAuthorityError](nil), say("the certificate of %s is from an authority that is not trusted here")},
	{matches[x509.CertificateInvalidError](nil), func(o *Options, err error) string {
		wrong := new(x509.CertificateInvalidError)
		errors.As(err, wrong)
		if wrong.Reason == x509.Expired && wrong.Cert != nil {
			return fmt.Sprintf("the certificate of %s is valid from %s to %s only", o.Address,
				wrong.Cert.NotBefore.Format("2006-01-02"), wrong.Cert.NotAfter.Format("2006-01-02"))
		}
		return fmt.Sprintf("the certificate of %s is not valid: %v", o.Address, wrong)
	}},
	{matches[error](ErrNoSTARTTLS), say("%s does not encrypt the connection")},
	{matches[error](ErrNoLogin), func(o *Options, err error) string {
		why := strings.TrimPrefix(err.Error(), ErrNoLogin.Error()+": ")
		return fmt.Sprintf("%s offers no way to sign in on this connection (%s)", o.Address, why)
	}},
	{func(err error) bool { return alert(err) != nil }, func(o *Options, err error) string {
		return fmt.Sprintf("%s ends TLS: %v", o.Address, alert(err))
	}},
	{matches[error](io.ErrUnexpectedEOF), say("%s closed the connection")},
	{matches[error](io.EOF), say("%s closed the connection")},
	{matches[error](syscall.ECONNRESET), say("%s closed the connection")},
}

// matches tells errors that are target, if that is not nil, and of type T.
func matches[T error](target error) func(error) bool {
	return func(err error) bool {
		return (target == nil || errors.Is(err, target)) && errors.As(err, new(T))
	}
}

// alert is what the other side of TLS complains of, nil if it does not.
func alert(err error) error {
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "remote error" {
		return op.Err
	}
	return nil
}

func say(format string) func(*Options, error) string {
	return func(o *Options, _ error) string { return fmt.Sprintf(format, o.Address) }
}

// serverText is what the server said to a refused login, in parentheses, and to
// what, if that was no plain password.
func serverText(err error) string {
	var refused *guard.Refused
	if !errors.As(err, &refused) {
		return ""
	}
	var text []string
	if refused.Status.Text != "" {
		text = append(text, fmt.Sprintf("%q", refused.Status.Text))
	}
	if refused.Reason != "" {
		text = append(text, refused.Reason)
	}
	by := ""
	if m := refused.Mechanism; m != "PLAIN" && m != "LOGIN" {
		by = " by " + m
	}
	if len(text) == 0 {
		return by
	}
	return by + " (" + strings.Join(text, ", ") + ")"
}

// certified are the names that a certificate is for.
func certified(c *x509.Certificate) string {
	const shown = 3
	if c == nil {
		return "others"
	}
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > shown {
		names = append(names[:shown:shown], "others")
	}
	return strings.Join(names, ", ")
}

// unreachableBy turns an error of connecting into one of a kind that says what
// matters.
func (o *Options) unreachableBy(ctx context.Context, err error) error {
	if context.Cause(ctx) == context.Canceled {
		return ctx.Err()
	}
	if timeout := net.Error(nil); ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		err = fmt.Errorf("%w within %v: %w", ErrSilent, loginTimeout, err)
	}
	kind := kindOfConnect(err)
	for _, r := range reasons {
		if r.is(err) {
			return &unreachable{r.text(o, err), kind, err}
		}
	}
	return &unreachable{o.Address + ": " + err.Error(), kind, err}
}

// withoutToken is the error of an attempt for which there is no access token.
func (o *Options) withoutToken(ctx context.Context, err error) error {
	if context.Cause(ctx) == context.Canceled {
		return ctx.Err()
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("nothing within %v: %w", tokenTimeout, err)
	}
	return &unreachable{ErrNoToken.Error() + ": " + err.Error(), cache.ErrOffline, errors.Join(ErrNoToken, err)}
}

// kindOfConnect is the kind of an error of connecting.
func kindOfConnect(err error) error {
	if errors.Is(err, guard.ErrAuth) || errors.Is(err, guard.ErrImpostor) {
		return cache.ErrLogin
	}
	var st guard.Status
	if errors.As(err, &st) && codes[st.Code] != nil {
		return codes[st.Code]
	}
	return cache.ErrOffline
}
