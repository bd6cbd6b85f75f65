package cache

import (
	"testing"

	"imapfs/cache/content"
)

func TestAhead(t *testing.T) {
	for what, test := range map[string]struct {
		reads []int64
		want  [][2]int64 // what each read has fetched; empty ranges are {0, 0}
	}{
		"the beginning":      {[]int64{0, 0}, [][2]int64{{}, {}}},
		"front to back":      {[]int64{0, 1, 2, 2, 3}, [][2]int64{{}, {2, 4}, {4, 7}, {}, {7, 12}}},
		"a little disorder":  {[]int64{0, 2, 1, 3}, [][2]int64{{}, {3, 5}, {}, {5, 8}}},
		"here and there":     {[]int64{50, 7, 90, 3}, [][2]int64{{}, {}, {}, {}}},
		"back to front":      {[]int64{9, 8, 7, 6, 5, 4}, [][2]int64{{}, {}, {}, {}, {}, {}}},
		"on from the middle": {[]int64{50, 51, 52}, [][2]int64{{}, {52, 54}, {54, 57}}},
	} {
		var a ahead
		for i, block := range test.reads {
			from, to := a.read(block, block)
			if from == to {
				from, to = 0, 0
			}
			if got := [2]int64{from, to}; got != test.want[i] {
				t.Errorf("%s: read %d fetches %v, want %v", what, i, got, test.want[i])
			}
		}
	}
}

// TestAheadBounded stays as close to the reader as a slow line has to.
func TestAheadBounded(t *testing.T) {
	a := ahead{most: 3}
	for block := range int64(20) {
		if _, to := a.read(block, block); to > block+4 {
			t.Errorf("at block %d it fetches up to %d", block, to)
		}
	}
	if a.window != 3 || a.until != 22 {
		t.Errorf("in the end the window is %d, up to %d", a.window, a.until)
	}
}

// TestReadAhead fetches a large file no more than once, whatever is ahead.
func TestReadAhead(t *testing.T) {
	data := random(5 << 20)
	encoded := lines(data)
	src := newFake()
	uid := src.add(Message{Size: -1, Parts: single("a/b", content.Base64, len(encoded))}, map[string][]byte{"HEADER": []byte("\r\n"), "1": encoded})
	b := open(t, src, nil)
	r, err := b.Open(t.Context(), File{uid, 0, Body})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 0, len(data))
	for int64(len(got)) < r.Size() {
		p := make([]byte, 64<<10)
		n, err := r.ReadAt(t.Context(), p, int64(len(got)))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	if string(got) != string(data) {
		t.Error("wrong bytes")
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	if blocks := (5<<20)/blockSize + 1; src.fetches > blocks {
		t.Errorf("%d fetches for %d blocks and a probe", src.fetches, blocks-1)
	}
}
