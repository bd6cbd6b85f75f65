package main

import (
	"os"
	"os/exec"
	"strings"
)

// programs are what the jobs run, and the Debian packages that they are in.
var programs = []struct{ name, debian string }{
	{"dovecot", "dovecot-imapd"}, {"mbsync", "isync"}, {"rsync", "rsync"}, {"rg", "ripgrep"}, {"tar", "tar"}, {"find", "findutils"},
}

// lacking says what is missing here, or "".
func lacking() string {
	if os.Getuid() != 0 {
		return "has to run as root: Dovecot has to be started as root, and root mounts without help"
	}
	// Debian has the commands of root where not every PATH looks.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	var names, packages []string
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
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
