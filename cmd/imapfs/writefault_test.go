package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"imapfs/fs"
	"imapfs/imapbackend/imaptest"
)

// editsVariable makes TestWriteFaults longer: how many changes it makes.
const editsVariable = "IMAPFS_TORTURE_EDITS"

// editor makes changes on a mount whose line and process fail, and knows what
// must be there afterwards.
type editor struct {
	testing.TB
	server    *imaptest.Server
	line      *imaptest.Link
	dir, home string
	log       string
	random    *rand.Rand

	at      map[string]string // where each message is, by its id
	written map[string]bool   // that its writer was told that it is stored
	made    int
}

// TestWriteFaults writes, moves and deletes messages while the line is reset or
// delivers nothing for a while, and imapfs is killed, all at random moments.
// Afterwards every message is there that was stored, and none twice without the
// log saying so; what was not stored is in the recovery folder, if anywhere.
func TestWriteFaults(t *testing.T) {
	edits, seed := 25, int64(7)
	if n, err := strconv.Atoi(os.Getenv(editsVariable)); err == nil {
		edits, seed = n, time.Now().UnixNano()
	}
	if n, err := strconv.ParseInt(os.Getenv(seedVariable), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%s=%d", seedVariable, seed)
	// By the seed, one that lacks something.
	lacks := []string{"", "imap_capability = IMAP4rev1 LITERAL+ IDLE UIDPLUS", "imap_capability = IMAP4rev1 LITERAL+ IDLE MOVE", "imap_capability = IMAP4rev1 IDLE UIDPLUS MOVE"}
	lack := lacks[uint64(seed)%uint64(len(lacks))]
	t.Log(lack)
	s := imaptest.Dovecot(t, imaptest.WithConfig(withTrash+"\n"+lack), imaptest.WithMailboxes("A", "B"))
	x := &editor{
		TB: t, server: s, line: imaptest.Proxy(t, s.Addr), dir: t.TempDir(), home: t.TempDir(),
		random: rand.New(rand.NewSource(seed)), at: make(map[string]string), written: make(map[string]bool),
	}
	x.log = filepath.Join(x.home, "log")
	x.mount()
	var faults sync.WaitGroup
	for i := range edits {
		faults.Wait()
		moment, kind := time.Duration(x.random.Intn(60))*time.Millisecond, x.random.Intn(12)
		octets, pause := x.random.Int63n(3000), time.Duration(x.random.Intn(400))*time.Millisecond
		faults.Go(func() { x.fault(kind, moment, octets, pause) })
		x.edit(i)
		if fs.CheckMounted(x.dir) != nil || !x.alive() {
			faults.Wait()
			x.remount()
		}
	}
	faults.Wait()
	x.remount() // which finds out what the last kill has left open
	eventually(t, func() error { return x.verify() })
	works(t, "umount", "--lazy", x.dir)
	gone(t, x.dir)
}

func (x *editor) mount() {
	x.Helper()
	cmd := command(x, "mount", "imap://"+x.server.Username+"@"+x.line.Addr, x.dir, "--writable", "--layout", "eml",
		"--cache-dir", filepath.Join(x.home, "cache"), "--log-file", x.log, "--poll", "1s")
	if _, stderr, code := run(x, cmd); code != 0 {
		x.Fatal(stderr)
	}
}

func (x *editor) remount() {
	x.Helper()
	x.line.Resume()
	run(x, command(x, "umount", "--lazy", x.dir))
	gone(x, x.dir)
	x.mount()
}

func (x *editor) alive() bool {
	_, err := os.ReadDir(filepath.Join(x.dir, fs.ControlDir))
	return err == nil
}

// fault is what goes wrong during a change, most of the time nothing.
func (x *editor) fault(kind int, moment time.Duration, octets int64, pause time.Duration) {
	<-time.After(moment)
	switch kind {
	case 0:
		x.line.Reset()
	case 1:
		x.line.ResetAfter(octets)
	case 2:
		x.line.Hang()
		<-time.After(pause)
		x.line.Resume()
	case 3:
		x.line.Hang()
		<-time.After(pause)
		x.line.Reset()
		x.line.Resume()
	case 4:
		for _, id := range processes(x, x.dir) {
			syscall.Kill(id, syscall.SIGKILL)
		}
	}
}

// edit makes one change.
func (x *editor) edit(i int) {
	var ids []string
	for id := range x.at {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	kind := x.random.Intn(4)
	if len(ids) == 0 || kind < 2 {
		x.write(kind == 1)
		return
	}
	id := ids[x.random.Intn(len(ids))]
	was := x.at[id]
	if kind == 2 {
		now := filepath.Join([]string{"A", "B"}[x.random.Intn(2)], filepath.Base(was))
		if err := os.Rename(filepath.Join(x.dir, was), filepath.Join(x.dir, now)); err == nil {
			x.at[id] = now
		} else {
			delete(x.at, id) // it may be in either
		}
		return
	}
	os.Remove(filepath.Join(x.dir, was)) // which moves it to the trash, or not
	delete(x.at, id)
}

// write writes a message, as cp does or as rsync does.
func (x *editor) write(renamed bool) {
	x.made++
	id := fmt.Sprintf("%d@made", x.made)
	message := imaptest.Message([]string{"From: a@example.org", "Subject: " + strconv.Itoa(x.made), "Message-ID: <" + id + ">"},
		imaptest.Text("text/plain", "utf-8", strings.Repeat("text "+id+"\n", x.random.Intn(200))))
	name := filepath.Join([]string{"A", "B"}[x.random.Intn(2)], strconv.Itoa(x.made)+".eml")
	path := filepath.Join(x.dir, name)
	err := error(nil)
	if renamed {
		temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".XyZ")
		if err = os.WriteFile(temporary, message, 0o600); err == nil {
			err = os.Rename(temporary, path)
		}
	} else {
		err = os.WriteFile(path, message, 0o600)
	}
	if err == nil {
		x.at[id], x.written[id] = name, true
	}
}

// verify compares the account with what must be there.
func (x *editor) verify() error {
	x.Helper()
	found := make(map[string]int)
	client := x.server.Client()
	defer client.Close()
	for _, mailbox := range []string{"INBOX", "A", "B", "Trash"} {
		selected, err := client.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			return err
		}
		if selected.NumMessages == 0 {
			continue
		}
		messages, err := client.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{Envelope: true}).Collect()
		if err != nil {
			return err
		}
		for _, m := range messages {
			found[m.Envelope.MessageID]++
		}
	}
	log, err := os.ReadFile(x.log)
	if err != nil {
		return err
	}
	recovered := x.recovered()
	for id := range x.written {
		if found[id] == 0 && !bytes.Contains(recovered, []byte("<"+id+">")) {
			return fmt.Errorf("message %s is nowhere", id)
		}
	}
	for id, n := range found {
		if n > 1 && !bytes.Contains(log, []byte("<"+id+">")) && !bytes.Contains(log, []byte("is in both mailboxes now")) {
			return fmt.Errorf("message %s is there %d times, and the log says nothing", id, n)
		}
	}
	x.Logf("%d written, %d of them without a complaint, %d found", x.made, len(x.written), len(found))
	return nil
}

// recovered is all that is in the recovery folder.
func (x *editor) recovered() (all []byte) {
	files, err := filepath.Glob(filepath.Join(x.home, "cache", "*", recoveryFolder, "*.eml"))
	if err != nil {
		x.Fatal(err)
	}
	for _, name := range files {
		data, _ := os.ReadFile(name) // it may just be stored
		all = append(all, data...)
	}
	return all
}
