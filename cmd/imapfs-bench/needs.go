package main

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// programs are what the jobs run, and the Debian packages that they are in. Those
// without jobs are for all.
var programs = []struct {
	name, debian string
	jobs         []string
}{
	{"dovecot", "dovecot-imapd", nil},
	{"grep", "grep", nil},
	{"rsync", "rsync", nil},
	{"mbsync", "isync", []string{"rsync", "rtt"}},
	{"rg", "ripgrep", []string{"walks"}},
	{"find", "findutils", []string{"walks"}},
	{"tar", "tar", []string{"walks"}},
}

// lacking says what is missing here for some jobs, or "".
func lacking(jobs []string) string {
	if runtime.GOOS != "linux" {
		return "runs on Linux only"
	}
	if os.Getuid() != 0 {
		return "has to run as root: Dovecot has to be started as root, and root mounts without help"
	}
	// Debian has the commands of root where not every PATH looks.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	var names, packages []string
	for _, p := range programs {
		needed := p.jobs == nil || slices.ContainsFunc(p.jobs, func(j string) bool { return slices.Contains(jobs, j) })
		if _, err := exec.LookPath(p.name); err != nil && needed {
			names, packages = append(names, p.name), append(packages, p.debian)
		}
	}
	if names != nil {
		return "no " + strings.Join(names, ", ") + " here (Debian: apt-get install " + strings.Join(packages, " ") + ")"
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return "no /dev/fuse here: " + err.Error()
	}
	return ""
}
