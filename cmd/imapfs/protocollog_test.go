package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// literal ends a line that has one.
var literal = regexp.MustCompile(`\{(\d+)\}$`)

// echoing serves one connection: a server that lets nobody in, and repeats all
// that it is told.
func echoing(capabilities string) func(net.Conn) {
	return func(conn net.Conn) {
		lines := bufio.NewReader(conn)
		fmt.Fprintf(conn, "* OK [CAPABILITY IMAP4rev1 %s] hello\r\n", capabilities)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			said := strings.TrimSpace(line)
			tag, _, _ := strings.Cut(said, " ")
			for m := literal.FindStringSubmatch(said); m != nil; m = literal.FindStringSubmatch(said) {
				size, _ := strconv.Atoi(m[1])
				io.WriteString(conn, "+ go on\r\n")
				text := make([]byte, size)
				if _, err := io.ReadFull(lines, text); err != nil {
					return
				}
				rest, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				said += " " + string(text) + strings.TrimRight(rest, "\r\n")
			}
			if strings.HasSuffix(said, "AUTHENTICATE PLAIN") {
				io.WriteString(conn, "+ \r\n")
				response, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				plain, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(response))
				said += " " + strings.TrimSpace(response) + " " + strings.ReplaceAll(string(plain), "\x00", " ")
			}
			long := strings.Repeat("x", 4090) + said // cut somewhere in the secret
			fmt.Fprintf(conn, "* OK %s\r\n* OK %s\r\n%s NO [AUTHENTICATIONFAILED] %s\r\n", said, long, tag, said)
			if _, rest, ok := strings.Cut(said, " "); ok && strings.HasPrefix(rest, "LOGIN") || strings.Contains(said, "AUTHENTICATE") {
				return
			}
		}
	}
}

// TestProtocolLogOfLogin finds no password in the log, nor in what is said
// about the failure, however it was sent and repeated.
func TestProtocolLogOfLogin(t *testing.T) {
	for _, password := range []string{"open sesame", `quo"te\d`, "pässwörd"} {
		for _, capabilities := range []string{"AUTH=PLAIN SASL-IR", "AUTH=PLAIN", ""} {
			log := filepath.Join(t.TempDir(), "protocol")
			cmd := command(t, "mount", "-f", "--protocol-log", log, "imap://alice@"+listen(t, echoing(capabilities)), t.TempDir())
			cmd.Env = append(cmd.Env, passwordVar+"="+password)
			_, stderr, code := run(t, cmd)
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if code != 1 || !strings.Contains(stderr, "does not let alice in") || !strings.Contains(string(data), "AUTHENTICATIONFAILED") {
				t.Errorf("%s: exit status %d, %s\n%s", capabilities, code, stderr, data)
			}
			for _, secret := range []string{
				password, strconv.Quote(password)[1:], base64.StdEncoding.EncodeToString([]byte(password)),
				base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + password)),
			} {
				secret = secret[:len(secret)-2] // also what was cut off
				if strings.Contains(string(data), secret) || strings.Contains(stderr, secret) {
					t.Errorf("%s: %q is in the log, or in %s\n%s", capabilities, secret, stderr, data)
				}
			}
		}
	}
}

// TestProtocolLogOfMail has the commands in the log, and nothing of the mail
// that they fetched.
func TestProtocolLogOfMail(t *testing.T) {
	s := imaptest.Dovecot(t)
	s.Deliver("INBOX", note("plain"), sampleDate)
	s.Deliver("INBOX", imaptest.CRLF(imaptest.Message([]string{"From: a@example.org"}, imaptest.Text("text/plain", "utf-8", "nobody should see this"))), sampleDate)
	log := filepath.Join(t.TempDir(), "protocol")
	walk(t, mountAt(t, s, s.Addr, func(c *mountConfig) { c.protocolLog = log }))
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]bool{
		"EXAMINE": true, "UID FETCH": true, "octets}": true,
		"nobody should": false, s.Password: false, base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + s.Password)): false,
	} {
		if strings.Contains(string(data), word) != want {
			t.Errorf("%q in the log: %v", word, !want)
		}
	}
	if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: %v", info, err)
	}
}
