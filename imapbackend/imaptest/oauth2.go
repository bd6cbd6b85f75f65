package imaptest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// WithAccessTokens makes the server take OAuth 2.0 access tokens, by XOAUTH2 and
// OAUTHBEARER. It asks an authorization server about them (RFC 7662), which says
// that those are alice's for which valid returns true. Only for Dovecot.
func WithAccessTokens(t testing.TB, valid func(token string) bool) Option {
	t.Helper()
	authorization := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":%v,"username":"alice"}`, valid(r.FormValue("token")))
	}))
	t.Cleanup(authorization.Close)
	// Not t.TempDir, into which Dovecot's processes cannot look.
	dir, err := os.MkdirTemp("", "oauth2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	name := filepath.Join(dir, "oauth2.conf")
	text := fmt.Sprintf(`introspection_mode = post
introspection_url = %s/
username_attribute = username
active_attribute = active
active_value = true
`, authorization.URL)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return WithConfig(fmt.Sprintf(`auth_mechanisms = plain xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %s
}`, name))
}
