//go:build !linux

package fs

// directFlags: elsewhere, mounting takes options only.
const directFlags = 0
