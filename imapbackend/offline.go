package imapbackend

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"imapfs/cache"
)

const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// refusedBackoff is for a server that refuses credentials that were good
	// before: attempts that are repeated get accounts locked.
	refusedBackoff = 10 * time.Minute
	// patience is how long an operation waits for a server that was there
	// before: one that is started anew is back by then.
	patience = 4 * time.Second
	// lookAround is how often a machine without a way to the server looks
	// whether its own network has changed.
	lookAround = time.Second
)

// lost notes that there has been no way to the server since a time. From then on
// nobody dials but one goroutine, which looks for a way until there is one; the
// others fail at once. mu is held.
func (p *pool) lost(since time.Time) {
	if p.offline.IsZero() && !p.closed {
		p.offline, p.back = since, make(chan struct{})
		go p.seek(p.back)
	}
	p.tell()
}

// ErrToldOffline: the network is there perhaps, but must not be used.
var ErrToldOffline = fmt.Errorf("%w: this mount is offline, as it was told to be", cache.ErrOffline)

// stayOffline is lost for good.
func (p *pool) stayOffline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offline, p.back, p.refusal = time.Now(), make(chan struct{}), ErrToldOffline
}

// found ends what lost has begun. mu is held.
func (p *pool) found() {
	if !p.offline.IsZero() {
		p.offline, p.retry = time.Time{}, time.Time{}
		close(p.back)
	}
}

// hopeless reports whether it is no use for w to wait for a connection. mu is held.
func (p *pool) hopeless(w *waiter) bool {
	return p.barred || !p.offline.IsZero() && (!p.served || time.Since(p.offline) >= patience) ||
		p.remembered && !p.served && time.Since(w.since) >= patience
}

// excuse is the error of an operation where it is hopeless. That the server, when
// we looked for it, did not answer in time is no time-out of the operation. mu is
// held.
func (p *pool) excuse() error {
	switch {
	case p.refusal == nil:
		return errSilentYet
	case p.barred || !p.served:
		return p.refusal
	}
	return fmt.Errorf("%w: %v", cache.ErrOffline, p.refusal)
}

// errSilentYet: the first connection is not there yet.
var errSilentYet = fmt.Errorf("%w: the server has not answered yet", cache.ErrOffline)

// despair tells who waits for a connection when to look whether it is hopeless;
// nil: never. mu is held.
func (p *pool) despair(w *waiter) <-chan time.Time {
	switch {
	case !p.offline.IsZero():
		return time.After(time.Until(p.offline.Add(patience)))
	case p.remembered && !p.served:
		return time.After(time.Until(w.since.Add(patience)))
	}
	return nil
}

// online returns once there is a way to the server, or as soon as that is
// known to be refused.
func (p *pool) online(ctx context.Context) error {
	p.mu.Lock()
	offline, back := !p.offline.IsZero(), p.back
	p.mu.Unlock()
	if offline {
		select {
		case <-back:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.life.Done():
			return errClosed
		}
	}
	return p.refused()
}

// seek tries to connect until that works, or is refused for good, or the pool
// is closed. It pauses longer from time to time, but not when the network
// changes, or when the machine wakes up.
func (p *pool) seek(back chan struct{}) {
	ctx, cancel := context.WithCancel(p.life)
	defer cancel()
	changed := make(chan struct{}, 1)
	go watchNetwork(ctx, lookAround, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	for failures := 0; ; failures++ {
		backoff := min(firstBackoff<<min(failures, 10), lastBackoff)
		p.mu.Lock()
		if errors.Is(p.refusal, cache.ErrPermission) {
			backoff = refusedBackoff
		}
		pause := backoff/2 + rand.N(backoff/2)
		p.retry = time.Now().Add(pause)
		p.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-changed:
			failures = -1
		case <-back: // by a dial that had begun before
		case <-ctx.Done():
		}
		timer.Stop()
		p.mu.Lock()
		over := p.closed || p.offline.IsZero() || p.back != back
		p.retry = time.Time{}
		p.mu.Unlock()
		if over {
			return
		}
		if p.try(ctx, changed) {
			return
		}
	}
}

// try makes one attempt, which a change of the network ends, and reports
// whether there is no use in another.
func (p *pool) try(ctx context.Context, changed chan struct{}) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
			select {
			case changed <- struct{}{}: // for the next
			default:
			}
		case <-ctx.Done():
		}
	}()
	s, err := p.connect(ctx, p.max > 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && ctx.Err() != nil {
		return p.closed
	}
	p.connected(s, err)
	p.serve()
	return p.closed || p.barred || p.offline.IsZero()
}

// watchNetwork calls changed whenever the addresses of this machine change, or it
// seems to have slept, until ctx ends.
func watchNetwork(ctx context.Context, every time.Duration, changed func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last, before := time.Now(), addresses()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, after := time.Now(), addresses()
		// The monotonic clock stands still during a suspend, the other does not.
		if after != before || now.Round(0).Sub(last.Round(0))-now.Sub(last) > clockJump {
			changed()
		}
		last, before = now, after
	}
}

// addresses are those of the network interfaces that are up.
func addresses() string {
	var all strings.Builder
	interfaces, _ := net.Interfaces() // what cannot be told does not change
	for _, one := range interfaces {
		if one.Flags&net.FlagRunning == 0 {
			continue
		}
		addrs, _ := one.Addrs()
		for _, a := range addrs {
			all.WriteString(one.Name + " " + a.String() + "\n")
		}
	}
	return all.String()
}
