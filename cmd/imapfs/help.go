package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// groupedUsage writes the usage of a command with many options, by groups.
func groupedUsage(groups []optionGroup) func(*cobra.Command) error {
	return func(cmd *cobra.Command) error {
		out := cmd.OutOrStderr()
		fmt.Fprintf(out, "Usage:\n  %s\n\nExamples:\n%s\n", cmd.UseLine(), cmd.Example)
		for _, g := range groups {
			fmt.Fprintf(out, "\n%s:\n%s", g.title, g.flags.FlagUsages())
		}
		return nil
	}
}
