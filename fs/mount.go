package fs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// MountOptions say how the tree is attached.
type MountOptions struct {
	// Source is what mount(8) shows as the device: the account's URL, without
	// secrets.
	Source string
	// AllowOther lets other users in, as far as the modes do.
	AllowOther bool
	// Writable lets files be written; else the mount is read-only.
	Writable bool
	// Debug logs every request of the kernel.
	Debug bool
}

// Mount is a tree that is attached to a directory. It is safe for concurrent
// use.
type Mount struct {
	server *fuse.Server
	path   string
}

// Attach mounts f at the directory and returns once it can be
// used. Programs in it get answers until Unmount or umount(8).
func (f *FS) Attach(mountpoint string, o MountOptions) (*Mount, error) {
	path, err := absolute(mountpoint)
	if err != nil {
		return nil, pathError("mountpoint", mountpoint, err)
	}
	access, flags, extra := "ro", uintptr(directFlags), uint64(0)
	if o.Writable {
		// Without the capability, O_TRUNC would come as a change of a message, which
		// never changes.
		access, flags, extra = "rw", directFlags&^readOnlyFlag, fuse.CAP_ATOMIC_O_TRUNC
	}
	options := fuse.MountOptions{
		FsName: strings.ReplaceAll(o.Source, ",", "%2C"),
		Name:   "imapfs",
		// Without default_permissions the kernel would check no modes at all.
		// With ro it does not ask for attributes after every read.
		Options:       []string{"default_permissions", access, "nosuid", "nodev", "noexec"},
		AllowOther:    o.AllowOther,
		MaxWrite:      1 << 20,
		MaxBackground: 64,
		DisableSplice: true, // its pipes are too small for replies of MaxWrite
		// The kernel asks for attributes while it lists only if somebody wants
		// them.
		ExtraCapabilities: fuse.CAP_READDIRPLUS_AUTO | extra,
		// There are none, and that the kernel remembers only if it takes us for a
		// file system that has them: ls -l asks about every file.
		EnableAcl: true,
		Logger:    slog.NewLogLogger(f.opts.Log.Handler(), slog.LevelDebug),
		Debug:     o.Debug,
		// Root needs no helper program, and is told more without.
		DirectMountStrict: os.Geteuid() == 0,
		DirectMountFlags:  flags,
	}
	var server *fuse.Server
	complaint, err := complaints(func() (err error) {
		return private(func() error {
			server, err = fuse.NewServer(f, path, &options)
			return err
		})
	})
	switch {
	case err != nil && complaint != "":
		return nil, fmt.Errorf("mount at %s: %s", mountpoint, complaint)
	case errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("mount at %s: not permitted; a container needs --cap-add SYS_ADMIN --device /dev/fuse", mountpoint)
	case err != nil:
		return nil, fmt.Errorf("mount at %s: %w", mountpoint, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		unmount(path, true)
		return nil, fmt.Errorf("mount at %s: %w", mountpoint, err)
	}
	return &Mount{server, path}, nil
}

// complaints runs mount, and returns what fusermount3 has to say about it. It
// inherits this process's standard error from go-fuse, and tells the reason of
// a failure nowhere else ("user_allow_other" in /etc/fuse.conf, for example).
func complaints(mount func() error) (string, error) {
	if os.Geteuid() == 0 {
		return "", mount()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	stderr := os.Stderr
	os.Stderr = w
	err = mount()
	os.Stderr = stderr
	w.Close()
	text, _ := io.ReadAll(r)
	_, why, _ := strings.Cut(strings.TrimSpace(string(text)), ": ") // after its own name
	return why, err
}

// Wait returns once the tree is attached no more.
func (m *Mount) Wait() { m.server.Wait() }

// Unmount detaches the tree and waits for its end. While programs use it, that
// fails with a Busy error.
func (m *Mount) Unmount() error {
	if err := unmount(m.path, false); err != nil {
		return err
	}
	m.server.Wait()
	return nil
}

// Abandon takes the tree out of sight although programs use it; they get
// answers until this process ends.
func (m *Mount) Abandon() error { return unmount(m.path, true) }
