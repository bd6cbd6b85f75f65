package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsAddress checks --metrics, and completes it: no host is this machine's
// loopback.
func (c *mountConfig) metricsAddress() (string, error) {
	host, port, err := net.SplitHostPort(c.metrics)
	if err != nil {
		return "", fmt.Errorf("--metrics %s: not an address like 127.0.0.1:9900 or :9900", c.metrics)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("--metrics %s: the port is not a number up to 65535", c.metrics)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) && !c.metricsPublic {
		return "", fmt.Errorf("--metrics %s: not an address of the loopback interface; with --metrics-public, everybody who can reach it may read it", c.metrics)
	}
	return net.JoinHostPort(host, port), nil
}

// listenMetrics opens --metrics, nil if it is not given.
func (c *mountConfig) listenMetrics() (net.Listener, error) {
	if c.metrics == "" {
		return nil, nil
	}
	address, err := c.metricsAddress()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", c.metrics, err)
	}
	// Whatever the name "localhost" is.
	if at, ok := l.Addr().(*net.TCPAddr); !c.metricsPublic && !(ok && at.IP.IsLoopback()) {
		l.Close()
		return nil, fmt.Errorf("--metrics %s: %v is not the loopback interface", c.metrics, l.Addr())
	}
	return l, nil
}

// scrapes is how many may be answered at once.
const scrapes = 4

// serveMetrics answers Prometheus at l.
func (c *control) serveMetrics(l net.Listener, log *slog.Logger, m *mounted) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(
		&collector{c},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: scrapes,
	}))
	c.metrics = l.Addr().String()
	m.close = append(m.close, serveHTTP(l, mux, log))
}
