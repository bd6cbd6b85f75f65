//go:build !linux

package fs

// directFlags: elsewhere, mounting takes options only.
const (
	directFlags  = 0
	readOnlyFlag = 0
)

// private makes a mount.
func private(mount func() error) error { return mount() }
