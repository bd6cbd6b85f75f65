package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"imapfs/imapbackend/imaptest"
)

// wrapped runs a command by another program, in the same environment.
func wrapped(t testing.TB, program []string, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	name, err := exec.LookPath(program[0])
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: name, Args: append(append([]string{}, program...), append([]string{cmd.Path}, cmd.Args[1:]...)...), Env: cmd.Env}
}

// session is what an ordinary user does with imapfs ($I), step by step.
const session = `
step() { out=$(eval "$2" 2>&1); echo "$1: $? $out"; }
killed() {
	P=$(sed -n 's/.*"process": \([0-9]*\).*/\1/p' m/.imapfs/status.json)
	kill -9 $P
	while test -e /proc/$P && ! grep -q '^State:.Z' /proc/$P/status; do :; done
}
mkdir m
step mount '$I mount $SOURCE m'
step list 'ls m'
step again '$I mount $SOURCE m'
sleep 1000 <m/INBOX & S=$!
until grep -q sleep /proc/$S/comm; do :; done
step busy '$I umount m'
kill $S; wait $S 2>/dev/null
step umount '$I umount m'
step allow '$I mount --allow-other $SOURCE m'
step foreground '$I mount -f --allow-other $SOURCE m'
$I mount $SOURCE m; killed
step remount '$I mount $SOURCE m'; killed
step umount '$I umount m'
step permission '$I mount $SOURCE /srv'
step empty 'ls m'
`

const sessionOutput = `mount: 0 
list: 0 INBOX
again: 1 imapfs: mountpoint HOME/m is in use: an imapfs is mounted there
busy: 1 imapfs: HOME/m is in use by sleep (process N); end that first, or use --lazy
umount: 0 
allow: 1 imapfs: mount at HOME/m: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf
foreground: 1 imapfs: mount at HOME/m: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf
remount: 0 
umount: 0 
permission: 1 imapfs: mount at /srv: user has no write access to mountpoint /srv
empty: 0 
`

// TestOrdinaryUser goes through a session as nobody.
func TestOrdinaryUser(t *testing.T) {
	home := openHome(t)
	out, stderr, _ := run(t, asNobody(t, home, "true", "sh", "-c", session))
	out = strings.ReplaceAll(regexp.MustCompile(`process [0-9]+`).ReplaceAllString(out, "process N"), home, "HOME")
	if out != sessionOutput || stderr != "" {
		t.Errorf("the session is\n%s%s, not\n%s", out, stderr, sessionOutput)
	}
	gone(t, home+"/m")
}

// TestNoFusermount mounts as nobody without the program for it.
func TestNoFusermount(t *testing.T) {
	home := openHome(t)
	hide := `mount --bind /dev/null "$(readlink -f "$(command -v fusermount3)")"`
	fails(t, asNobody(t, home, hide, home+"/imapfs", "mount", "imap://alice@localhost", home), "there is no fusermount3")
}

// openHome is a directory of nobody's, with the command in it.
func openHome(t testing.TB) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip(t.Name() + " needs root, to become nobody in a world of its own")
	}
	// Not t.TempDir, which nobody may enter.
	home, err := os.MkdirTemp("", "imapfs-nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(home, "imapfs"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	return home
}

// asNobody is a command of an ordinary user in a world of its own, in which
// everybody may open /dev/fuse; prepare is run there before, by root.
func asNobody(t testing.TB, home, prepare string, command ...string) *exec.Cmd {
	t.Helper()
	world := strings.Join([]string{
		"mount -t tmpfs none /dev", "mknod -m 666 /dev/null c 1 3", "mknod -m 666 /dev/fuse c 10 229", prepare, "cd " + home,
		`exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$@"`,
	}, " && ")
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", world}, command...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "HOME="+home, "XDG_STATE_HOME=", passwordVar+"=secret", "GORACE=atexit_sleep_ms=0",
		"I="+home+"/imapfs", "SOURCE="+sourceOf(imaptest.Memory(t)))
	return cmd
}
