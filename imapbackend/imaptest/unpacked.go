package imaptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// startUnpacked starts one of the servers that "make servers" has unpacked, with
// Maildirs, by a shell script: $1 is the folder of its packages, $2 the one of
// its own files, and $3 the port. In $2 there are the user's password as
// crypt(3) has it, in the file hash, and the option's lines, in the file config.
// account makes the store of the Maildirs in $2/mail.
func startUnpacked(t testing.TB, server, username, script string, o *options, account func(*maildir) store) *Server {
	t.Helper()
	if o.tls {
		t.Fatalf("imaptest: %s is without TLS here", server)
	}
	root := unpacked(t, server)
	s := &Server{Username: username, Password: "secret", t: t}
	dir, err := os.MkdirTemp("", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	m, err := newMaildir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.store = account(m)
	for _, name := range o.mailboxes {
		s.Create(name)
	}
	hash, err := crypted(s.Password)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"hash": hash, "config": o.lines} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	libraries, err := libraryPath(root)
	if err != nil {
		t.Fatal(err)
	}
	// The port was free, but another process can take it meanwhile.
	for try := 1; ; try++ {
		port, err := freePort()
		if err == nil {
			s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			err = startDaemons(t, dir, s.Addr, []string{"LD_LIBRARY_PATH=" + libraries},
				"sh", "-c", script, server, root, dir, strconv.Itoa(port))
		}
		if err == nil {
			return s
		}
		if try == 3 {
			t.Fatal(err)
		}
	}
}

// crypted is a password as crypt(3) has it, by SHA-512.
func crypted(password string) (string, error) {
	cmd := exec.Command("openssl", "passwd", "-6", "-stdin")
	cmd.Stdin = strings.NewReader(password)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("openssl passwd: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
