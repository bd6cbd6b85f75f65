package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

func TestTokenCommand(t *testing.T) {
	for _, test := range []struct{ name, command, want, err string }{
		{"a token", "printf ' ya29.x-_~+/=\\r\\n'", "ya29.x-_~+/=", ""},
		{"what it says beside it", "echo token; echo secret >&2; echo more", "token", ""},
		{"failure", "echo token; exit 3", "", "the token command failed: exit status 3"},
		{"nothing", "true", "", "printed nothing"},
		{"no token", `echo '{"error": "invalid_grant"}'`, "", "no access token"},
		{"no end", "yes", "", "printed over 65536 bytes"},
		{"one long line", "head -c 100000 /dev/zero | tr '\\0' x", "", "printed over 65536 bytes"},
		{"an agent that stays", "sleep 1000 & echo token", "token", ""},
		{"a wait without end", "sleep 1000", "", "the token command failed: signal: killed"},
		{"no terminal", "cat && echo token", "token", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			c := &mountConfig{tokenCommand: test.command}
			token, err := c.token(ctx, false)
			if token != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%.100q, %v", token, err)
			}
			if err != nil && (strings.Contains(err.Error(), "invalid_grant") || strings.Contains(err.Error(), "xxx")) {
				t.Errorf("what was printed is in %v", err)
			}
		})
	}
}

// TestTokens runs the command for each connection but the first, whose token came
// along, and when that was refused.
func TestTokens(t *testing.T) {
	c := &mountConfig{tokenCommand: "echo another", firstToken: "first"}
	next := c.tokens()
	for i, want := range []string{"first", "another", "another"} {
		if got, err := next(t.Context(), ""); got != want || err != nil {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	c.firstToken = "first"
	if got, err := c.tokens()(t.Context(), "first"); got != "another" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestMountWithToken mounts in the background with access tokens, of which each
// is good for one connection, and the first for none.
func TestMountWithToken(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	log := filepath.Join(t.TempDir(), "protocol")
	used := map[string]bool{"token-1": true}
	s := imaptest.Dovecot(t, imaptest.WithAccessTokens(t, func(token string) bool {
		if !strings.HasPrefix(token, "token-") || used[token] {
			return false
		}
		used[token] = true
		return true
	}))
	s.Deliver("INBOX", note("with a token"), sampleDate)
	dir := background(t, s, "--oauth-token-command", fmt.Sprintf(`echo run >>%[1]s; echo token-$(wc -l <%[1]s)`, runs), "--protocol-log", log)
	if names, err := os.ReadDir(filepath.Join(dir, "INBOX")); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "AUTHENTICATE OAUTHBEARER") || strings.Contains(string(text), "token-") {
		t.Errorf("%v\n%s", err, text)
	}
}
