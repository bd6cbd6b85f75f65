package cache

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

// TestFlightBudget: who waits may fetch more than what is done in the background,
// also if it has joined that.
func TestFlightBudget(t *testing.T) {
	a, err := New(newFake(), Options{Memory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var f flight[int, string]
	begun, refuse := make(chan bool), make(chan bool)
	fetch := func(ctx context.Context) (string, error) {
		if IsBackground(ctx) {
			begun <- true
			<-refuse
			return "", ErrBudget
		}
		return "it", nil
	}
	behind := make(chan error)
	go func() {
		_, err := f.do(Background(t.Context()), a, 1, fetch)
		behind <- err
	}()
	<-begun
	joined := make(chan string)
	go func() {
		got, err := f.do(t.Context(), a, 1, fetch)
		if err != nil {
			t.Error(err)
		}
		joined <- got
	}()
	for waiters := 0; waiters < 2; {
		f.mu.Lock()
		waiters = f.calls[1].waiters
		f.mu.Unlock()
		runtime.Gosched()
	}
	close(refuse)
	if err := <-behind; !errors.Is(err, ErrBudget) {
		t.Errorf("in the background: %v", err)
	}
	if got := <-joined; got != "it" {
		t.Errorf("who waits gets %q", got)
	}
}
