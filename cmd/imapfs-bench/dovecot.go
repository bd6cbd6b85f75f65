package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
)

const (
	userName = "alice"
	password = "secret"
	// mailUser is who owns the mail: Dovecot refuses to serve root's.
	mailUser = "nobody"
)

// What clients ask for is in the server's cache once it was asked for the first
// time. It is told to keep all of it, since by itself it would decide that for
// each mailbox as it learns what clients do.
var dovecotConf = template.Must(template.New("dovecot.conf").Parse(`base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = {{.Location}}
mail_uid = {{.UID}}
mail_gid = {{.GID}}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 100
mail_always_cache_fields = date.received size.virtual imap.envelope imap.bodystructure mime.parts
service imap-login {
  inet_listener imap {
    port = {{.Port}}
  }
  inet_listener imaps {
    port = 0
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
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}/home
}
namespace inbox {
  inbox = yes
  separator = /
}
mbox_read_locks = fcntl
mbox_write_locks = fcntl
`))

// format is how a server stores mail.
type format string

const (
	maildir format = "maildir"
	// mbox has a file for a mailbox: the only way to make, and to delete, a million
	// messages within minutes. It is for what the server answers from its cache.
	mbox format = "mbox"
)

// dovecot is a server with mailboxes below a directory.
type dovecot struct {
	addr     string
	format   format
	dir      string
	uid, gid int
	process  *kept
}

// startDovecot starts a server in a new directory. Its path must be short: there
// will be sockets in it, whose paths hold no more than 107 bytes.
func startDovecot(dir string, f format) (*dovecot, error) {
	owner, err := user.Lookup(mailUser)
	if err != nil {
		return nil, err
	}
	d := &dovecot{dir: dir, format: f}
	d.uid, _ = strconv.Atoi(owner.Uid)
	d.gid, _ = strconv.Atoi(owner.Gid)
	for _, name := range []string{"", "run", "state", "home", "mail", "index"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"home", "mail", "index"} {
		if err := os.Chown(filepath.Join(dir, name), d.uid, d.gid); err != nil {
			return nil, err
		}
	}
	if err := d.create("INBOX"); err != nil {
		return nil, err
	}
	// The port was free, but another process can take it meanwhile.
	for range 3 {
		if err = d.start(); err == nil {
			return d, nil
		}
	}
	return nil, err
}

func (d *dovecot) start() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.addr = ln.Addr().String()
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()

	conf := filepath.Join(d.dir, "dovecot.conf")
	var b strings.Builder
	if err := dovecotConf.Execute(&b, map[string]any{
		"Dir": d.dir, "Port": port, "Location": d.location(), "UID": d.uid, "GID": d.gid, "Password": password,
	}); err != nil {
		return err
	}
	if err := os.WriteFile(conf, []byte(b.String()), 0o600); err != nil {
		return err
	}
	if d.process, err = keep(nil, "dovecot", "-F", "-c", conf); err != nil {
		return err
	}
	if err := greeted(d.addr); err != nil {
		d.stop()
		log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
		return fmt.Errorf("start dovecot: %w\n%s%s", err, d.process.log, log)
	}
	return nil
}

// complaints are the last warnings and errors in the server's log.
func (d *dovecot) complaints() string {
	log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	var bad []string
	for l := range strings.Lines(string(log)) {
		if !strings.Contains(l, " Info: ") {
			bad = append(bad, l)
		}
	}
	return strings.Join(bad[max(0, len(bad)-5):], "")
}

func (d *dovecot) stop() { d.process.end(10 * time.Second) }

// location is Dovecot's mail_location. LAYOUT=fs has a directory for each level of
// a name.
func (d *dovecot) location() string {
	more := map[format]string{maildir: ":LAYOUT=fs"}[d.format]
	return fmt.Sprintf("%s:%s/mail%s:INBOX=%s/mail/INBOX:INDEX=%s/index", d.format, d.dir, more, d.dir, d.dir)
}

// create makes an empty mailbox.
func (d *dovecot) create(name string) error {
	if d.format == mbox {
		if err := os.WriteFile(d.mailbox(name), nil, 0o600); err != nil {
			return err
		}
		return os.Chown(d.mailbox(name), d.uid, d.gid)
	}
	for _, sub := range []string{"", "cur", "new", "tmp"} {
		dir := filepath.Join(d.mailbox(name), sub)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chown(dir, d.uid, d.gid); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a mailbox.
func (d *dovecot) remove(name string) error { return os.RemoveAll(d.mailbox(name)) }

// mailbox is where a mailbox is.
func (d *dovecot) mailbox(name string) string {
	return filepath.Join(d.dir, "mail", name)
}

// greeted waits until an IMAP server greets.
func greeted(addr string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.SetDeadline(deadline)
			var l string
			l, err = bufio.NewReader(c).ReadString('\n')
			c.Close()
			if strings.HasPrefix(l, "* OK") {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no greeting: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
