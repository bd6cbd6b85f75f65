package imaptest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"
)

// mailUser is who owns Dovecot's mail: Dovecot refuses to serve root's.
const mailUser = "nobody"

// dovecotConf is written for Dovecot 2.3. LAYOUT=fs has a directory for each
// level of a mailbox's name, so that a "." in it is just a character, which it
// cannot be in Maildir++.
var dovecotConf = template.Must(template.New("dovecot.conf").Parse(`base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/log
protocols = imap
listen = 127.0.0.1
{{if .TLSPort}}ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
{{else}}ssl = no
{{end}}disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{{.Dir}}/mail:LAYOUT=fs:INBOX={{.Dir}}/mail/INBOX
mail_uid = {{.User}}
mail_gid = {{.Group}}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 100
maildir_stat_dirs = yes
service imap-login {
  inet_listener imap {
    port = {{.Port}}
  }
  inet_listener imaps {
    port = {{.TLSPort}}
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
passdb {
  driver = static
  args = password={{.Password}}
}
userdb {
  driver = static
  args = uid={{.User}} gid={{.Group}} home={{.Dir}}/home
}
namespace inbox {
  inbox = yes
  separator = /
}
{{.Lines}}`))

// Dovecot starts a Dovecot with Maildirs of its own. Where there is none, or
// where the test does not run as root, which Dovecot needs, the test is skipped;
// but it fails where CI=true says that everything has to be there.
func Dovecot(t testing.TB, opts ...Option) *Server {
	t.Helper()
	if missing := needs(); missing != "" {
		lacking(t, missing)
	}
	// Not t.TempDir: that has the test's name in it, and the path of a socket
	// holds no more than 107 bytes.
	dir, err := os.MkdirTemp("", "dovecot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	o := newOptions(opts)
	s := &Server{Username: "alice", Password: "secret", t: t}
	if s.store, err = newMaildir(dir); err != nil {
		t.Fatal(err)
	}
	if o.tls {
		if s.CAFile, _, err = certificate(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range o.mailboxes {
		s.Create(name)
	}
	s.dovecot = &dovecot{dir: dir, options: o}
	t.Cleanup(func() {
		s.Stop()
		if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil && t.Failed() {
			t.Logf("dovecot's log:\n%s", tail(string(log), 50))
		}
	})
	// The port was free, but another process can take it meanwhile.
	for try := 1; ; try++ {
		err := s.newPorts()
		if err == nil {
			err = s.startDovecot()
		}
		if err == nil {
			return s
		}
		if try == 3 {
			t.Fatal(err)
		}
	}
}

// dovecot is the process behind a Server.
type dovecot struct {
	dir           string
	options       *options
	port, tlsPort int
	stop          func() // nil: it does not run
}

// Stop ends Dovecot and its sessions, which get a BYE. Only for Dovecot.
func (s *Server) Stop() {
	if s.dovecot.stop != nil {
		s.dovecot.stop()
		s.dovecot.stop = nil
	}
}

// Start starts a Dovecot that has been stopped, on the same port, with the mail
// that there was, and with Password as it is now.
func (s *Server) Start() {
	s.t.Helper()
	// Not at the first attempt, where the old one has left something behind.
	var err error
	for range 3 {
		if err = s.startDovecot(); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

// Expire gives the server another certificate, which has expired, and Renew
// gives it the first again. It takes a Stop and a Start to be used.
func (s *Server) Expire() {
	s.t.Helper()
	if err := expire(s.dovecot.dir); err != nil {
		s.t.Fatal(err)
	}
}

// Renew ends an Expire.
func (s *Server) Renew() {
	s.t.Helper()
	if err := renew(s.dovecot.dir); err != nil {
		s.t.Fatal(err)
	}
}

// needs says what a Dovecot lacks here, or "".
func needs() string {
	if os.Getuid() != 0 {
		return "Dovecot has to be started as root"
	}
	if _, err := exec.LookPath("dovecot"); err != nil {
		return "no Dovecot here (Debian: apt-get install dovecot-imapd)"
	}
	return ""
}

func (s *Server) newPorts() (err error) {
	d := s.dovecot
	if d.port, err = freePort(); err != nil {
		return err
	}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port))
	if d.options.tls {
		if d.tlsPort, err = freePort(); err != nil {
			return err
		}
		s.TLSAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(d.tlsPort))
	}
	return nil
}

func (s *Server) startDovecot() error {
	d := s.dovecot
	conf := filepath.Join(d.dir, "dovecot.conf")
	if err := writeConf(dovecotConf, conf, map[string]any{
		"Dir": d.dir, "Port": d.port, "TLSPort": d.tlsPort, "Password": s.Password, "Lines": d.options.lines,
		"User": s.store.(*maildir).uid, "Group": s.store.(*maildir).gid,
	}); err != nil {
		return err
	}

	// The shell ends Dovecot when its standard input does: when the test ends,
	// also by a signal or a time-out that leaves it no clean-up.
	cmd := exec.Command("sh", "-c", `dovecot -F -c "$0" & cat; kill $!; wait`, conf)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start dovecot: %w", err)
	}
	d.stop = func() {
		stdin.Close()
		cmd.Wait()
	}
	if err := greeted(s.Addr); err != nil {
		s.Stop()
		log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
		return fmt.Errorf("start dovecot: %w\n%s", err, log)
	}
	return nil
}

func writeConf(conf *template.Template, name string, values map[string]any) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(conf.Execute(f, values), f.Close())
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// greeted waits until an IMAP server greets.
func greeted(addr string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.SetDeadline(deadline)
			var line string
			line, err = bufio.NewReader(c).ReadString('\n')
			c.Close()
			if strings.HasPrefix(line, "* OK") {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no greeting: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func tail(log string, lines int) string {
	l := strings.SplitAfter(log, "\n")
	return strings.Join(l[max(0, len(l)-lines):], "")
}
