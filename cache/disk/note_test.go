package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestNote is what was written last, or nothing.
func TestNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	d := openDir(t, path)
	d.NewLog("log").Append([]byte("x"))
	if got := d.Note("n").Read(); got != nil {
		t.Errorf("%q before it was written", got)
	}
	for _, text := range []string{"a longer one", "one", ""} {
		d.Note("n").Write([]byte(text))
		closeDir(t, d)
		d = openDir(t, path)
		if got := d.Note("n").Read(); got == nil || string(got) != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
	d.Note("n").Write([]byte("whole"))
	file := filepath.Join(path, "n"+noteSuffix)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if err := os.WriteFile(file, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got := d.Note("n").Read(); got != nil {
			t.Errorf("%q of %d bytes", got, n)
		}
	}
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.Note("n").Write([]byte("x"))
	if d.Status().Err == nil {
		t.Error("that it cannot be written is not told")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	d.Note("n").Write([]byte("x"))
	if err := d.Status().Err; err != nil {
		t.Error(err)
	}
	closeDir(t, d)
	if left, err := Clear(path); err != nil || len(left) > 0 {
		t.Errorf("Clear leaves %q: %v", left, err)
	}
}
