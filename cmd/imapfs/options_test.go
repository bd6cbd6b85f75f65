package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"imapfs/imapbackend"
)

// parsed is what mount makes of its options.
func parsed(t *testing.T, args ...string) (*mountConfig, error) {
	t.Helper()
	c := new(mountConfig)
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	c.flags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c, c.parse(flags, "imaps://alice@example.org", t.TempDir())
}

// everyOption is all options but -o, --oauth-token-command, which takes the place of
// a password, and --offline, which writing is not for, with a value that is not the
// default.
var everyOption = map[string]string{
	"foreground": "true", "fresh": "true", "allow-other": "true", "password-command": "echo a, b", "password-file": "/p",
	"auth": "PLAIN", "tls-cert": "/cert", "tls-key": "/key",
	"tls-ca": "/ca", "insecure-plaintext": "true", "layout": "eml", "list-eml": "true", "umask": "022", "uid": "7", "gid": "8",
	"no-xattrs": "true", "max-connections": "2", "poll": "1m0s", "memory": "1GiB", "cache-size": "1TiB", "cache-dir": "/cache", "verbose": "true", "log-file": "/log",
	"protocol-log": "/protocol", "metrics": "127.0.0.1:9900", "metrics-public": "true",
	"rate-limit": "2MB", "daily-limit": "2500MB",
	"writable": "true", "delete": "expunge", "no-duplicates": "true", "sync-writes": "true",
}

var everyConfig = mountConfig{
	foreground: true, fresh: true, allowOther: true, passwordCommand: "echo a, b", passwordFile: "/p",
	auth: "PLAIN", tlsCert: "/cert", tlsKey: "/key", tlsCA: "/ca",
	insecure: true, layout: "eml", listEML: true, umask: "022", uid: 7, gid: 8, noXattrs: true, maxConnections: 2,
	poll: time.Minute, memory: "1GiB", cacheSize: "1TiB", cacheDir: "/cache", verbose: true, logFile: "/log", protocolLog: "/protocol",
	metrics: "127.0.0.1:9900", metricsPublic: true, rateLimit: "2MB", dailyLimit: "2500MB",
	writable: true, deletion: "expunge", noDuplicates: true, syncWrites: true,
}

// TestEveryOption gives each option on the command line, after -o and as a
// variable.
func TestEveryOption(t *testing.T) {
	check := func(t *testing.T, args ...string) {
		t.Helper()
		c, err := parsed(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		got := *c
		got.source, got.mountpoint, got.mountOptions = source{}, "", nil
		if !reflect.DeepEqual(got, everyConfig) {
			t.Errorf("%+v, not %+v", got, everyConfig)
		}
	}
	var flags, words []string
	for name, value := range everyOption {
		flags = append(flags, "--"+name+"="+value)
		word := strings.ReplaceAll(name, "-", "_")
		if value != "true" {
			word += "=" + strings.ReplaceAll(value, ",", `\,`)
		}
		words = append(words, word)
	}
	t.Run("flags", func(t *testing.T) { check(t, flags...) })
	t.Run("-o", func(t *testing.T) { check(t, "-o", strings.Join(words, ",")) })
	t.Run("variables", func(t *testing.T) {
		for name, value := range everyOption {
			t.Setenv("IMAPFS_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value)
		}
		check(t)
	})
	count := 0
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(mountConfig).flags(all)
	all.VisitAll(func(*pflag.Flag) { count++ })
	if known := len(everyOption) + 3; count != known {
		t.Errorf("this test knows %d options of %d", known, count)
	}
}

// TestPrecedence prefers the command line to the environment.
func TestPrecedence(t *testing.T) {
	t.Setenv("IMAPFS_LAYOUT", "eml")
	t.Setenv("IMAPFS_OPTION", "uid=5,list_eml")
	c, err := parsed(t, "--layout", "parts")
	if err != nil || c.layout != "parts" || c.uid != 5 || !c.listEML {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestMountOptions(t *testing.T) {
	for list, want := range map[string]string{
		"ro,rw,suid,dev,exec,nosuid,noexec,nodev,relatime,noatime,_netdev,nofail,defaults,auto,noauto,user,users": "",
		"x-systemd.automount,X-mount.mkdir,comment=mail,default_permissions,,":                                    "",
		"remount":  "-o remount: there is no such option",
		"uid":      "-o uid: it needs a value (uid=...)",
		"uid=me":   "-o uid=me: ",
		"poll=0":   "--poll: at least 1s",
		"option=x": "-o option=x: there is no such option",
		"help":     "-o help: there is no such option",
	} {
		_, err := parsed(t, "-o", list)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, not %q", list, err, want)
		}
	}
}

func FuzzSplitOptions(f *testing.F) {
	for _, list := range []string{"", "a", "a,b", `a\,b,c`, `a\\,b`, `\`, ",,"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		words := splitOptions(list)
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(w)
		}
		if again := splitOptions(strings.Join(quoted, ",")); !slices.Equal(again, words) {
			t.Errorf("%q is %q, then %q", list, words, again)
		}
	})
}

func TestSource(t *testing.T) {
	for s, want := range map[string]source{
		"imaps://alice@example.org":                     {host: "example.org", port: "993", user: "alice", tls: true},
		"imap://alice@example.org":                      {host: "example.org", port: "143", user: "alice"},
		"imaps://a%40b.org@[::1]:1993/Lists/Caf%C3%A9/": {host: "::1", port: "1993", user: "a@b.org", mailbox: "Lists/Café", tls: true},
	} {
		if got, err := parseSource(s); err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "example.org", "alice@example.org", "imaps://example.org", "imaps://@example.org", "imaps://alice@", "imaps:alice@example.org",
		"imaps://alice:secret@example.org", "imaps://alice:@example.org", "imaps://alice@example.org?x", "imaps://alice@example.org#x",
		"https://alice@example.org", "imaps://alice:sec ret@example.org:x",
	} {
		if got, err := parseSource(s); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
}

// TestSecurity decides when a connection may do without TLS.
func TestSecurity(t *testing.T) {
	for _, test := range []struct {
		source          string
		insecure, ownCA bool
		want            imapbackend.Security
	}{
		{"imaps://a@example.org", false, false, imapbackend.ImplicitTLS},
		{"imaps://a@localhost", true, false, imapbackend.ImplicitTLS},
		{"imap://a@example.org", false, false, imapbackend.StartTLS},
		{"imap://a@example.org", true, false, imapbackend.Plaintext},
		{"imap://a@192.0.2.1", false, false, imapbackend.StartTLS},
		{"imap://a@127.0.0.1.example.org", false, false, imapbackend.StartTLS},
		{"imap://a@localhost.example.org", false, false, imapbackend.StartTLS},
		{"imap://a@localhost", false, false, imapbackend.Plaintext},
		{"imap://a@127.1.2.3", false, false, imapbackend.Plaintext},
		{"imap://a@[::1]", false, false, imapbackend.Plaintext},
		{"imap://a@localhost", false, true, imapbackend.StartTLS},
	} {
		src, err := parseSource(test.source)
		if got := src.security(test.insecure, test.ownCA); err != nil || got != test.want {
			t.Errorf("%s, insecure %v, own authority %v: %v, %v", test.source, test.insecure, test.ownCA, got, err)
		}
	}
}
