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
		var s batch
		s.add(&m)
		data := s.frame()
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

// FuzzFrames reads what is on disk, should the checksums of a file have been
// made by somebody who means harm.
func FuzzFrames(f *testing.F) {
	m, _ := letter(7)
	m.UID = 7
	var s batch
	s.add(&m)
	frame := s.frame()
	f.Add(frame)
	var x index
	x.begin(nil, ID{Name: "a"}, 1)
	x.enter(x.log.Append(frame), &s.front)
	x.setFlags(7, []string{"x"}, true)
	f.Add(x.syncFrame(synced{State{Next: 9}, m.Date}, true, []uint32{3, 4}))
	f.Add(headFrame(ID{Name: "a"}, 1))
	f.Add(sizesFrame(0, []sizeEntry{{File{7, Outer, Whole}, size{n: 9, proven: true}}, {File{7, 0, Body}, size{irregular: true}}}))
	f.Add(listFrame([]Mailbox{{Name: "INBOX", Delimiter: '/', SpecialUse: `\Sent`}}, m.Date))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		var x index
		x.begin(nil, ID{Name: "a"}, 1)
		x.replay(ID{Name: "a"}, x.log.Append(data), data)
		for _, frame := range x.frames {
			data, err := x.log.Read(frame)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parseFrame(data)
			for slot := 0; err == nil && slot < len(parsed.uids); slot++ {
				parsed.message(slot, parsed.uids[slot], nil)
			}
		}
		parseSizes(data)
		r := recordReader{rest: string(data[1:])}
		r.list()
	})
}
