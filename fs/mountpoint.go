package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// CheckMountpoint reports why dir is no place to mount at. What a killed
// imapfs left there is cleaned up.
func CheckMountpoint(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, syscall.ENOTCONN) {
		if err := Unmount(dir); err != nil {
			return err
		}
		info, err = os.Stat(dir)
	}
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("mountpoint %s is not a directory", dir)
	}
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	defer f.Close()
	mounted, err := isMounted(dir)
	if err != nil {
		return err
	}
	if mounted {
		return fmt.Errorf("mountpoint %s has an imapfs mounted already", dir)
	}
	if _, err := f.Readdirnames(1); !errors.Is(err, io.EOF) {
		return fmt.Errorf("mountpoint %s is not empty; what is in it could not be seen", dir)
	}
	return nil
}

// Unmount takes an imapfs away from dir, whether its process still runs or not.
func Unmount(dir string) error {
	mounted, err := isMounted(dir)
	if err != nil {
		return err
	}
	if !mounted {
		return fmt.Errorf("%s: no imapfs is mounted there", dir)
	}
	if err := detach(dir); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// absolute is dir as the kernel lists it. A mountpoint whose process is gone
// cannot be looked at, but its parent can.
func absolute(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(dir)), nil
}

// run runs a helper program, and returns what it complains of.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil && len(out) > 0 {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return err
}
