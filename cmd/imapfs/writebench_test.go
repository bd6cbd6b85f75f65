package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// BenchmarkRestore is an rsync of 1,000 small messages into an empty mailbox, over
// a line of 50 ms.
func BenchmarkRestore(b *testing.B) {
	const messages = 1000
	from := b.TempDir()
	for i := range messages {
		name := filepath.Join(from, fmt.Sprintf("2026-03-04_0912_a-example-org_%d_%d.eml", i, i+1))
		if err := os.WriteFile(name, letter(fmt.Sprint(i), 1500), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		s := imaptest.Dovecot(b, imaptest.WithConfig("mail_fsync = never"))
		line := imaptest.Proxy(b, s.Addr)
		dir, unmount := mountOnce(b, s, line.Addr, asFiles, writable)
		line.Delay(25 * time.Millisecond)
		b.StartTimer()
		rsync(b, "-a", from+"/", dir+"/INBOX/")
		b.StopTimer()
		if got := len(heldBy(b, s)); got != messages {
			b.Errorf("%d messages are there", got)
		}
		line.Delay(0)
		unmount()
		b.StartTimer()
	}
	b.ReportMetric(messages*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
