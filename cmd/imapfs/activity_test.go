package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"imapfs/imapbackend/imaptest"
)

// asked adds up the requests of a report.
func (r *report) asked() (hits, misses, failed int64) {
	for _, one := range r.Requests {
		hits, misses, failed = hits+one.Hits.Count, misses+one.Misses.Count, failed+one.Failed
	}
	return hits, misses, failed
}

func (r *report) request(operation string) (one requestReport) {
	for _, one := range r.Requests {
		if one.Operation == operation {
			return one
		}
	}
	return one
}

// TestHits has the kernel's requests wait for the server the first time, and never
// again; and whoever looks does not see himself.
func TestHits(t *testing.T) {
	s := imaptest.Dovecot(t)
	for i := range 3 {
		s.Deliver("INBOX", note(fmt.Sprint("needle-", i)), sampleDate)
	}
	dir := mountAt(t, s, s.Addr, never)
	do := func(program string, args ...string) (before, after report) {
		t.Helper()
		before = statusOf(t, dir)
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, %s", program, err, out)
		}
		return before, statusOf(t, dir)
	}
	misses := func(program string, args ...string) int64 {
		t.Helper()
		before, after := do(program, args...)
		_, was, _ := before.asked()
		_, now, failed := after.asked()
		if failed != 0 {
			t.Errorf("%s: %+v", program, after.Requests)
		}
		return now - was
	}
	inbox := filepath.Join(dir, "INBOX")
	if misses("ls", inbox) == 0 {
		t.Error("the first ls asks nothing of the server")
	}
	if n := misses("ls", inbox); n != 0 {
		t.Errorf("the second ls asks %d times", n)
	}
	files, err := filepath.Glob(inbox + "/*needle-1*")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if misses("cat", files[0]+"/body.txt") == 0 {
		t.Error("the first cat asks nothing of the server")
	}
	before, after := do("cat", files[0]+"/body.txt")
	was, now := before.request("open"), after.request("open")
	if now.Hits.Count != was.Hits.Count+1 || now.Misses != was.Misses {
		t.Errorf("the second cat opens: %+v, before %+v", now, was)
	}
	if _, w, _ := before.asked(); w != func() int64 { _, n, _ := after.asked(); return n }() {
		t.Error("the second cat asks the server")
	}
	if misses("grep", "-r", "needle", inbox) == 0 {
		t.Error("the first grep asks nothing of the server")
	}
	if n := misses("grep", "-r", "needle", inbox); n != 0 {
		t.Errorf("the second grep asks %d times", n)
	}
	if before, after := do("ls", dir+"/.imapfs"); !reflect.DeepEqual(before.Requests, after.Requests) {
		t.Errorf("who looks is seen: %+v, before %+v", after.Requests, before.Requests)
	}
	if l := after.Lookups; l.Memory+l.Disk == 0 || l.Nowhere == 0 {
		t.Errorf("found %+v", l)
	}
	if m := after.Memory; m.Heap <= 0 || m.Resident <= m.Heap/2 {
		t.Errorf("memory is %+v", m)
	}
	if tr := after.Traffic; tr.Received == 0 || tr.Sent == 0 || tr.Bodies == 0 || tr.Commands["FETCH bodies"] == 0 {
		t.Errorf("traffic is %+v", tr)
	}
}

// TestStatusWhileOffline tells of reads that fail, and asks nothing of the network.
func TestStatusWhileOffline(t *testing.T) {
	s := imaptest.Memory(t)
	s.Deliver("INBOX", note("one"), sampleDate)
	line := imaptest.Proxy(t, s.Addr)
	dir := mountAt(t, s, line.Addr, never)
	if _, err := os.ReadDir(dir + "/INBOX"); err != nil {
		t.Fatal(err)
	}
	line.Refuse()
	line.Reset()
	files, err := filepath.Glob(dir + "/INBOX/*")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if data, err := os.ReadFile(files[0] + "/body.txt"); err == nil {
		t.Errorf("without a server, it reads %q", data)
	}
	r := statusOf(t, dir)
	if hits, misses, failed := r.asked(); failed == 0 || misses == 0 || hits == 0 {
		t.Errorf("%d hits, %d misses, %d failed", hits, misses, failed)
	}
	text := works(t, "status", dir)
	for _, want := range []string{"offline for", " failed\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestStatusText fits on a terminal, and says nothing where there is nothing to say.
func TestStatusText(t *testing.T) {
	now := time.Now()
	busy := report{
		Source: "imap://alice@example.org", Mountpoint: "/m", Mounted: now,
		Server: serverReport{Online: true, Security: "tls", Address: "example.org:993"},
		Connections: []connectionReport{
			{Mailbox: "INBOX", Operations: 3, Doing: "FETCH bodies", Received: 5 << 30},
			{Mailbox: "INBOX", Operations: 1, Watcher: true, Doing: "IDLE"},
		},
		Memory:  memoryReport{Used: 1 << 20, Limit: 128 << 20, Resident: 45 << 20},
		Lookups: lookupsReport{Memory: 999, Disk: 1},
		Traffic: trafficReport{Received: 5 << 30, Sent: 3 << 20, Bodies: 4 << 30, Commands: map[string]int64{
			"FETCH bodies": 1234567, "FETCH summaries": 123456, "FETCH flags": 12345, "SEARCH": 1234, "IDLE": 12, "other": 123,
		}},
		Requests: []requestReport{
			{Operation: "listxattr", Hits: durationReport{Count: 12345678, Median: 16e-6}, Misses: durationReport{Count: 1, Median: 1.25}, Failed: 1234},
			{Operation: "open", Misses: durationReport{Count: 7, Median: 0.065}},
			{Operation: "read", Hits: durationReport{Count: 7, Median: 0.000104}},
		},
		Ahead: aheadReport{Fetched: 1 << 30, Used: 990 << 20, Wasted: 11 << 20, Walks: []walkReport{
			{Mailbox: "a\x1b[2Jb", Files: "header.txt, body.txt", Order: "newest first", Messages: 12345, InFlight: 3 << 20, Since: now},
		}},
	}
	var before report
	before.Requests = []requestReport{{Operation: "listxattr", Hits: durationReport{Count: 12345677}}}
	before.Traffic.Received = 4 << 30
	for _, test := range []struct {
		name       string
		r          *report
		rates      rates
		want, lack []string
	}{
		{"busy", &busy, rates{}, []string{
			"INBOX: FETCH bodies for 3 operations, 5.0 GiB received\n", "INBOX: waits for changes",
			"1.0 MiB of 128 MiB mail, 99.9% hits; 45 MiB resident\n",
			"5.0 GiB received, 3.0 MiB sent\n", "4.0 GiB of mail, 1,234,567 FETCH bodies, 137,170 others\n",
			"listxattr  12,345,679  99.9% hits, 16µs, else 1.3s; 1,234 failed\n",
			"open                7  no hits, 65ms\n", "read                7  all hits, 100µs\n",
			`"a\x1b[2Jb": header.txt, body.txt` + "\n", "12,345 messages, newest first, 3.0 MiB under way\n",
			"1.0 GiB fetched, 97% used, 1% wasted\n",
		}, []string{"\x1b", "/s)"}},
		{"with rates", &busy, rates{&before, 2 * time.Second}, []string{
			"5.0 GiB received (512 MiB/s)", "12,345,679 (1/s)", "1.0 GiB fetched (512 MiB/s)",
		}, nil},
		{"idle", &report{}, rates{}, []string{"memory "}, []string{"traffic", "requests", "walk", "ahead", "hits"}},
	} {
		var b strings.Builder
		if err := test.r.text(&b, now, test.rates); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", test.name, want, b.String())
			}
		}
		for _, lack := range test.lack {
			if strings.Contains(b.String(), lack) {
				t.Errorf("%s: %q in\n%s", test.name, lack, b.String())
			}
		}
		for line := range strings.Lines(b.String()) {
			if n := runewidth.StringWidth(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", test.name, n, line)
			}
		}
	}
}
