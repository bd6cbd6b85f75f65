package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sampleResults() *results {
	r := &results{
		Command: "imapfs-bench", Machine: machine{CPU: "a machine"}, Duration: 5 * time.Minute,
		Rows:   []row{{"fast work", "loopback", "≤ 1", "0.5", met}, {"slow work", "loopback", "≤ 1", "2", missed}},
		Memory: []memory{{1000, 20e6, 21e6, 15e6, 16e6}, {10_000, 40e6, 42e6, 20e6, 21e6}},
	}
	for i, who := range []string{"wire", "imapfs", "mbsync"} {
		for n := range 2 {
			e := effort{Who: who, Time: time.Duration(i+n+1) * time.Second, RTT: time.Duration(n) * 50 * time.Millisecond, Messages: 1000 * (n + 1), Needed: 10e6, Received: 12e6, Wasted: 2e6}
			for _, job := range []string{sweptCopy, sweptGrep, firstListing, secondListing} {
				e.Job, e.Where = job, loopback.name
				r.Efforts = append(r.Efforts, e)
			}
		}
	}
	return r
}

func TestNotesSurvive(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "performance.md")
	r := sampleResults()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	text := read(t, file)
	for _, want := range []string{"| fast work | loopback | ≤ 1 | 0.5 | met |", "- slow work, loopback: 2 (target ≤ 1)", "a machine", notesBegin, notesEnd} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	const note = "The second is slow, since\nits server sleeps."
	text = strings.Replace(text, notesBegin+"\n", notesBegin+"\n"+note+"\n", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	again := read(t, file)
	if !strings.Contains(again, notesBegin+"\n"+note+"\n"+notesEnd) {
		t.Errorf("the note is lost:\n%s", again)
	}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	if third := read(t, file); third != again {
		t.Errorf("it changes without reason:\n%s", third)
	}
	for _, name := range []string{"rtt", "size", "octets", "memory"} {
		if svg := read(t, filepath.Join(dir, "performance", name+".svg")); !strings.Contains(svg, "</svg>") {
			t.Errorf("%s is no image", name)
		}
	}
}

// Results that were saved make the same document.
func TestSavedResults(t *testing.T) {
	file, one, two := filepath.Join(t.TempDir(), "results.json"), t.TempDir(), t.TempDir()
	r := sampleResults()
	if err := r.save(file); err != nil {
		t.Fatal(err)
	}
	loaded, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.write(one); err != nil {
		t.Fatal(err)
	}
	if err := loaded.write(two); err != nil {
		t.Fatal(err)
	}
	if a, b := read(t, filepath.Join(one, "performance.md")), read(t, filepath.Join(two, "performance.md")); a != b {
		t.Errorf("it was\n%s\nand is\n%s", a, b)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
