package fs

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// MountOptions say how the tree is attached.
type MountOptions struct {
	// Source is what mount(8) shows as the device: the account's URL, without
	// secrets.
	Source string
	// AllowOther lets other users in, as far as the modes do.
	AllowOther bool
	// Debug logs every request of the kernel.
	Debug bool
}

// Mount is a tree that is attached to a directory.
type Mount struct {
	server *fuse.Server
}

// Attach mounts f at the directory, read-only, and returns once it can be
// used. Programs in it get answers until Unmount or umount(8).
func (f *FS) Attach(mountpoint string, o MountOptions) (*Mount, error) {
	options := fuse.MountOptions{
		FsName: strings.ReplaceAll(o.Source, ",", "%2C"),
		Name:   "imapfs",
		// Without default_permissions the kernel would check no modes at all.
		// With ro it does not ask for attributes after every read.
		Options:       []string{"default_permissions", "ro", "nosuid", "nodev", "noexec"},
		AllowOther:    o.AllowOther,
		MaxWrite:      1 << 20,
		MaxBackground: 64,
		DisableSplice: true, // its pipes are too small for replies of MaxWrite
		// The kernel asks for attributes while it lists only if somebody wants
		// them.
		ExtraCapabilities: fuse.CAP_READDIRPLUS_AUTO,
		Logger:            slog.NewLogLogger(f.opts.Log.Handler(), slog.LevelDebug),
		Debug:             o.Debug,
	}
	// Root needs no helper program.
	options.DirectMount = os.Geteuid() == 0
	options.DirectMountFlags = directFlags
	server, err := fuse.NewServer(f, mountpoint, &options)
	if err != nil {
		return nil, fmt.Errorf("mount at %s: %w", mountpoint, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		server.Unmount()
		return nil, fmt.Errorf("mount at %s: %w", mountpoint, err)
	}
	return &Mount{server}, nil
}

// Wait returns once the tree is attached no more.
func (m *Mount) Wait() { m.server.Wait() }

// Unmount detaches the tree; it fails while a program uses it.
func (m *Mount) Unmount() error {
	if err := m.server.Unmount(); err != nil {
		return fmt.Errorf("unmount: %w", err)
	}
	return nil
}
