package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imapfs/fs"
	"imapfs/imapbackend/imaptest"
)

// turn is a command line that cannot work.
type turn struct {
	source, dir string
	flags, env  []string
	wrap        []string // a program that runs the command
}

// TestWrongTurns takes each wrong turn with mount, in the background and in the
// foreground: one line says what is wrong, and nothing is left behind.
func TestWrongTurns(t *testing.T) {
	s := imaptest.Memory(t)
	secure := imaptest.Memory(t, imaptest.WithTLS())
	mounted := background(t, s)
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, c *turn)
		want    string
	}{
		{"no such mountpoint", func(t *testing.T, c *turn) { c.dir += "/missing" }, "/missing does not exist"},
		{"no directory", func(t *testing.T, c *turn) {
			c.dir += "/file"
			write(t, c.dir, "text")
		}, "/file is not a directory"},
		{"not empty", func(t *testing.T, c *turn) { write(t, c.dir+"/file", "text") }, "is not empty"},
		{"another file system", func(t *testing.T, c *turn) {
			if err := unix.Mount("none", c.dir, "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Unmount(c.dir, 0) })
		}, "is in use: tmpfs is mounted there"},
		{"mounted already", func(t *testing.T, c *turn) { c.dir = mounted }, "is in use: an imapfs is mounted there"},
		{"no device", func(t *testing.T, c *turn) {
			c.wrap = []string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /dev && exec "$0" "$@"`}
		}, "there is no /dev/fuse"},
		{"not permitted", func(t *testing.T, c *turn) {
			c.wrap = []string{"setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"}
		}, "not permitted"},

		{"wrong password", func(t *testing.T, c *turn) { c.env = []string{passwordVar + "=wrong"} }, "does not let alice in"},
		{"no password", func(t *testing.T, c *turn) { c.env = []string{passwordVar + "="} }, passwordVar + " is empty"},
		{"a password command that fails", func(t *testing.T, c *turn) { c.flags = []string{"--password-command", "exit 7"} }, "password command failed: exit status 7"},
		{"a password file for all", func(t *testing.T, c *turn) {
			name := filepath.Join(t.TempDir(), "password")
			write(t, name, "secret")
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
			c.flags = []string{"--password-file", name}
		}, "can be read by others: chmod 600"},
		{"a password for all to see", func(t *testing.T, c *turn) { c.source = "imaps://alice:secret@localhost" }, "a password in SOURCE"},
		{"no such mailbox", func(t *testing.T, c *turn) { c.source += "/Nothing" }, `mailbox "Nothing": does not exist`},

		{"unknown host", func(t *testing.T, c *turn) { c.source = "imaps://alice@no-such-host.invalid" }, "no-such-host.invalid"},
		{"nobody there", func(t *testing.T, c *turn) { c.source = "imap://alice@" + listen(t, nil) }, "nothing accepts connections"},
		{"a server that goes", func(t *testing.T, c *turn) {
			c.source = "imap://alice@" + listen(t, func(conn net.Conn) { io.WriteString(conn, "* OK hello\r\n") })
		}, "closed the connection"},
		{"a server that says good-bye", func(t *testing.T, c *turn) {
			c.source = "imap://alice@" + listen(t, func(conn net.Conn) { io.WriteString(conn, "* BYE closed for\tthe night\r\n") })
		}, "closed for"},
		{"no IMAP server", func(t *testing.T, c *turn) {
			c.source = "imap://alice@" + listen(t, func(conn net.Conn) { io.WriteString(conn, "220 mail ESMTP\r\n") })
		}, "no IMAP server"},
		{"a server without TLS", func(t *testing.T, c *turn) { c.source = "imaps://alice@" + s.Addr }, "does not speak TLS"},
		{"a server without STARTTLS", func(t *testing.T, c *turn) { c.flags = []string{"--tls-ca", secure.CAFile} }, "does not encrypt"},
		{"an unknown authority", func(t *testing.T, c *turn) { c.source = "imaps://alice@" + secure.TLSAddr }, "--tls-ca"},
		{"an unknown authority after STARTTLS", func(t *testing.T, c *turn) {
			_, ca := tlsServer(t, func(*x509.Certificate) {})
			c.source, c.flags = "imap://alice@"+secure.Addr, []string{"--tls-ca", ca}
		}, "not trusted here"},
		{"a certificate for others", func(t *testing.T, c *turn) {
			address, ca := tlsServer(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"mail.example.org"} })
			c.source, c.flags = "imaps://alice@"+address, []string{"--tls-ca", ca}
		}, "is not for 127.0.0.1 but for mail.example.org"},
		{"a certificate that has expired", func(t *testing.T, c *turn) {
			address, ca := tlsServer(t, func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = sampleDate.AddDate(-10, 0, 0), sampleDate.AddDate(-9, 0, 0)
			})
			c.source, c.flags = "imaps://alice@"+address, []string{"--tls-ca", ca}
		}, "is valid from 2016-03-04 to 2017-03-04 only"},

		{"a server of old", func(t *testing.T, c *turn) {
			address, ca := tlsServer(t, func(*x509.Certificate) {}, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
			c.source, c.flags = "imaps://alice@"+address, []string{"--tls-ca", ca}
		}, "protocol version"},
		{"a server that ends TLS", func(t *testing.T, c *turn) {
			address, ca := tlsServer(t, func(*x509.Certificate) {}, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })
			c.source, c.flags = "imaps://alice@"+address, []string{"--tls-ca", ca}
		}, "ends TLS: "},

		{"an unknown mechanism", func(t *testing.T, c *turn) { c.flags = []string{"--auth", "cram-md5"} }, "--auth CRAM-MD5: it is one of EXTERNAL, OAUTHBEARER"},
		{"a mechanism that is not offered", func(t *testing.T, c *turn) { c.flags = []string{"--auth", "scram-sha-256"} }, "offers no way to sign in on this connection (SCRAM-SHA-256 is not offered, the server offers PLAIN)"},
		{"a mechanism for tokens", func(t *testing.T, c *turn) { c.flags = []string{"--auth", "XOAUTH2"} }, "--oauth-token-command is missing"},
		{"a mechanism for certificates", func(t *testing.T, c *turn) { c.flags = []string{"--auth", "EXTERNAL"} }, "--tls-cert is missing"},
		{"a mechanism for passwords", func(t *testing.T, c *turn) {
			c.flags = []string{"--auth", "PLAIN", "--oauth-token-command", "echo x"}
		}, "--auth PLAIN takes a password"},
		{"two secrets", func(t *testing.T, c *turn) {
			c.flags = []string{"--password-command", "echo x", "--oauth-token-command", "echo x"}
		}, "give one of them"},
		{"a token command that fails", func(t *testing.T, c *turn) { c.flags = []string{"--oauth-token-command", "exit 7"} }, "token command failed: exit status 7"},
		{"tokens for a server without", func(t *testing.T, c *turn) { c.flags = []string{"--oauth-token-command", "echo x"} }, "the server offers PLAIN"},
		{"a token that is refused", func(t *testing.T, c *turn) {
			c.flags = []string{"--oauth-token-command", "echo ya29.secret"}
			c.source = "imap://alice@" + listen(t, func(conn net.Conn) {
				io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hello\r\n")
				lines := bufio.NewScanner(conn)
				lines.Scan()
				io.WriteString(conn, "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
				lines.Scan()
				io.WriteString(conn, "P1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n")
			})
		}, `does not let alice in by XOAUTH2 ("Invalid credentials (Failure)", status 400); check user name and --oauth-token-command`},
		{"an impostor", func(t *testing.T, c *turn) {
			c.source = "imap://alice@" + listen(t, func(conn net.Conn) {
				io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=PLAIN SASL-IR] hello\r\n")
				bufio.NewScanner(conn).Scan()
				io.WriteString(conn, "P1 OK in\r\n")
			})
		}, "does not prove that it knows the password, and may be an impostor"},
		{"a key for all", func(t *testing.T, c *turn) {
			key := filepath.Join(t.TempDir(), "key")
			write(t, key, "key")
			if err := os.Chmod(key, 0o640); err != nil {
				t.Fatal(err)
			}
			c.flags = []string{"--tls-cert", secure.CAFile, "--tls-key", key}
		}, "can be read by others: chmod 600"},
		{"a certificate without its key", func(t *testing.T, c *turn) { c.flags = []string{"--tls-cert", secure.CAFile} }, "--tls-cert, --tls-key: tls: "},
		{"a key without its certificate", func(t *testing.T, c *turn) { c.flags = []string{"--tls-key", secure.CAFile} }, "--tls-cert is missing"},
		{"a certificate without TLS", func(t *testing.T, c *turn) {
			c.flags = []string{"--tls-cert", secure.CAFile, "--insecure-plaintext"}
		}, "there is no TLS"},
		{"no authority", func(t *testing.T, c *turn) { c.flags = []string{"--tls-ca", os.DevNull} }, "no certificate"},
		{"an unknown option", func(t *testing.T, c *turn) { c.flags = []string{"-o", "rw,colour=red"} }, "-o colour=red: there is no such option"},
		{"an unknown layout", func(t *testing.T, c *turn) { c.flags = []string{"--layout", "flat"} }, "--layout flat"},
		{"a mask that is none", func(t *testing.T, c *turn) { c.flags = []string{"--umask", "9"} }, "--umask 9"},
		{"no memory", func(t *testing.T, c *turn) { c.flags = []string{"--memory", "0"} }, "--memory 0"},
		{"no connections", func(t *testing.T, c *turn) { c.flags = []string{"--max-connections", "0"} }, "--max-connections"},
		{"a variable that is no number", func(t *testing.T, c *turn) { c.env = []string{"IMAPFS_UID=root"} }, "IMAPFS_UID"},
		{"a log that cannot be", func(t *testing.T, c *turn) { c.flags = []string{"--log-file", "/nowhere/log"} }, "/nowhere/log"},
		{"a protocol log that cannot be", func(t *testing.T, c *turn) { c.flags = []string{"--protocol-log", "/nowhere/log"} }, "/nowhere/log"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &turn{source: sourceOf(s), dir: t.TempDir()}
			test.prepare(t, c)
			before := look(t, c.dir)
			for _, mode := range []string{"", "-f"} {
				cmd := command(t, append([]string{"mount", c.source, c.dir}, c.flags...)...)
				if mode != "" {
					cmd.Args = append(cmd.Args, mode)
				}
				cmd.Env = append(cmd.Env, c.env...)
				if c.wrap != nil {
					cmd = wrapped(t, c.wrap, cmd)
				}
				fails(t, cmd, test.want)
				if after := look(t, c.dir); after != before {
					t.Errorf("%s was %s, is %s", c.dir, before, after)
				}
				if c.dir != mounted {
					gone(t, c.dir)
				}
			}
		})
	}
	if err := fs.CheckMounted(mounted); err != nil {
		t.Error(err)
	}
}

// TestArguments asks for what is no command.
func TestArguments(t *testing.T) {
	for line, want := range map[string]string{
		"mount":                        "SOURCE is missing",
		"mount imap://a@localhost":     "MOUNTPOINT is missing",
		"mount imap://a@localhost a b": `"b" is one argument too many`,
		"imaps://a@localhost":          "MOUNTPOINT is missing",
		"mount ftp://a@localhost /":    "SOURCE begins with imaps://",
		"mount imap://localhost /":     "SOURCE names no user",
		"mount --colour":               "unknown flag: --colour",
		"umount":                       "MOUNTPOINT is missing",
		"umount /":                     "no imapfs is mounted at /",
		"umount /no/where":             "/no/where",
		"status /":                     "no imapfs is mounted at /",
		"sync /":                       "no imapfs is mounted at /",
		"dismount":                     "unknown command",
	} {
		fails(t, command(t, strings.Fields(line)...), want)
	}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// look tells what a mountpoint is like, without what is mounted there.
func look(t testing.TB, dir string) string {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		return "not there"
	}
	text := info.Mode().String() + info.ModTime().String()
	entries, _ := os.ReadDir(dir) // it may be none
	for _, e := range entries {
		text += " " + e.Name()
	}
	return text
}

// listen accepts connections, and closes each after serve; with nil, nobody is
// there any more.
func listen(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if serve == nil {
		ln.Close()
		return ln.Addr().String()
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn) // so that no reset overtakes what was said
			conn.Close()
		}
	}()
	return ln.Addr().String()
}

// tlsServer listens with a certificate, which is in the file ca.
func tlsServer(t testing.TB, change func(*x509.Certificate), configure ...func(*tls.Config)) (address, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	for _, f := range configure {
		f(config)
	}
	return listen(t, func(conn net.Conn) { tls.Server(conn, config).Handshake() }), ca
}
