package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
)

// servePprof answers pprof's questions (net/http/pprof) on a socket in a directory
// where nobody but its owner can connect to it. A mount that cannot have it does
// without. It returns the socket's path, "" if there is none.
func (c *mountConfig) servePprof(log *slog.Logger, m *mounted) string {
	if c.noPprof {
		return ""
	}
	l, path, err := c.listenPprof()
	if err != nil {
		log.Info("no profiles of this mount can be taken", "error", err)
		return ""
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	ours, _ := os.Lstat(path)
	end := serveHTTP(l, mux, log)
	m.close = append(m.close, func() {
		end()
		// Another mount at the same place may have put its own there.
		if now, err := os.Lstat(path); err == nil && os.SameFile(ours, now) {
			os.Remove(path)
		}
	})
	return path
}

// listenPprof makes the socket, which is named after the mountpoint: so the one of
// a process that was killed is replaced by the next mount.
func (c *mountConfig) listenPprof() (net.Listener, string, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	// Between bind(2) and chmod(2), a socket has the mode that the umask leaves. So
	// it is made where nobody else can reach it, and moved when it is private.
	private, err := os.MkdirTemp(dir, ".")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, "", err
	}
	l.SetUnlinkOnClose(false)
	sum := sha256.Sum256([]byte(c.mountpoint))
	path := filepath.Join(dir, hex.EncodeToString(sum[:8])+".sock")
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		l.Close()
		return nil, "", fmt.Errorf("socket %s: %w", path, err)
	}
	return l, path, nil
}

// runtimeDir is the directory for sockets: that of the session, where there is one
// (XDG_RUNTIME_DIR), else the one for logs.
func runtimeDir() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) { // as the specification wants it
		return filepath.Join(dir, "imapfs"), nil
	}
	return stateDir()
}
