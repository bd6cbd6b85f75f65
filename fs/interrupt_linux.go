package fs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// byTheWay are signals that most programs that handle them go on after.
var byTheWay = bits(syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGCONT,
	syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO)

// fatal are those of them that end a program that does not handle them.
var fatal = bits(syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO)

func bits(signals ...syscall.Signal) (set uint64) {
	for _, s := range signals {
		set |= 1 << (s - 1)
	}
	return set
}

// harmless reports whether no signal waits for the thread that should end what
// it does (proc(5), status).
func harmless(thread uint32) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil || thread == 0 {
		return false // it has gone, or is out of sight
	}
	set := make(map[string]uint64)
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		if strings.HasPrefix(name, "Sig") || name == "ShdPnd" {
			set[name], _ = strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		}
	}
	pending := (set["SigPnd"] | set["ShdPnd"]) &^ set["SigBlk"] &^ set["SigIgn"]
	return pending&^byTheWay == 0 && pending&fatal&^set["SigCgt"] == 0
}
