package cache

import (
	"strings"
	"testing"
	"time"

	"imapfs/cache/content"
)

// warmed waits for the end of a Warming.
func warmed(t *testing.T, w *Warming) WarmProgress {
	t.Helper()
	select {
	case <-w.Ended():
	case <-time.After(10 * time.Second):
		t.Fatalf("it does not end: %+v", w.Progress())
	}
	return w.Progress()
}

// TestWarmOneBad counts the message that cannot be had, and has all others.
func TestWarmOneBad(t *testing.T) {
	f := newFake()
	for i := range 5 {
		sections := map[string][]byte{"": []byte("Subject: x\r\n\r\nabc"), "HEADER": []byte("Subject: x\r\n\r\n"), "1": []byte("abc")}
		if i == 2 {
			sections = nil
		}
		f.add(Message{Size: 17, Date: time.Unix(int64(i), 0), Parts: single("text/plain", content.Identity, 3)}, sections)
	}
	b, end := mount(t, f, t.TempDir(), nil)
	defer end()
	p := warmed(t, b.account.Warm([]ID{b.id}, WarmOptions{Bodies: true}))
	if p.Failed != 1 || len(p.Failures) != 1 || !strings.Contains(p.Failures[0], `message 3 in mailbox "INBOX"`) {
		t.Errorf("the failures are %d, %q", p.Failed, p.Failures)
	}
	if p.Done != 5 || p.Messages != 5 || p.Fetched != 5*17 || p.Bytes != 5*17 || p.Error != "" {
		t.Errorf("in the end it is %+v", p)
	}
	before := f.fetches
	for _, uid := range []uint32{1, 2, 4, 5} {
		if _, data, err := read(t, b, File{uid, Outer, Whole}); err != nil || len(data) != 17 {
			t.Errorf("message %d: %q, %v", uid, data, err)
		}
	}
	if f.fetches != before {
		t.Errorf("reading what is warm takes %d fetches", f.fetches-before)
	}
	p = warmed(t, b.account.Warm([]ID{b.id}, WarmOptions{Since: time.Unix(3, 0)}))
	if p.Messages != 2 || p.Bytes != 0 {
		t.Errorf("since the fourth: %+v", p)
	}
}

// TestWarmInTurn lets a second Warming wait for the first, and ends both when
// they are told to.
func TestWarmInTurn(t *testing.T) {
	f := newFake()
	f.add(Message{Size: 3, Parts: single("text/plain", content.Identity, 3)}, map[string][]byte{"": []byte("abc")})
	b := open(t, f, nil)
	f.mu.Lock()
	f.hang = make(chan struct{})
	f.mu.Unlock()
	first := b.account.Warm([]ID{b.id}, WarmOptions{})
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	until("it fetches nothing", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.fetches > 0
	})
	second := b.account.Warm([]ID{b.id}, WarmOptions{})
	until("the second does not wait", func() bool { return second.Progress().Waiting })
	for _, w := range []*Warming{second, first} {
		w.Stop()
		if p := warmed(t, w); !p.Ended || p.Waiting || p.Error == "" {
			t.Errorf("in the end it is %+v", p)
		}
	}
}
