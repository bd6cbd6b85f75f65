package guard

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func TestIdle(t *testing.T) {
	var exists []uint32
	seen := make(chan struct{}, 9)
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{FirstByte: 50 * time.Millisecond, Progress: 50 * time.Millisecond, Hooks: Hooks{Exists: func(n uint32) {
		exists = append(exists, n)
		seen <- struct{}{}
	}}}
	quiet := make(chan struct{})
	c, _ := session(t, o, func(s *server) {
		tag := s.expect("IDLE")
		s.send("+ idling\r\n")
		<-quiet // longer than any deadline
		s.send("* 3 EXISTS\r\n* OK still here\r\n* 4 EXISTS\r\n")
		if l := s.line(); l != "DONE" {
			t.Errorf("server got %q, want DONE", l)
		}
		s.send("%s OK idled\r\n", tag)
		s.ok("NOOP")
	})
	time.AfterFunc(200*time.Millisecond, func() { close(quiet) })
	started := false
	ended := make(chan error, 1)
	go func() { ended <- c.Idle(ctx, func() { started = true }, patience(time.Second)) }()
	<-seen
	<-seen
	cancel()
	if err := <-ended; err != nil || !started || exists[0] != 3 || exists[1] != 4 {
		t.Errorf("started %v, EXISTS %v: %v", started, exists, err)
	}
	if _, err := c.Do(t.Context(), "NOOP", nil); err != nil {
		t.Errorf("after IDLE: %v", err)
	}
}

func TestIdleRefused(t *testing.T) {
	c, _ := session(t, Options{}, func(s *server) {
		s.answer("IDLE", "%T NO not now\r\n")
		s.ok("NOOP")
	})
	var st Status
	if err := c.Idle(t.Context(), func() { t.Error("started") }, patience(time.Second)); !errors.As(err, &st) || st.Text != "not now" {
		t.Errorf("%v, want the NO", err)
	}
	if _, err := c.Do(t.Context(), "NOOP", nil); err != nil {
		t.Errorf("after IDLE: %v", err)
	}
}

// TestIdleDead finds that a line is dead by asking for an answer.
func TestIdleDead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	c, _ := session(t, Options{}, func(s *server) {
		s.expect("IDLE")
		s.send("+ idling\r\n")
		<-over
	})
	err := c.Idle(ctx, cancel, patience(20*time.Millisecond))
	close(over)
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.Err() == nil {
		t.Errorf("%v, want a deadline that passed", err)
	}
}

func patience(d time.Duration) func() time.Duration { return func() time.Duration { return d } }
