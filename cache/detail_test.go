package cache

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// telling is an account of a server that answers questions with f.
func telling(t *testing.T, poll time.Duration, f func(context.Context) (string, error)) (a *Account, asked *atomic.Int64) {
	t.Helper()
	src := newFake()
	asked = new(atomic.Int64)
	src.tell = func(ctx context.Context) (string, error) {
		asked.Add(1)
		return f(ctx)
	}
	a, err := New(src, Options{Memory: 1 << 20, Poll: poll})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, asked
}

// TestDetail asks for each detail of each mailbox once in a poll interval.
func TestDetail(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		err          error
		want         string
		wantErr      error
		asked        int64 // for two equal questions
	}{
		{"told", "lrs", nil, "lrs", nil, 1},
		{"not told", "", errors.ErrUnsupported, "", nil, 1},
		{"too long", strings.Repeat("x", MaxDetail+1), nil, "", nil, 1},
		{"offline", "", ErrOffline, "", ErrOffline, 2},
	} {
		a, asked := telling(t, time.Hour, func(context.Context) (string, error) { return tt.answer, tt.err })
		for range 2 {
			if got, err := a.Detail(t.Context(), ID{Name: "a"}, Rights); got != tt.want || !errors.Is(err, tt.wantErr) {
				t.Errorf("%s: %.10q, %v", tt.name, got, err)
			}
		}
		if n := asked.Load(); n != tt.asked {
			t.Errorf("%s: asked %d times", tt.name, n)
		}
		a.Detail(t.Context(), ID{Name: "a"}, ACL)
		a.Detail(t.Context(), ID{Name: "b"}, Rights)
		if n := asked.Load(); n != tt.asked+2 {
			t.Errorf("%s: asked %d times for three things", tt.name, n)
		}
	}
	a, asked := telling(t, 0, func(context.Context) (string, error) { return "x", nil })
	for range keptDetails + 10 {
		a.Detail(t.Context(), ID{Name: "a"}, Rights)
	}
	if n := asked.Load(); n != keptDetails+10 {
		t.Errorf("what is out of date was asked for %d times", n)
	}
}

// TestDetailInterrupted leaves at once when the caller does.
func TestDetailInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a, _ := telling(t, time.Hour, func(ctx context.Context) (string, error) {
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	})
	if _, err := a.Detail(ctx, ID{Name: "a"}, Rights); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestQuota shows what is known while the server does not answer.
func TestQuota(t *testing.T) {
	release := make(chan struct{})
	var hang atomic.Bool
	a, asked := telling(t, time.Hour, func(ctx context.Context) (string, error) {
		if !hang.Load() {
			return "40", nil
		}
		select {
		case <-release:
			return "50", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	check := func(used int64, times int64) {
		t.Helper()
		began := time.Now()
		q, ok := a.Quota(t.Context())
		if !ok || q != (Quota{used, 100}) || asked.Load() != times {
			t.Errorf("%+v %v after %d questions", q, ok, asked.Load())
		}
		if took := time.Since(began); took > 10*quotaPatience {
			t.Errorf("it took %v", took)
		}
	}
	expire := func() {
		a.quotas.mu.Lock()
		defer a.quotas.mu.Unlock()
		a.quotas.asked = time.Now().Add(-2 * quotaLasts)
	}
	check(40, 1)
	check(40, 1)
	hang.Store(true)
	expire()
	check(40, 2)
	check(40, 2) // and does not wait for it again
	a.quotas.mu.Lock()
	busy := a.quotas.busy
	a.quotas.mu.Unlock()
	close(release)
	<-busy
	check(50, 2)
}

// TestNoQuota asks a server that has none no more often.
func TestNoQuota(t *testing.T) {
	a, asked := telling(t, time.Hour, func(context.Context) (string, error) { return "", errors.ErrUnsupported })
	for range 2 {
		if q, ok := a.Quota(t.Context()); ok {
			t.Error(q)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}
