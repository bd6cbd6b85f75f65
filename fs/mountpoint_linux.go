package fs

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

const device = "/dev/fuse"

// checkFUSE reports that this machine cannot mount with FUSE.
func checkFUSE() error {
	if _, err := os.Stat(device); errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no " + device + ": load the kernel module (modprobe fuse), or give the container --device " + device)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	_, err := fusermount()
	return err
}

// fusermount finds the program by which ordinary users mount.
func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount", "/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no fusermount3, without which only root can mount: install the package fuse3")
}

// mountedAt returns the type of what is mounted at path, the topmost; "":
// nothing is (proc(5), mountinfo).
func mountedAt(path string) (kind string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("list of mounts: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // options of overlays are long
	for lines.Scan() {
		mount, rest, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if ok && len(fields) > 4 && unescape(fields[4]) == path {
			kind, _, _ = strings.Cut(rest, " ")
		}
	}
	return kind, lines.Err()
}

// unescape undoes the octal escapes of mountinfo: \040 is a space.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// detach unmounts path; EBUSY: it is in use.
func detach(path string, lazy bool) error {
	if os.Geteuid() == 0 {
		flags := 0
		if lazy {
			flags = syscall.MNT_DETACH
		}
		return syscall.Unmount(path, flags)
	}
	program, err := fusermount()
	if err != nil {
		return err
	}
	options := "-u"
	if lazy {
		options = "-uz"
	}
	out, err := exec.Command(program, options, path).CombinedOutput()
	switch text := strings.TrimSpace(string(out)); {
	case err == nil:
		return nil
	case strings.Contains(text, "busy"):
		return syscall.EBUSY
	case text != "":
		return errors.New(text)
	}
	return err
}
