package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRecord reads every message as it was written, and never panics over what
// was not.
func TestRecord(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for n := range 200 {
		m, _ := letter(n)
		m.UID, m.Subject = uint32(n+1), strings.Repeat("x", n*n)
		if n%11 == 0 {
			m.Parts = nil
			m.Defects |= DefectStructure
		}
		data, _ := messageFrame([]description{describe(&m)})
		f, err := parseFrame(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.message(0, m.UID, m.Flags); err != nil || fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", m) {
			t.Fatalf("%+v, want %+v: %v", got, m, err)
		}
		for range 50 {
			bad := bytes.Clone(data)
			bad[random.IntN(len(bad))] ^= byte(1 + random.IntN(255))
			if f, err := parseFrame(bad[:1+random.IntN(len(bad))]); err == nil {
				for slot := range f.uids {
					f.message(slot, f.uids[slot], nil)
				}
			}
		}
	}
}
