package main

import (
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
		RunE: func(_ *cobra.Command, args []string) error { return fs.Unmount(args[0], lazy) },
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "also while programs use it")
	return cmd
}
