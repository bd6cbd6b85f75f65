package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"imapfs/cache/disk"
	"imapfs/fs"
)

// noCache, as --cache-dir, keeps everything in memory.
const noCache = "none"

// errNoCache is why nothing is on disk where nobody wants it to be.
var errNoCache = errors.New("--cache-dir none")

// cacheRoot is the directory of the caches of all accounts.
func cacheRoot(cacheDir string) (string, error) {
	if cacheDir != "" {
		return cacheDir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory: %w", err)
	}
	return filepath.Join(dir, "imapfs"), nil
}

// cacheID names the account's directory.
func (s source) cacheID() string { return cacheID(s.user + "@" + s.address()) }

// maxID bounds what of an account is in the name of its directory, in bytes.
const maxID = 160

// cacheID names a directory for an account, user@host:port: for people to
// recognize, and another for each account.
func cacheID(account string) string {
	var b strings.Builder
	for _, c := range []byte(account) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("@-_+", c) >= 0, c == '.' && b.Len() > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	id := b.String()
	if len(id) > maxID {
		sum := sha256.Sum256([]byte(account))
		id = id[:maxID] + "~" + hex.EncodeToString(sum[:8])
	}
	return id
}

// accountOf is the account that a directory is of, or the directory's name where
// that is too long to tell. ok is false for directories of other things.
func accountOf(id string) (account string, ok bool) {
	if sum, err := hex.DecodeString(id[min(maxID+1, len(id)):]); err == nil && len(sum) == 8 && id[maxID] == '~' {
		return id, true
	}
	account, err := url.PathUnescape(id)
	if err != nil || cacheID(account) != id {
		return "", false
	}
	at, port := strings.LastIndexByte(account, '@'), strings.LastIndexByte(account, ':')
	return account, 0 < at && at < port
}

// openCache opens the account's cache. Where there can be none, the mount does
// without, and says why.
func (c *mountConfig) openCache(log *slog.Logger) (*disk.Dir, error) {
	if c.cacheDir == noCache {
		return nil, errNoCache
	}
	root, err := cacheRoot(c.cacheDir)
	if err != nil {
		log.Warn("what this mount finds out is in memory only", "error", err)
		return nil, err
	}
	path := filepath.Join(root, c.source.cacheID())
	dir, err := disk.Open(path, log)
	for end := time.Now().Add(leaving); errors.Is(err, disk.ErrLocked) && left(path) && time.Now().Before(end); {
		dir, err = disk.Open(path, log)
	}
	if errors.Is(err, disk.ErrLocked) {
		err = fmt.Errorf("another mount of the account has the cache: %w", err)
	}
	if err != nil {
		log.Warn("what this mount finds out is in memory only", "error", err)
		return nil, err
	}
	dir.Claim(c.mountpoint)
	return dir, nil
}

// leaving is how long a process whose mount has gone gets to save what it knows.
const leaving = 20 * time.Second

// left reports whether the mount that has the cache is no longer there.
func left(path string) bool {
	v, err := disk.Look(path)
	if err != nil {
		return false
	}
	defer v.Close()
	mountpoint, used := v.InUse()
	return used && fs.CheckMounted(mountpoint) != nil
}

// cacheBytes is --cache-size in bytes.
func (c *mountConfig) cacheBytes() (int64, error) {
	n, err := humanize.ParseBytes(c.cacheSize)
	if err != nil || n != 0 && n < 1<<20 || n > 1<<50 {
		return 0, fmt.Errorf("--cache-size %s: not 0 and not a size from 1MiB to 1PiB", c.cacheSize)
	}
	return int64(n), nil
}
