package imaptest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUnpackedMailboxes delivers to mailboxes of all the levels and characters
// that the servers have.
func TestUnpackedMailboxes(t *testing.T) {
	for name, server := range map[string]struct {
		start func(testing.TB, ...Option) *Server
		as    func(string) string
		want  []string
	}{
		"courier": {Courier, func(name string) string { return "INBOX." + strings.ReplaceAll(name, "/", ".") },
			[]string{"100% sure", "A&B", "Archive/2019", "с/受信箱", "50%41"}},
		"mailutils": {Mailutils, func(name string) string { return name },
			[]string{"100% sure", "A&B", "Archive/2019", "с/受信箱 📁", "50%41", "a.b"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := server.start(t, WithMailboxes(server.want...))
			s.Deliver("INBOX", []byte("Subject: a\n\none\r\ntwo\n"), date)
			for _, name := range server.want {
				s.Deliver(name, []byte("Subject: in "+name+"\r\n\r\n"), date)
			}
			c := s.Client()
			if list := fetchAll(t, c, "INBOX"); len(list) != 1 || string(list[0].BodySection[0].Bytes) != "Subject: a\r\n\r\none\r\ntwo\r\n" {
				t.Errorf("INBOX: %+v", list)
			}
			boxes, err := c.List("", "*", nil).Collect()
			if err != nil {
				t.Fatal(err)
			}
			var listed []string
			for _, b := range boxes {
				listed = append(listed, b.Mailbox)
			}
			for _, name := range server.want {
				if !slices.Contains(listed, server.as(name)) {
					t.Errorf("%q is not in %q", server.as(name), listed)
				} else if list := fetchAll(t, c, server.as(name)); len(list) != 1 || !bytes.Contains(list[0].BodySection[0].Bytes, []byte(name)) {
					t.Errorf("%q: %+v", name, list)
				}
			}
		})
	}
}

// TestUnpackedEnds kills a test that has started servers, and looks for what is
// left of them.
func TestUnpackedEnds(t *testing.T) {
	const killed = "IMAPTEST_KILLED"
	if os.Getenv(killed) != "" {
		s := []*Server{Courier(t), Mailutils(t)}
		os.Stdout.WriteString(s[0].Addr + " " + s[1].Addr + "\n")
		select {}
	}
	unpacked(t, "courier")
	unpacked(t, "mailutils")
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	// Its folders stay behind, here.
	cmd.Env = append(os.Environ(), killed+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1000)
	n, err := out.Read(line)
	cmd.Process.Kill()
	cmd.Wait()
	addresses := strings.Fields(string(line[:n]))
	if err != nil || len(addresses) != 2 {
		t.Fatalf("no servers: %q %v", line[:n], err)
	}
	for _, addr := range addresses {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				break
			}
			c.Close()
			if time.Now().After(deadline) {
				t.Fatalf("a server still listens at %s", addr)
			}
		}
	}
}
