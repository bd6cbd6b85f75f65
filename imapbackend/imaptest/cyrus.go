package imaptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/emersion/go-imap/v2/imapclient"
)

// cyrusAdmin is who may create the account.
const cyrusAdmin = "cyrus"

// cyrusConf is imapd.conf for Cyrus 3.6. Mailboxes are named as by other
// servers, and octets over 127 in a header stay what they are.
var cyrusConf = template.Must(template.New("imapd.conf").Parse(`configdirectory: {{.Dir}}/config
defaultpartition: default
partition-default: {{.Dir}}/mail
cyrus_user: {{.User}}
cyrus_group: {{.Group}}
servername: localhost
admins: {{.Admin}}
unixhierarchysep: yes
altnamespace: yes
munge8bit: no
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {{.Dir}}/sasldb2
{{if .TLS}}tls_server_cert: {{.Dir}}/cert.pem
tls_server_key: {{.Dir}}/key.pem
{{end}}{{.Lines}}`))

// cyrusServices is cyrus.conf. Without idled, IDLE tells the news of other
// connections once a minute.
var cyrusServices = template.Must(template.New("cyrus.conf").Parse(`START {
}
SERVICES {
  imap cmd="{{.Bin}}/imapd -C {{.Dir}}/imapd.conf" listen="127.0.0.1:{{.Port}}" prefork=1
{{if .TLS}}  imaps cmd="{{.Bin}}/imapd -s -C {{.Dir}}/imapd.conf" listen="127.0.0.1:{{.TLSPort}}"
{{end}}}
DAEMON {
  idled cmd="{{.Bin}}/idled -d -C {{.Dir}}/imapd.conf"
}
EVENTS {
}
`))

// Cyrus starts a Cyrus of its own, which "make servers" has unpacked, and skips
// the test where there is none; but the test fails where CI=true. WithConfig
// adds to imapd.conf. Deliver fails with what Cyrus refuses: NUL, and a header
// that does not end or has a line that is no field.
func Cyrus(t testing.TB, opts ...Option) *Server {
	t.Helper()
	root := unpacked(t, "cyrus")
	o := newOptions(opts)
	s := &Server{Username: "alice", Password: "secret", t: t}
	s.store = &appended{server: s}
	// Not t.TempDir: that has the test's name in it, and the path of a socket
	// holds no more than 107 bytes.
	dir, err := os.MkdirTemp("", "cyrus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	c := &cyrus{root: root, dir: dir}
	if err := c.prepare(s, o); err != nil {
		t.Fatal(err)
	}
	// The port was free, but another process can take it meanwhile.
	for try := 1; ; try++ {
		err := c.start(s, o)
		if err == nil {
			break
		}
		if try == 3 {
			t.Fatal(err)
		}
	}
	if err := c.createAccount(s); err != nil {
		t.Fatal(err)
	}
	for _, name := range o.mailboxes {
		s.Create(name)
	}
	return s
}

// cyrus is a Cyrus whose packages are in root and whose files are in dir.
type cyrus struct {
	root, dir string
	env       []string
}

// prepare writes all that does not depend on the port.
func (c *cyrus) prepare(s *Server, o *options) error {
	libraries, err := libraryPath(c.root)
	if err != nil {
		return err
	}
	// The plugins may be the machine's, or unpacked with the server.
	plugins, err := filepath.Glob("/usr/lib/*/sasl2")
	if err != nil {
		return err
	}
	for dir := range strings.SplitSeq(libraries, ":") {
		if filepath.Base(dir) == "sasl2" {
			plugins = append(plugins, dir)
		}
	}
	c.env = []string{"LD_LIBRARY_PATH=" + libraries, "SASL_PATH=" + strings.Join(plugins, ":")}

	for _, sub := range []string{"config", "config/socket", "mail"} {
		if err := os.Mkdir(filepath.Join(c.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if o.tls {
		if s.CAFile, _, err = certificate(c.dir); err != nil {
			return err
		}
	}
	for _, name := range []string{s.Username, cyrusAdmin} {
		cmd := exec.Command(filepath.Join(c.root, "usr/sbin/saslpasswd2"),
			"-p", "-c", "-f", filepath.Join(c.dir, "sasldb2"), "-u", "localhost", name)
		cmd.Env = append(os.Environ(), c.env...)
		cmd.Stdin = strings.NewReader(s.Password)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("saslpasswd2: %w\n%s", err, out)
		}
	}
	return c.own()
}

// own gives the files to the user that Cyrus becomes.
func (c *cyrus) own() error {
	u, err := user.Lookup(mailUser)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	return filepath.WalkDir(c.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, -1)
	})
}

func (c *cyrus) start(s *Server, o *options) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	tlsPort, err := freePort()
	if err != nil {
		return err
	}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if o.tls {
		s.TLSAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(tlsPort))
	}
	group, err := mailGroup()
	if err != nil {
		return err
	}
	bin := filepath.Join(c.root, "usr/lib/cyrus/bin")
	values := map[string]any{
		"Dir": c.dir, "Bin": bin, "User": mailUser, "Group": group, "Admin": cyrusAdmin,
		"TLS": o.tls, "Port": port, "TLSPort": tlsPort, "Lines": o.lines,
	}
	for _, conf := range []*template.Template{cyrusConf, cyrusServices} {
		if err := writeConf(conf, filepath.Join(c.dir, conf.Name()), values); err != nil {
			return err
		}
	}
	return startDaemons(s.t, c.dir, s.Addr, c.env, filepath.Join(bin, "master"), "-D",
		"-C", filepath.Join(c.dir, "imapd.conf"), "-M", filepath.Join(c.dir, "cyrus.conf"), "-p", filepath.Join(c.dir, "pid"))
}

func mailGroup() (string, error) {
	u, err := user.Lookup(mailUser)
	if err != nil {
		return "", err
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return "", err
	}
	return g.Name, nil
}

// createAccount gives the user an INBOX.
func (c *cyrus) createAccount(s *Server) error {
	client, err := imapclient.DialInsecure(s.Addr, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Login(cyrusAdmin, s.Password).Wait(); err != nil {
		return fmt.Errorf("login as %s: %w", cyrusAdmin, err)
	}
	if err := client.Create("user/"+s.Username, nil).Wait(); err != nil {
		return fmt.Errorf("create the account: %w", err)
	}
	return nil
}
