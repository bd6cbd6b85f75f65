package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// All of it, with a mailbox that is too small to tell anything.
func TestRun(t *testing.T) {
	chosen := []string{"listing", "rsync", "grep"}
	if missing := lacking(chosen); missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	// Not t.TempDir, where the server's user could not go.
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	docs := t.TempDir()
	if err := run(t.Context(), []string{"-q", "-jobs", strings.Join(chosen, ","), "-dir", dir, "-write", docs,
		"-messages", "40", "-sizes", "150", "-runs", "1", "-wide-rtt", "2ms"}); err != nil {
		t.Fatal(err)
	}
	text := read(t, filepath.Join(docs, "performance.md"))
	for _, want := range []string{"imapfs-bench -jobs listing,rsync,grep -messages 40", "fetches no body | 0 FETCH", "| second rsync -a |", "| mbsync |", "| grep -r again |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind: %v", left, err)
	}
	if mounts := read(t, "/proc/self/mounts"); strings.Contains(mounts, dir) {
		t.Errorf("it left a mount behind:\n%s", mounts)
	}
}

func TestWrongOptions(t *testing.T) {
	for _, args := range [][]string{{"-jobs", "nothing"}, {"-sizes", "many"}, {"-rtt", "slow"}, {"extra"}, {"-runs", "0"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
