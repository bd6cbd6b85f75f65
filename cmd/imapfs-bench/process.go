package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// kept is a process that ends with ours, however that ends: a shell beside it
// ends it once its standard input, whose other end we hold, is closed.
type kept struct {
	pid   int
	shell *exec.Cmd
	stdin io.Closer
	log   *bytes.Buffer
}

// keep starts a program. What it says on standard error goes to its log.
func keep(env []string, args ...string) (*kept, error) {
	k := &kept{log: new(bytes.Buffer)}
	k.shell = exec.Command("sh", append([]string{"-c", `"$@" >/dev/null & echo $!; exec >/dev/null; cat; kill $!; wait $!`, "sh"}, args...)...)
	k.shell.Env = append(os.Environ(), env...)
	k.shell.Stderr = k.log
	// Ctrl-C is for us, who then end it in order.
	k.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := k.shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	k.stdin = stdin
	out, err := k.shell.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.shell.Start(); err != nil {
		return nil, err
	}
	pid, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		k.pid, err = strconv.Atoi(strings.TrimSpace(pid))
	}
	if err != nil {
		k.end(0)
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	return k, nil
}

// running reports whether the program still does.
func (k *kept) running() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.pid))
	_, after, found := bytes.Cut(stat, []byte(") "))
	return err == nil && found && after[0] != 'Z'
}

// end ends the program, by force after some time.
func (k *kept) end(patience time.Duration) {
	k.stdin.Close()
	t := time.AfterFunc(patience, func() { syscall.Kill(-k.shell.Process.Pid, syscall.SIGKILL) })
	defer t.Stop()
	k.shell.Wait()
}

// errTooLong is what a run fails with that took longer than the limit.
var errTooLong = errors.New("took too long")

// program runs a program to its end, in dir, and returns what it printed. It is
// killed, with all that it started, when ctx ends.
func program(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(head(failure.String(), 500)))
	}
	return out.String(), nil
}

func head(s string, n int) string { return s[:min(len(s), n)] }
