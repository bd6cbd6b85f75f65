package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// walked is what a mount has fetched.
type walked struct {
	Traffic trafficReport `json:"traffic"`
	Ahead   aheadReport   `json:"ahead"`
}

func walkedAt(t *testing.T, mountpoint string) (w walked) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(mountpoint, ".imapfs", "status.json"))
	if err == nil {
		err = json.Unmarshal(data, &w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWalks has programs go through a mailbox of a Dovecot. They fetch what they
// read and hardly more, in few commands, and nothing where it is known.
func TestWalks(t *testing.T) {
	const messages = 400
	s := imaptest.Dovecot(t)
	text := strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 60)
	file := strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAx\r\n", 100)
	bodies, texts, files := int64(0), int64(0), int64(0)
	for i := range messages {
		m := fmt.Sprintf("From: Sender %d <s%d@example.org>\r\nSubject: Message %d\r\nMIME-Version: 1.0\r\n"+
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n%s\r\n", i%5, i%5, i, text)
		texts += int64(len(text))
		if i%3 == 0 {
			m += "--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file
			files += int64(len(file))
		}
		m += "--b--\r\n"
		bodies += int64(len(m))
		// Names are in another order than UIDs.
		s.Deliver("INBOX", []byte(m), time.Date(2026, 3, 4, 0, i*7%messages, 0, 0, time.UTC))
	}
	for _, test := range []struct {
		what, command string
		octets        int64 // of what it reads; -1: nothing is to be fetched
	}{
		{"listings", `ls -l INBOX >/dev/null && ls -l .imapfs/eml/INBOX >/dev/null && find INBOX -maxdepth 1 -size +1 >/dev/null`, -1},
		{"texts", `grep -r --include='body.*' nobody INBOX; test $? = 1`, texts},
		{"attachments", `cat INBOX/*/*.pdf | wc -c >/dev/null`, files},
		{"rsync", `rsync -a .imapfs/eml/INBOX/ "$OUT"/ && diff -r .imapfs/eml/INBOX "$OUT"`, bodies},
		{"tar", `tar cf - .imapfs/eml/INBOX | wc -c >/dev/null`, bodies},
	} {
		t.Run(test.what, func(t *testing.T) {
			dir := mountAt(t, s, s.Addr)
			before := walkedAt(t, dir)
			run := func() walked {
				cmd := exec.Command("sh", "-c", test.command)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "OUT="+t.TempDir())
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Run(); err != nil {
					t.Fatalf("%v: %s", err, out.Bytes())
				}
				return walkedAt(t, dir)
			}
			after := run()
			octets := after.Traffic.Bodies - before.Traffic.Bodies
			if test.octets < 0 {
				if octets != 0 || after.Ahead.Fetched != 0 {
					t.Errorf("%d octets of bodies fetched, %d of them ahead", octets, after.Ahead.Fetched)
				}
				return
			}
			if octets < test.octets || octets > test.octets+test.octets/10 {
				t.Errorf("%d octets fetched to read %d", octets, test.octets)
			}
			if after.Ahead.Fetched < test.octets*3/4 || after.Ahead.Wasted > test.octets/20 {
				t.Errorf("%d octets of %d fetched ahead, %d wasted", after.Ahead.Fetched, test.octets, after.Ahead.Wasted)
			}
			if n := after.Traffic.Commands["FETCH bodies"] - before.Traffic.Commands["FETCH bodies"]; n > messages/2 {
				t.Errorf("%d commands", n)
			}
			if again := run(); again.Traffic.Bodies != after.Traffic.Bodies {
				t.Errorf("%d octets fetched the second time", again.Traffic.Bodies-after.Traffic.Bodies)
			}
		})
	}
}
