package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine is where and with what a run was made.
type machine struct {
	Date                    string
	CPU, Memory, Kernel, OS string
	Filesystem              string // that of the mailboxes, caches and copies
	Versions                []string
}

// describe looks at this machine. What cannot be found out is left out.
func (b *bench) describe(ctx context.Context) machine {
	m := machine{
		Date: time.Now().UTC().Format("2006-01-02"),
		CPU:  fmt.Sprintf("%d × %s", runtime.NumCPU(), valueOf("/proc/cpuinfo", "model name", ":")),
		OS:   strings.Trim(valueOf("/etc/os-release", "PRETTY_NAME", "="), `"`),
	}
	m.Kernel, m.Memory = kernel(), memorySize()
	m.Filesystem = filesystem(b.dir)
	m.Versions = append(m.Versions, runtime.Version())
	for _, v := range [][]string{{b.imapfs, "version"}, {"dovecot", "--version"}, {"mbsync", "--version"}, {"rsync", "--version"}, {"rg", "--version"}, {"grep", "--version"}} {
		out, err := exec.CommandContext(ctx, v[0], v[1:]...).Output()
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(out), "\n")
		if v[0] == "dovecot" {
			first = "Dovecot " + first
		}
		m.Versions = append(m.Versions, strings.Join(strings.Fields(first), " "))
	}
	return m
}

// valueOf finds a name in a file of names and values.
func valueOf(file, name, separator string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if n, value, found := strings.Cut(s.Text(), separator); found && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
