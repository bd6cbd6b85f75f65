package guard

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// FuzzLogin takes any stream for a server's part of the prologue: no panic, no
// hang, and the secret neither logged nor told, also where the server says it.
func FuzzLogin(f *testing.F) {
	const secret = "op3n-sesame"
	coded := base64.StdEncoding.EncodeToString([]byte(secret))
	hello := "* OK [CAPABILITY IMAP4rev1 ID ENABLE UTF8=ACCEPT COMPRESS=DEFLATE %s] hello\r\n"
	for _, s := range []string{
		"AUTH=PLAIN SASL-IR|P1 OK [CAPABILITY ID ENABLE UTF8=ACCEPT COMPRESS=DEFLATE] in\r\nP2 OK\r\n* ENABLED UTF8=ACCEPT\r\nP3 OK\r\nP4 OK\r\nraw",
		"AUTH=SCRAM-SHA-256|+ \r\n+ cj14LHM9YWE9PSxpPTQwOTY=\r\nP1 NO\r\n",
		"AUTH=SCRAM-SHA-256 AUTH=LOGIN|P1 NO no\r\n+ \r\n+ \r\nP2 NO " + secret + " " + coded + "\r\n",
		"AUTH=SCRAM-SHA-1 SASL-IR|* OK [ALERT] " + secret + "\r\n+ ZT1v\r\nP1 OK\r\n",
		"LITERAL+|P1 BAD " + secret + "\r\n* BYE\r\n",
		"AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR|+ eyJzdGF0dXMiOjQwMH0=\r\nP1 NO [AUTHENTICATIONFAILED] " + coded + "\r\n",
	} {
		caps, rest, _ := strings.Cut(s, "|")
		f.Add([]byte(fmt.Sprintf(hello, caps)+rest), true)
		f.Add([]byte(fmt.Sprintf(hello, caps)+rest), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, token bool) {
		var log, told bytes.Buffer
		c := New(&script{Reader: bytes.NewReader(stream)}, Options{Log: &log, Hooks: Hooks{
			Status: func(st Status, _ bool) { fmt.Fprintln(&told, st.Code, st.Args, st.Text) },
		}})
		p := Prologue{Credentials: Credentials{Username: "al", Password: secret}, ID: map[string]string{"a": "b"}, Enable: []string{"UTF8=ACCEPT"}, Compress: true}
		if token {
			p.Credentials.Password, p.Credentials.Token = "", secret
		}
		_, err := c.Prologue(t.Context(), p)
		if all := fmt.Sprint(log.String(), told.String(), err); strings.Contains(all, secret) || strings.Contains(all, coded) {
			t.Errorf("the secret is in %q", all)
		}
	})
}
