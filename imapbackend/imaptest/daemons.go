package imaptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// daemonsScript runs "$@" in a PID namespace, of which the shell is process 1:
// when its standard input ends, because the test did in whatever way, the kernel
// ends all that was started. It has a /dev of its own, for the sake of /dev/log.
const daemonsScript = `
dev=$0
for device in null zero random urandom; do
	: >"$dev/$device" && mount --bind "/dev/$device" "$dev/$device" || exit
done
mount --rbind "$dev" /dev || exit
"$@" &
exec cat >/dev/null
`

// startDaemons runs a server that is a command and whatever that starts, as root
// and until the test ends, and waits until it greets at addr. dir is its
// directory; env is added to the environment. What the server tells syslog and
// standard error is in the test's log if the test fails.
func startDaemons(t testing.TB, dir, addr string, env []string, command ...string) error {
	// A socket for each try: one that is served is not taken over.
	dev, err := os.MkdirTemp(dir, "dev")
	if err != nil {
		return err
	}
	if err := os.Chmod(dev, 0o755); err != nil {
		return err
	}
	log, err := listenSyslog(filepath.Join(dev, "log"))
	if err != nil {
		return err
	}
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		log.close()
		return err
	}
	args := append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", daemonsScript, dev}, command...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stderr.Close()
		log.close()
		return fmt.Errorf("start %s: %w", command[0], err)
	}
	stop := func() (logged string) {
		stdin.Close()
		cmd.Wait()
		stderr.Close()
		said, _ := os.ReadFile(stderr.Name())
		return log.close() + tail(string(said), 50)
	}
	if err := greeted(addr); err != nil {
		return fmt.Errorf("start %s: %w\n%s", command[0], err, stop())
	}
	t.Cleanup(func() {
		if logged := stop(); t.Failed() {
			t.Logf("log of %s:\n%s", command[0], logged)
		}
	})
	return nil
}

// syslog keeps the last lines that come in at a socket like /dev/log.
type syslog struct {
	conn *net.UnixConn
	done sync.WaitGroup
	// lines are the reader's until it is done.
	lines []string
}

func listenSyslog(path string) (*syslog, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		conn.Close()
		return nil, err
	}
	s := &syslog{conn: conn}
	s.done.Go(func() {
		line := make([]byte, 8<<10)
		for {
			n, err := conn.Read(line)
			if err != nil {
				return
			}
			if len(s.lines) == 50 {
				s.lines = s.lines[1:]
			}
			s.lines = append(s.lines, strings.TrimRight(string(line[:n]), "\x00\n")+"\n")
		}
	})
	return s, nil
}

// close returns what came in.
func (s *syslog) close() string {
	s.conn.Close()
	s.done.Wait()
	return strings.Join(s.lines, "")
}
