package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"imapfs/cache"
	"imapfs/imapbackend"
)

// What --delete takes.
const (
	deleteToTrash  = "trash"
	deleteForGood  = "expunge"
	recoveryFolder = "recovery"
)

func (c *mountConfig) checkWriting() error {
	switch {
	case c.deletion != deleteToTrash && c.deletion != deleteForGood:
		return fmt.Errorf("--delete %s: it is %s or %s", c.deletion, deleteToTrash, deleteForGood)
	case c.writable && c.offline:
		return errors.New("--offline and --writable contradict each other")
	}
	return nil
}

// writing is how the account may be changed, nil if it may not.
func (c *mountConfig) writing(client *imapbackend.Client) (*cache.Writing, error) {
	if !c.writable {
		return nil, nil
	}
	folder, err := c.recoveryPath()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(folder), 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("recovery folder: %w", err)
	}
	return &cache.Writing{
		Editor: client, Recovery: folder, Expunge: c.deletion == deleteForGood, NoDuplicates: c.noDuplicates,
	}, nil
}

// recoveryPath is where what is written is until it is stored, and stays if that
// fails: below the account's cache, or where that would be.
func (c *mountConfig) recoveryPath() (string, error) {
	root := c.cacheDir
	if root == noCache {
		root = ""
	}
	root, err := cacheRoot(root)
	if err != nil {
		return "", err
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	return filepath.Join(root, c.source.cacheID(), recoveryFolder), nil
}
