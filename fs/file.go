package fs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"imapfs/cache"
)

// Open implements fuse.RawFileSystem. What a file holds never changes, so the
// kernel may keep it for good; and there is nothing to flush.
func (f *FS) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) (status fuse.Status) {
	req := f.begin(opOpen, in.NodeId, cancel)
	defer req.end(&status)
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	if n.kind == kindDraft {
		return f.writeStatus("open", f.reopen(req, n, in, out))
	}
	if in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		if f.account.Writable() {
			return f.writeStatus("open", f.overwrite(interruptible(cancel), n, in, out))
		}
		return fuse.EROFS
	}
	if n.kind == kindControlFile {
		return f.status("open", f.openControl(req, n, out))
	}
	if n.kind == kindWarm {
		return f.status("warm", f.openWarm(req, n, out))
	}
	var r *cache.Reader
	err := attend(req, in.Pid, func(ctx context.Context) (err error) {
		r, err = n.place.box.Open(ctx, n.file())
		return err
	})
	if err != nil {
		return f.openStatus("open", err)
	}
	out.Fh = f.hold(r)
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH
	return fuse.OK
}

// Read implements fuse.RawFileSystem. The kernel cannot interrupt a read into
// its page cache, so what ends a read that hangs are the deadlines of the
// account.
func (f *FS) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (_ fuse.ReadResult, status fuse.Status) {
	req := f.begin(opRead, in.NodeId, cancel)
	defer req.end(&status)
	r, ok := f.held(in.Fh).(fileHandle)
	if !ok {
		return nil, fuse.EBADF
	}
	f.notifier.begin(in.NodeId)
	defer f.notifier.end(in.NodeId)
	n, err := r.ReadAt(req, buf, int64(in.Offset))
	if err != nil {
		return nil, f.openStatus("read", err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Release implements fuse.RawFileSystem.
func (f *FS) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	switch h := f.held(in.Fh).(type) {
	case *warmHandle:
		h.warming.Stop()
	case *cache.Reader:
		h.Close()
	case *draftHandle:
		f.released(h)
	}
	f.drop(in.Fh)
}
