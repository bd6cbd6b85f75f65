package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"
)

func newSync() *cobra.Command {
	return &cobra.Command{
		Use:   "sync MOUNTPOINT",
		Short: "Wait until every mailbox of a mount is as on the server",
		Long: `sync compares every mailbox of the mount at MOUNTPOINT with the server, and
returns once all are as they were there at some moment since: a backup that
begins with it misses no mail. It fails if even one mailbox cannot be compared.`,
		Example: `  imapfs sync ~/Mail && rsync -a ~/Mail/.imapfs/eml/ /backup/`,
		Args:    arguments("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			begun := time.Now()
			data, err := readControl(args[0], syncFile)
			if err != nil {
				return whySync(args[0], begun, err)
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
}

// whySync says why a sync failed, of which a file can tell only an errno.
func whySync(mountpoint string, begun time.Time, err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	var r report
	data, e := readControl(mountpoint, jsonFile)
	if e == nil && json.Unmarshal(data, &r) == nil && r.Sync != nil && r.Sync.At.After(begun) {
		return errors.New(r.Sync.Error)
	}
	return fmt.Errorf("sync of %s: %w", mountpoint, path.Err)
}
