package disk

import (
	"path/filepath"
	"testing"
)

// BenchmarkBlobs writes and reads 100,000 blobs of 3 KiB.
func BenchmarkBlobs(b *testing.B) {
	const n = 100_000
	data := make([]byte, 3<<10)
	for b.Loop() {
		d := openDir(b, filepath.Join(b.TempDir(), "c"))
		blobs := d.Blobs(1 << 30)
		for i := range n {
			blobs.Put(key(i), data)
			if i%512 == 0 {
				blobs.Settle()
			}
		}
		blobs.Settle()
		b.ReportMetric(b.Elapsed().Seconds(), "write-s")
		for i := range n {
			if _, ok := blobs.Get(key(i * 7919 % n)); !ok {
				b.Fatal("a blob is missing")
			}
		}
		b.ReportMetric(b.Elapsed().Seconds(), "write+read-s")
		d.Close()
	}
}
