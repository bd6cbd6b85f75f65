package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sys/unix"

	"imapfs/imapbackend/imaptest"
)

const aclPlugin = `mail_plugins = $mail_plugins acl
protocol imap {
  mail_plugins = $mail_plugins imap_acl
}
plugin {
  acl = vfile
}`

const quotaPlugin = `mail_plugins = $mail_plugins quota
protocol imap {
  mail_plugins = $mail_plugins imap_quota
}
plugin {
  quota = count:User quota
  quota_rule = *:storage=1G
  quota_vsizes = yes
}`

// TestRights reads access rights and the size of a mailbox by name. Neither is
// listed, and nothing but their names makes anybody ask the server for them.
func TestRights(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithMailboxes("Projects"), imaptest.WithConfig(aclPlugin))
	s.Deliver("Projects", note("one"), sampleDate)
	client := s.Client()
	if err := client.SetACL("Projects", "bob", imap.RightModificationReplace, imap.RightSet("lr")).Wait(); err != nil {
		t.Fatal(err)
	}
	dir := mountAt(t, s, s.Addr)
	for name, want := range map[string]string{"rights": "lrwstipekxacd", "acl": "alice lrwstipekxacd\nbob lr"} {
		if got := attribute(t, dir+"/Projects", "user.imap."+name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	data, err := client.Status("Projects", &imap.StatusOptions{Size: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := attribute(t, dir+"/Projects", "user.imap.size"); got != fmt.Sprint(*data.Size) || *data.Size == 0 {
		t.Errorf("size %q, not %d", got, *data.Size)
	}
	names := make([]byte, 1024)
	n, err := unix.Listxattr(dir+"/Projects", names)
	if list := string(names[:n]); err != nil || strings.Contains(list, "acl") || strings.Contains(list, "rights") || strings.Contains(list, "size") {
		t.Errorf("listed: %q, %v", list, err)
	}
}

// TestNoRights has a server that knows nothing of all that.
func TestNoRights(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig("imap_capability = IMAP4rev1 IDLE"))
	dir := mountAt(t, s, s.Addr)
	for _, name := range []string{"rights", "acl", "size"} {
		if got := attribute(t, dir+"/INBOX", "user.imap."+name); got != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks != 0 {
		t.Errorf("%d blocks, %v", st.Blocks, err)
	}
}

// TestQuota shows the quota as the size of the file system, and goes on showing
// it, without delay, when the server is gone.
func TestQuota(t *testing.T) {
	s := imaptest.Dovecot(t, imaptest.WithConfig(quotaPlugin))
	s.Deliver("INBOX", []byte("Subject: 64 KiB\n\n"+strings.Repeat("0123456789abcde\n", 4096)), sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr)
	const limit = 1 << 30
	check := func(when string) {
		t.Helper()
		var st unix.Statfs_t
		began := time.Now()
		err := unix.Statfs(dir, &st)
		used := int64(st.Blocks-st.Bfree) * st.Bsize
		if err != nil || int64(st.Blocks)*st.Bsize != limit || used < 64<<10 || used > 128<<10 || st.Bavail != st.Bfree {
			t.Errorf("%s: %d blocks of %d, %d used, %v", when, st.Blocks, st.Bsize, used, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: statfs took %v", when, took)
		}
	}
	check("online")
	if q := statusOf(t, dir).Quota; q == nil || q.Limit != limit || q.Used < 64<<10 || q.Used > 128<<10 || time.Since(q.At) > time.Minute {
		t.Errorf("status: %+v", q)
	}
	if text := works(t, "status", dir); !strings.Contains(text, " KiB of 1.0 GiB, ") {
		t.Errorf("no quota in\n%s", text)
	}
	line.Hang()
	check("offline")
}
