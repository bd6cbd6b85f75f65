package main

import (
	"github.com/spf13/cobra"

	"imapfs/fs"
)

func newUmount() *cobra.Command {
	return &cobra.Command{
		Use:     "umount MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Take a mount away, also one that a killed imapfs left behind",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return fs.Unmount(args[0], false) },
	}
}
