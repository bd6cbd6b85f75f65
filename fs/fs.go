package fs

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// Layout is how messages are shown.
type Layout string

const (
	// LayoutParts shows a message as a directory of its decoded parts.
	LayoutParts Layout = "parts"
	// LayoutEML shows a message as one file.
	LayoutEML Layout = "eml"
)

// Options say what the tree looks like.
type Options struct {
	// Account identifies the account in inode numbers: the same string at
	// every mount of it, and another for each other account.
	Account string
	// Root is the path, as in the tree, of the mailbox that is the top; "" is
	// the whole account.
	Root string
	// Layout is that of the root.
	Layout Layout
	// ListEML lists message.eml in message directories.
	ListEML bool
	// UID and GID own everything.
	UID, GID uint32
	// Umask is taken off 0666 for files and 0777 for directories.
	Umask uint32
	// NoXattrs answers every extended attribute with ENOSYS, once and for all.
	NoXattrs bool
	// Sync lets no change return before the server has made it.
	Sync bool
	// Control are the files in the control directory.
	Control []ControlFile
	// Log gets failures that an errno does not tell enough of. No secrets.
	Log *slog.Logger
}

// forever is how long the kernel may keep what never changes (all there is in a
// message) and what it is told of when it does (names).
const forever = time.Hour

// unknownSpace is a tebibyte in blocks.
const unknownSpace = 1 << 40 / blockSize

// FS shows an account. Its methods are the kernel's requests (FUSE, raw API).
type FS struct {
	fuse.RawFileSystem // answers ENOSYS to all that is not in this package

	opts    Options
	account *cache.Account

	places   places
	dynamic  dynamic
	listings listings
	controls controls
	notifier notifier
	requests requests
	drafts   drafts
	removals removals

	mu      sync.Mutex
	handles map[uint64]any // guarded by mu; fileHandle or *dirHandle
	last    uint64         // guarded by mu

	// shown is, for each directory, what the kernel has read of it last.
	shown map[node]*dirHandle // guarded by mu
}

var _ fuse.RawFileSystem = (*FS)(nil)

// New makes a tree of what open returns: the account, which is to call notify
// as cache.Options say.
func New(opts Options, open func(notify func(cache.Event)) (*cache.Account, error)) (*FS, error) {
	f := &FS{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		opts:          opts,
		controls:      controls{files: opts.Control},
		handles:       make(map[uint64]any),
		shown:         make(map[node]*dirHandle),
	}
	account, err := open(f.notify)
	if err != nil {
		return nil, err
	}
	f.account = account
	f.places = places{account: account, current: make(map[string]*place)}
	return f, nil
}

// String names the file system in go-fuse's messages.
func (f *FS) String() string { return "imapfs" }

// Init is told of the mount by go-fuse.
func (f *FS) Init(server *fuse.Server) {
	f.notifier.start(server)
	f.account.Watch()
}

// OnUnmount is told of its end.
func (f *FS) OnUnmount() {
	f.drafts.endAll()
	f.notifier.stop()
}

// node finds what a node id stands for.
func (f *FS) node(id uint64) (node, fuse.Status) {
	n, ok := node{}, false
	if id >= dynamicIDs {
		n, ok = f.dynamic.get(id)
	} else {
		n, ok = unpack(id, f.places.numberedAt)
	}
	if !ok {
		return n, fuse.Status(syscall.ESTALE)
	}
	return n, fuse.OK
}

// Forget implements fuse.RawFileSystem.
func (f *FS) Forget(id, lookups uint64) {
	if id >= dynamicIDs {
		f.dynamic.forget(id, lookups)
	}
}

// StatFs implements fuse.RawFileSystem. How large an account is, only its quota
// tells.
func (f *FS) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) (status fuse.Status) {
	r := f.begin(opStatFS, in.NodeId, cancel)
	defer r.end(&status)
	out.Bsize, out.Frsize, out.NameLen = blockSize, blockSize, 255
	if quota, ok := f.account.Quota(r); ok {
		out.Blocks = uint64(quota.Limit) / blockSize
		out.Bfree = uint64(max(quota.Limit-quota.Used, 0)) / blockSize
		out.Bavail = out.Bfree
	} else if f.account.Writable() {
		// Nobody knows; but there are programs that do not write where none is free.
		out.Blocks, out.Bfree, out.Bavail = unknownSpace, unknownSpace, unknownSpace
	}
	return fuse.OK
}

func (f *FS) hold(handle any) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.handles[f.last] = handle
	return f.last
}

func (f *FS) held(fh uint64) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handles[fh]
}

func (f *FS) drop(fh uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.handles, fh)
}

// layout is how a view shows messages.
func (f *FS) layout(v view) Layout {
	switch v {
	case viewParts:
		return LayoutParts
	case viewEML:
		return LayoutEML
	}
	return f.opts.Layout
}

// DefaultOwner is who mounts.
func DefaultOwner() (uid, gid uint32) { return uint32(os.Getuid()), uint32(os.Getgid()) }

// Check reports whether the top of the tree can be listed: a mailbox that is
// not there should be known before the mount is.
func (f *FS) Check(ctx context.Context) error {
	_, _, err := f.placeOf(ctx, node{kind: kindTop})
	return err
}

// Shows reports whether a mailbox is in the tree, which may begin below the top
// of the account.
func (f *FS) Shows(m cache.Mailbox) bool {
	key := strings.Join(mailboxPath(&m), "/")
	return f.opts.Root == "" || key == f.opts.Root || strings.HasPrefix(key, f.opts.Root+"/")
}
