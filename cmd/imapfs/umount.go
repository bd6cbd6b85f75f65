package main

import (
	"context"
	"encoding/json"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"imapfs/fs"
)

func newUmount() *cobra.Command {
	var lazy bool
	cmd := &cobra.Command{
		Use:     "umount MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Take a mount away",
		Long: `umount takes the mount at MOUNTPOINT away, also one that a killed imapfs left
behind. While programs use it, it says which and changes nothing; with --lazy,
the mount is out of sight at once and ends with the last of them.`,
		Args: arguments("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			process := servedBy(args[0])
			if err := fs.Unmount(args[0], lazy); err != nil || lazy {
				return err
			}
			awaitEnd(cmd.Context(), process)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "also while programs use it")
	return cmd
}

const (
	// asking is how long a mount gets to say which process serves it.
	asking = 2 * time.Second
	// saving is how long that process gets to save what it knows, which the next
	// mount wants to find.
	saving = 30 * time.Second
)

// servedBy returns the process that serves a mount, 0 if it does not say.
func servedBy(mountpoint string) int {
	told := make(chan int, 1)
	go func() {
		var r report
		data, err := readControl(mountpoint, jsonFile)
		if err != nil || json.Unmarshal(data, &r) != nil {
			r.Process = 0
		}
		told <- r.Process
	}()
	select {
	case process := <-told:
		return process
	case <-time.After(asking):
		return 0
	}
}

// awaitEnd waits until a process has ended.
func awaitEnd(ctx context.Context, process int) {
	if process <= 1 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saving)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for syscall.Kill(process, 0) == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
