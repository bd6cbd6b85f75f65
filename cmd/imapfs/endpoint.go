package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// endpointPatience is how long answers under way have, at the end of a mount.
	endpointPatience = time.Second
	// endpointAnswer is how long an answer may take: a profile is taken for as long
	// as it is asked for.
	endpointAnswer = 5 * time.Minute
)

// serveHTTP answers at l until the function that it returns is called, which
// closes l and waits for answers under way.
func serveHTTP(l net.Listener, handler http.Handler, log *slog.Logger) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      endpointAnswer,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("nobody listens any more", "address", l.Addr(), "error", err)
		}
	}()
	return func() {
		cancel() // a profile being taken ends with its request
		patience, stop := context.WithTimeout(context.Background(), endpointPatience)
		defer stop()
		s.Shutdown(patience)
		s.Close()
		<-done
	}
}
