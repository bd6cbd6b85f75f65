package fs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// isMounted reports whether an imapfs is mounted at dir (proc(5), mountinfo).
func isMounted(dir string) (bool, error) {
	dir, err := absolute(dir)
	if err != nil {
		return false, err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false, fmt.Errorf("list of mounts: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		mount, rest, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if ok && len(fields) > 4 && unescape(fields[4]) == dir && strings.HasPrefix(rest, "fuse.imapfs ") {
			return true, nil
		}
	}
	return false, lines.Err()
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

func detach(dir string) error {
	if os.Geteuid() != 0 {
		return run("fusermount3", "-u", dir)
	}
	err := syscall.Unmount(dir, 0)
	if errors.Is(err, syscall.EBUSY) {
		return errors.New("a program uses it (a shell stands in it, or a file in it is open)")
	}
	return err
}
