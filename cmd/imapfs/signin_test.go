package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// TestMountWithCertificate mounts in the background with a client certificate,
// and no password; its key may be in the same file.
func TestMountWithCertificate(t *testing.T) {
	option, issue := imaptest.WithClientCertificates(t)
	s := imaptest.Dovecot(t, imaptest.WithTLS(), option)
	s.Deliver("INBOX", note("with a certificate"), sampleDate)
	cert, key := issue(s.Username)
	both := filepath.Join(t.TempDir(), "both.pem")
	text := ""
	for _, name := range []string{cert, key} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	write(t, both, text)
	if err := os.Chmod(both, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ source, file, key string }{
		{"imaps://alice@" + strings.Replace(s.TLSAddr, "127.0.0.1", "localhost", 1), cert, key},
		{"imap://alice@" + s.Addr, both, ""},
	} {
		dir, log := t.TempDir(), filepath.Join(t.TempDir(), "protocol")
		cmd := command(t, "mount", test.source, dir, "--tls-ca", s.CAFile, "--tls-cert", test.file, "--tls-key", test.key, "--protocol-log", log)
		for i, v := range cmd.Env {
			if strings.HasPrefix(v, passwordVar+"=") {
				cmd.Env[i] = "X="
			}
		}
		if stdout, stderr, code := run(t, cmd); code != 0 {
			t.Fatalf("%d: %s%s", code, stdout, stderr)
		}
		names, err := os.ReadDir(filepath.Join(dir, "INBOX"))
		if err != nil || len(names) != 1 {
			t.Errorf("%v, %v", names, err)
		}
		if data, err := os.ReadFile(log); err != nil || !strings.Contains(string(data), "AUTHENTICATE EXTERNAL") {
			t.Errorf("%v\n%s", err, data)
		}
		works(t, "umount", dir)
		gone(t, dir)
	}
}

func TestNeedsPassword(t *testing.T) {
	for _, test := range []struct {
		config mountConfig
		env    bool
		want   bool
	}{
		{mountConfig{}, false, true},
		{mountConfig{tokenCommand: "x"}, true, false},
		{mountConfig{tlsCert: "x"}, false, false},
		{mountConfig{tlsCert: "x"}, true, true},
		{mountConfig{tlsCert: "x", passwordFile: "x"}, false, true},
		{mountConfig{tlsCert: "x", auth: "PLAIN"}, false, true},
		{mountConfig{tlsCert: "x", auth: "EXTERNAL"}, true, false},
	} {
		os.Unsetenv(passwordVar)
		if test.env {
			t.Setenv(passwordVar, "secret")
		}
		if got := test.config.needsPassword(); got != test.want {
			t.Errorf("%+v, variable %v: %v", test.config, test.env, got)
		}
	}
}
