package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imapfs/fs"
	"imapfs/imapbackend/imaptest"
)

// asCommand makes the test binary be imapfs.
const asCommand = "IMAPFS_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	// A script in the background may have told us to ignore these; programs
	// that a test starts would inherit that.
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	os.Exit(m.Run())
}

// command is a run of imapfs, with a home directory of its own and the
// environment of the test.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "HOME="+t.TempDir(), "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "XDG_RUNTIME_DIR=", passwordVar+"=secret",
		"GORACE=atexit_sleep_ms=0") // else the race detector holds each up for a second
	return cmd
}

// run runs a command to its end.
func run(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

// works runs imapfs, which has to succeed without complaints.
func works(t testing.TB, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, code := run(t, command(t, args...))
	if code != 0 || stderr != "" {
		t.Fatalf("imapfs %q: exit status %d, %s", args, code, stderr)
	}
	return stdout
}

// fails runs a command, which has to fail with one line that says want.
func fails(t testing.TB, cmd *exec.Cmd, want string) {
	t.Helper()
	stdout, stderr, code := run(t, cmd)
	if code != 1 || stdout != "" {
		t.Errorf("%q: exit status %d, and prints %q", cmd.Args[1:], code, stdout)
	}
	if !strings.HasPrefix(stderr, "imapfs: ") || strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("%q complains in more or less than a line: %q", cmd.Args[1:], stderr)
	}
	if !strings.Contains(stderr, want) {
		t.Errorf("%q complains of %q, not of %q", cmd.Args[1:], stderr, want)
	}
}

// processes returns those with a word on their command line.
func processes(t testing.TB, word string) (ids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		line, _ := os.ReadFile(name) // which may have ended
		if strings.Contains("\x00"+string(line), "\x00"+word+"\x00") {
			id, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// gone waits until nothing is mounted at dir, and no process is left of it.
func gone(t testing.TB, dir string) {
	t.Helper()
	eventually(t, func() error {
		if err := fs.CheckMounted(dir); err == nil {
			return fmt.Errorf("%s is still mounted", dir)
		}
		if left := processes(t, dir); len(left) > 0 {
			return fmt.Errorf("processes %v are left", left)
		}
		return nil
	})
}

// sourceOf is the SOURCE of a server.
func sourceOf(s *imaptest.Server) string { return "imap://" + s.Username + "@" + s.Addr }

// background mounts with the command, and unmounts when the test ends.
func background(t testing.TB, s *imaptest.Server, args ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out := works(t, append([]string{"mount", sourceOf(s), dir}, args...)...); out != "" {
		t.Errorf("mount prints %q", out)
	}
	t.Cleanup(func() {
		if fs.CheckMounted(dir) == nil {
			works(t, "umount", "--lazy", dir)
		}
		gone(t, dir)
	})
	return dir
}

// daemon is the process of a mount.
func daemon(t testing.TB, dir string) int {
	t.Helper()
	ids := processes(t, dir)
	if len(ids) != 1 {
		t.Fatalf("processes %v serve %s", ids, dir)
	}
	return ids[0]
}

// TestBackground looks at a mount in the background, and ends it by a signal.
func TestBackground(t *testing.T) {
	s := imaptest.Memory(t)
	s.Deliver("INBOX", note("there"), sampleDate)
	log := filepath.Join(t.TempDir(), "log")
	dir := background(t, s, "--log-file", log)
	shows(t, dir+"/INBOX", "there")
	id := daemon(t, dir)
	process := fmt.Sprintf("/proc/%d/", id)
	for _, name := range []string{"cmdline", "environ"} {
		if data, err := os.ReadFile(process + name); err != nil || bytes.Contains(data, []byte("secret")) {
			t.Errorf("the password is in %s: %v", name, err)
		}
	}
	if cwd, err := os.Readlink(process + "cwd"); err != nil || cwd != "/" {
		t.Errorf("it stands in %s: %v", cwd, err)
	}
	if session, err := unix.Getsid(id); err != nil || session != id {
		t.Errorf("it is in the session %d: %v", session, err)
	}
	if data, err := os.ReadFile(log); err != nil || !bytes.Contains(data, []byte("msg=mounted")) {
		t.Errorf("the log has %q: %v", data, err)
	}
	if err := syscall.Kill(id, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gone(t, dir)
}

// TestDefaultLog finds the log of a mount in the background.
func TestDefaultLog(t *testing.T) {
	s := imaptest.Memory(t)
	dir, state := t.TempDir(), t.TempDir()
	cmd := command(t, "mount", sourceOf(s), dir)
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+state)
	if _, stderr, code := run(t, cmd); code != 0 {
		t.Fatal(stderr)
	}
	works(t, "umount", dir)
	gone(t, dir)
	name := filepath.Join(state, "imapfs", "alice@127.0.0.1.log")
	info, err := os.Stat(name)
	if err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", name, info, err)
	}
}

// TestForegroundSignals ends a busy mount: the first signal says who uses it,
// the second takes it away from them.
func TestForegroundSignals(t *testing.T) {
	s := imaptest.Memory(t)
	for _, end := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v busy %v", end, busy), func(t *testing.T) {
				dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
				cmd := command(t, "mount", "-f", "--log-file", log, sourceOf(s), dir)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() error { return fs.CheckMounted(dir) })
				if busy {
					f, err := os.Open(dir + "/INBOX")
					if err != nil {
						t.Fatal(err)
					}
					defer f.Close()
				}
				cmd.Process.Signal(end)
				if busy {
					eventually(t, func() error {
						data, err := os.ReadFile(log)
						if !bytes.Contains(data, fmt.Appendf(nil, "(process %d)", os.Getpid())) {
							return fmt.Errorf("the log does not name this process: %s, %v", data, err)
						}
						return nil
					})
					cmd.Process.Signal(end)
				}
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
				gone(t, dir)
			})
		}
	}
}

// TestEndsWhenFree ends by itself once those that used it are gone.
func TestEndsWhenFree(t *testing.T) {
	dir := background(t, imaptest.Memory(t))
	f, err := os.Open(dir + "/INBOX")
	if err != nil {
		t.Fatal(err)
	}
	id := daemon(t, dir)
	if err := syscall.Kill(id, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	f.Close()
	gone(t, dir)
}

// TestBusyUmount says who uses a mount, and leaves it alone unless asked.
func TestBusyUmount(t *testing.T) {
	dir := background(t, imaptest.Memory(t))
	f, err := os.Open(dir + "/INBOX")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fails(t, command(t, "umount", dir), fmt.Sprintf("(process %d); end that first, or use --lazy", os.Getpid()))
	if err := fs.CheckMounted(dir); err != nil {
		t.Error(err)
	}
	works(t, "umount", "--lazy", dir)
	fails(t, command(t, "umount", dir), "no imapfs is mounted at "+dir)
	f.Close()
	gone(t, dir)
}

// TestKilled cleans up what a killed imapfs left, whether somebody stands in it
// or not, and through a symbolic link.
func TestKilled(t *testing.T) {
	s := imaptest.Memory(t)
	dir := background(t, s)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	kill := func(mountpoint string) {
		t.Helper()
		if err := syscall.Kill(daemon(t, mountpoint), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if left := processes(t, mountpoint); len(left) > 0 {
				return fmt.Errorf("%v live on", left)
			}
			return nil
		})
	}
	f, err := os.Open(dir + "/INBOX")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kill(dir)
	works(t, "mount", sourceOf(s), link)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the new mount lists %v: %v", entries, err)
	}
	f.Close()
	kill(link)
	works(t, "umount", link)
	gone(t, link)
}

// TestMountHelper mounts as mount(8) does.
func TestMountHelper(t *testing.T) {
	s := imaptest.Memory(t)
	dir, password := t.TempDir(), filepath.Join(t.TempDir(), "a,b")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	helper := exec.Command("/usr/sbin/mount.fuse3", sourceOf(s), dir, "-t", "fuse."+program,
		"-o", "rw,_netdev,nofail,noatime,x-systemd.automount,layout=eml,list_eml,umask=027,password_file="+strings.ReplaceAll(password, ",", `\,`))
	helper.Env = append(os.Environ(), asCommand+"=1", "HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	if out, err := helper.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if info, err := os.Stat(dir + "/INBOX"); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v: %v", info, err)
	}
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	gone(t, dir)
}

// TestInterruptedMount leaves nothing of a mount that waits for a server.
func TestInterruptedMount(t *testing.T) {
	line := imaptest.Proxy(t, imaptest.Memory(t).Addr)
	line.Hang()
	for _, flags := range [][]string{nil, {"-f"}} {
		dir := t.TempDir()
		cmd := command(t, append([]string{"mount", "imap://alice@" + line.Addr, dir}, flags...)...)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		before := line.Connections()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if line.Connections() == before {
				return fmt.Errorf("%q does not connect", cmd.Args[1:])
			}
			return nil
		})
		began := time.Now()
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if code := cmd.ProcessState.ExitCode(); code != 1 || complaints.String() != "imapfs: interrupted\n" {
			t.Errorf("exit status %d, %q", code, complaints.String())
		}
		gone(t, dir)
	}
}
