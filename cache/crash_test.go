package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/cache/disk"
)

// history is a Source whose past can be told: its mailbox has changed in a known
// way at each generation, which is also its HIGHESTMODSEQ.
type history struct {
	validity   uint32
	generation atomic.Uint64
	down       bool
}

const (
	letters = 2000 // that there are at the beginning
	every   = 9    // how many come with each generation
	horizon = 60   // generations that may pass while one sync is under way
)

func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func next(g uint64) uint32 { return uint32(letters + every*g) }

// lives reports whether a message is there at generation g.
func lives(uid uint32, g uint64) bool {
	born := uint64(max(int64(uid)-letters, 0) / every)
	return uid > 0 && uid < next(g) && born+5+mix(uint64(uid))%400 > g
}

func (h *history) uids(g uint64) (uids []uint32) {
	for uid := uint32(1); uid < next(g); uid++ {
		if lives(uid, g) {
			uids = append(uids, uid)
		}
	}
	return uids
}

// age is how often the flags of a message have changed.
func age(uid uint32, g uint64) uint64 { return g / (1 + mix(uint64(uid))%30) }

func flagsAt(uid uint32, g uint64) []string {
	age := age(uid, g)
	flags := []string{"$" + strconv.FormatUint(age%50, 10), `\Seen`}
	return flags[:1+age%2]
}

func (h *history) letter(uid uint32, g uint64) (*Message, map[string][]byte) {
	m, sections := letter(int(uid) + int(h.validity)*1000)
	m.UID, m.Flags = uid, flagsAt(uid, g)
	return &m, sections
}

func (h *history) now() (uint64, error) {
	if h.down {
		return 0, ErrOffline
	}
	return h.generation.Load(), nil
}

func (h *history) state(g uint64, uids []uint32) State {
	s := State{Validity: h.validity, Next: next(g), Count: uint32(len(uids)), ModSeq: g + 1}
	for _, uid := range uids {
		if len(flagsAt(uid, g)) == 1 {
			s.Unseen++
		}
	}
	return s
}

func (h *history) Mailboxes(context.Context) ([]Mailbox, error) {
	_, err := h.now()
	return []Mailbox{{Name: "INBOX"}}, err
}

func (h *history) Snapshot(context.Context, ID, State) (Snapshot, error) {
	g, err := h.now()
	uids := h.uids(g)
	return Snapshot{State: h.state(g, uids), UIDs: uids}, err
}

func (h *history) Summaries(ctx context.Context, _ ID, validity uint32, uids []uint32, yield func(*Message)) error {
	for _, uid := range uids {
		g, err := h.now()
		if err != nil || ctx.Err() != nil {
			return cmpErr(err, ctx.Err())
		}
		if validity != h.validity {
			return ErrStale
		}
		if lives(uid, g) {
			m, _ := h.letter(uid, g)
			yield(m)
		}
	}
	return nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (h *history) Newest(context.Context, ID) (uint32, time.Time, error) {
	_, err := h.now()
	return h.validity, time.Time{}, err
}

func (h *history) Flags(_ context.Context, _ ID, _ uint32, since uint64, yield func(*Message)) error {
	g, err := h.now()
	for _, uid := range h.uids(g) {
		if since == 0 || age(uid, g) != age(uid, since-1) {
			yield(&Message{UID: uid, Flags: flagsAt(uid, g), ModSeq: g + 1})
		}
	}
	return err
}

func (h *history) Detail(context.Context, ID, Detail) (string, error) {
	return "", errors.ErrUnsupported
}

func (h *history) Quota(context.Context) (Quota, error) { return Quota{}, errors.ErrUnsupported }

func (h *history) States(_ context.Context, ids []ID) (map[ID]State, error) {
	g, err := h.now()
	return map[ID]State{ids[0]: h.state(g, h.uids(g))}, err
}

func (h *history) Idle(ctx context.Context, _ ID, _ News) error {
	<-ctx.Done()
	return ctx.Err()
}

func (h *history) Fetch(_ context.Context, _ ID, validity uint32, requests []Request, take Taker) error {
	g, err := h.now()
	if validity != h.validity && err == nil {
		err = ErrStale
	}
	if err != nil {
		return err
	}
	for i, r := range requests {
		if !lives(r.UID, g) {
			take.Answer(i, nil, ErrNotExist)
			continue
		}
		_, sections := h.letter(r.UID, g)
		take.Answer(i, sections[r.Section], nil)
	}
	return nil
}

// The environment of a process that is to be killed.
const (
	crashDir        = "IMAPFS_TEST_CRASH_DIR"
	crashGeneration = "IMAPFS_TEST_CRASH_GENERATION"
	crashValidity   = "IMAPFS_TEST_CRASH_VALIDITY"
	// crashesVar is how often a process is killed.
	crashesVar = "IMAPFS_TEST_CRASHES"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, runUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func number(name string) uint64 {
	n, _ := strconv.ParseUint(os.Getenv(name), 10, 64)
	return n
}

// runUntilKilled keeps an account that changes all the time in sync, and reads in it.
func runUntilKilled(path string) error {
	h := &history{validity: uint32(number(crashValidity))}
	h.generation.Store(number(crashGeneration))
	dir, err := disk.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	a, err := New(h, Options{Memory: 1 << 20, Poll: time.Hour, Disk: dir, Bodies: 4 << 20})
	if err != nil {
		return err
	}
	box := func() *Box { return a.Box(ID{Name: "INBOX"}) }
	ctx := context.Background()
	go func() {
		for ; ; time.Sleep(5 * time.Millisecond) {
			h.generation.Add(1)
		}
	}()
	for range 2 {
		go func() {
			for {
				l, _ := box().Known()
				for range min(len(l.UIDs), 50) {
					uid := l.UIDs[rand.IntN(len(l.UIDs))]
					for _, f := range someFiles(uid) {
						if r, err := box().Open(ctx, f); err == nil {
							r.ReadAt(ctx, make([]byte, 4096), 0)
						}
					}
				}
				box().saveSizes()
			}
		}()
	}
	os.Stdout.WriteString("busy\n")
	for n := 0; ; n++ {
		b := box()
		b.Sync(ctx) // that it is replaced is no failure
		if n%3 == 0 {
			b.syncing <- struct{}{}
			b.rewrite()
			<-b.syncing
		}
	}
}

func someFiles(uid uint32) []File {
	return []File{{uid, Outer, Whole}, {uid, Outer, Header}, {uid, 0, Body}, {uid, 1, Body}}
}

// TestCrash kills a busy process at random moments. What it leaves opens, is
// something that has been true, and becomes what is true now.
func TestCrash(t *testing.T) {
	crashes := 10
	if n := number(crashesVar); n > 0 {
		crashes = int(n)
	}
	path := filepath.Join(t.TempDir(), "c")
	h := &history{validity: 1}
	known := 0
	for n := range crashes {
		kill(t, path, h)
		h.generation.Add(2 * horizon) // it has been somewhere in between
		if checkPast(t, path, h) {
			known++
		}
		if n%5 == 4 {
			h.validity++
		}
		checkPresent(t, path, h)
	}
	if known < crashes/2 {
		t.Errorf("of %d processes that were killed, only %d had got something to the disk", crashes, known)
	}
}

// kill runs a busy process for a while.
func kill(t *testing.T, path string, h *history) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.Env = append(os.Environ(), crashDir+"="+path, fmt.Sprintf("%s=%d", crashGeneration, h.generation.Load()), fmt.Sprintf("%s=%d", crashValidity, h.validity))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("busy\n"))); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond) // the moment is the test
	cmd.Process.Kill()
	cmd.Wait()
	if complaints.Len() > 0 {
		t.Fatalf("%s", &complaints)
	}
}

// checkPast compares what is there without the server with what was once.
func checkPast(t *testing.T, path string, h *history) bool {
	t.Helper()
	h.down = true
	defer func() { h.down = false }()
	b, end := mount(t, h, path, nil)
	defer end()
	l, ok := b.Known()
	if !ok {
		return false
	}
	g := b.state.ModSeq - 1
	for _, uid := range h.uids(g) {
		if _, ok := slices.BinarySearch(l.UIDs, uid); !ok && lives(uid, g+horizon) {
			t.Fatalf("message %d is missing", uid)
		}
	}
	sized, readable := 0, 0
	for _, uid := range l.UIDs {
		m := b.known(uid)
		if m == nil || !lives(uid, g) {
			t.Fatalf("message %d: %v", uid, m)
		}
		want, sections := h.letter(uid, g)
		true := func() bool {
			if !lives(uid, g+horizon) {
				return true // it may have gone before its flags were asked for
			}
			for later := g; later < g+horizon; later++ {
				if want.Flags = flagsAt(uid, later); slices.Equal(m.Flags, want.Flags) {
					return true
				}
			}
			return false
		}
		if !true() || m.Subject != want.Subject || !m.Date.Equal(want.Date) || m.Size != want.Size || !slices.Equal(m.Parts, want.Parts) {
			t.Fatalf("at %d, message %d is\n%+v, not\n%+v", g, uid, m, want)
		}
		for _, f := range someFiles(uid) {
			content := f.decode(m, sections[f.section(m)])
			if s, ok := b.KnownSize(f); ok && s.Proven {
				sized++
				if s.N != int64(len(content)) {
					t.Fatalf("%+v has %d bytes, not %d", f, len(content), s.N)
				}
			}
			if data, ok := b.kept(f, wholeFile); ok {
				readable++
				if !bytes.Equal(data, content) {
					t.Fatalf("%+v is %q, not %q", f, data, content)
				}
			}
		}
	}
	t.Logf("%d messages as of %d, %d sizes, %d files", len(l.UIDs), g, sized, readable)
	return true
}

// checkPresent compares what is there after a sync with what is.
func checkPresent(t *testing.T, path string, h *history) {
	t.Helper()
	b, end := mount(t, h, path, nil)
	defer end()
	err := b.Sync(t.Context())
	if b.stale.Load() {
		b = b.account.Box(b.id)
		err = b.Sync(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	g := h.generation.Load()
	l, _ := b.Known()
	if want := h.uids(g); !slices.Equal(l.UIDs, want) || b.state != h.state(g, want) {
		t.Fatalf("%d messages, not %d; %+v, not %+v", len(l.UIDs), len(want), b.state, h.state(g, want))
	}
	for _, uid := range l.UIDs {
		want, _ := h.letter(uid, g)
		if m := b.known(uid); m == nil || !slices.Equal(m.Flags, want.Flags) || m.Subject != want.Subject || !slices.Equal(m.Parts, want.Parts) {
			t.Fatalf("now, at %d, message %d is\n%+v, not\n%+v", g, uid, m, want)
		}
	}
}
