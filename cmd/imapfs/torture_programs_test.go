package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// programs are what reads the mount while it is tortured.
type programs struct {
	stop    atomic.Bool
	running sync.WaitGroup
	times   *times
	close   func() // what they hold open

	mu      sync.Mutex
	pids    map[int]string // guarded by mu; those that run now
	refused map[string]int // guarded by mu; what they complained of, how often
}

// run starts them. Each goes on from one round to the next.
func (x *torture) run(want *originals) *programs {
	p := &programs{times: newTimes("a round of"), pids: make(map[int]string), refused: make(map[string]int)}
	p.loop("tar", func() { p.tar(x, want) })
	p.loop("rsync", func() { p.rsync(x, want) })
	p.loop("grep", func() { p.grep(x, want) })
	reader := want.reader(x.dir, 1)
	p.close = reader.close
	p.loop("pread", func() {
		p.complain(reader.read())
		p.complain(reader.whole())
		if reader.wrong != "" {
			x.Error(reader.wrong)
			reader.wrong = ""
		}
	})
	return p
}

func (p *programs) loop(name string, round func()) {
	p.running.Go(func() {
		for !p.stop.Load() {
			began := time.Now()
			round()
			p.times.note(name, time.Since(began))
		}
	})
}

// end waits for the rounds that are under way.
func (p *programs) end(x *torture) {
	p.stop.Store(true)
	ended := make(chan struct{})
	go func() {
		p.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		p.close()
	case <-time.After(3 * time.Minute):
		p.mu.Lock()
		defer p.mu.Unlock()
		for pid, name := range p.pids {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			stack, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stack", pid))
			x.Errorf("%s still runs 3 minutes after the last fault: %s\n%s", name, stat, stack)
			syscall.Kill(pid, syscall.SIGKILL)
		}
		x.FailNow()
	}
}

func (p *programs) log(t testing.TB) {
	p.times.log(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(p.refused)) {
		t.Logf("%6d times: %s", p.refused[text], text)
	}
}

// complain counts an error of a read.
func (p *programs) complain(err error) {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		p.count(errno.Error())
	} else if err != nil {
		p.count(err.Error())
	}
}

func (p *programs) count(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[strings.ToLower(text)]++
}

// command runs a program in dir, and returns what it wrote and complained of.
func (p *programs) command(dir string, args ...string) (out, complaints string, code int) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", err.Error(), -1
	}
	p.mu.Lock()
	p.pids[cmd.Process.Pid] = args[0]
	p.mu.Unlock()
	cmd.Wait()
	p.mu.Lock()
	delete(p.pids, cmd.Process.Pid)
	p.mu.Unlock()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// reasons are what programs say of a failed system call: honest ones, and, in
// the second group, what is never true of this mail. tar says that a file shrank
// also where a read fails of which some bytes have come.
var reasons = regexp.MustCompile(`(Network is unreachable|Connection timed out|Input/output error|File shrank)|` +
	`(No such file|No data available|Stale file handle|Permission denied|Interrupted|File removed|changed as we read|vanished|Not a directory|File too large|Invalid)`)

// judge looks at what a program complained of, and at the files of which it did
// not: got is what it read, and what is missing of want must have a reason.
func (p *programs) judge(x *torture, name, complaints string, code int, got, want map[string]content) {
	for line := range strings.Lines(complaints) {
		switch m := reasons.FindStringSubmatch(line); {
		case m == nil:
		case m[2] != "":
			x.Errorf("%s says what is not true: %s", name, line)
		default:
			p.count(m[1])
		}
	}
	if code != 0 && complaints == "" {
		x.Errorf("%s ended with %d, and says nothing", name, code)
	}
	for file, c := range want {
		g, ok := got[file]
		if g == c || g == (content{lines: c.lines}) && ok || excused(complaints, file) {
			continue
		}
		x.Errorf("%s read %v of %s, not %v, and says nothing of it (exit status %d)", name, g, file, c, code)
	}
	for file := range got {
		if _, ok := want[file]; !ok && !excused(complaints, file) {
			x.Errorf("%s found %s, which does not exist", name, file)
		}
	}
}

// excused reports whether a complaint names a file or a directory above it.
func excused(complaints, file string) bool {
	for ; file != "."; file = path.Dir(file) {
		for _, form := range []string{file + ":", file + `"`, file + " failed verification", file + "' "} {
			if strings.Contains(complaints, form) {
				return true
			}
		}
	}
	// The top itself.
	return strings.Contains(complaints, ": .:") || strings.Contains(complaints, `mnt/" failed`)
}

func (p *programs) tar(x *torture, want *originals) {
	uncacheAll(x.dir)
	archive := filepath.Join(x.TempDir(), "archive")
	defer os.Remove(archive)
	_, complaints, code := p.command(x.dir, "tar", "--quoting-style=literal", "-cf", archive, ".")
	f, err := os.Open(archive)
	if err != nil {
		x.Error(err)
		return
	}
	defer f.Close()
	got, err := contents(f)
	if err != nil {
		x.Error(err)
		return
	}
	p.judge(x, "tar", complaints, code, got, want.parts)
}

func (p *programs) rsync(x *torture, want *originals) {
	uncacheAll(filepath.Join(x.dir, emlView))
	copied := filepath.Join(x.TempDir(), "copy")
	if err := os.Mkdir(copied, 0o700); err != nil {
		x.Error(err)
		return
	}
	defer os.RemoveAll(copied)
	_, complaints, code := p.command(x.dir, "rsync", "-a", emlView+"/", copied)
	got, err := read(copied)
	if err != nil {
		x.Error(err)
		return
	}
	if err := same(got, want.eml); err != nil {
		x.Errorf("rsync's copy: %v", err)
	}
	p.judge(x, "rsync", complaints, code, got, want.eml)
}

func (p *programs) grep(x *torture, want *originals) {
	uncacheAll(x.dir)
	out, complaints, code := p.command(x.dir, "grep", "-rac", "", ".")
	got := make(map[string]content)
	for line := range strings.Lines(out) {
		name, count, _ := strings.Cut(strings.TrimSpace(line), ":")
		lines, err := strconv.Atoi(count)
		if err != nil {
			x.Errorf("grep: %q", line)
			return
		}
		got[path.Clean(name)] = content{lines: lines}
	}
	if code == 1 { // nothing found
		code = 0
	}
	p.judge(x, "grep", complaints, code, got, want.parts)
}
