// Command imapfs mounts an IMAP account as a drive.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	root := newRoot()
	root.SetArgs(commandLine(os.Args[1:]))
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "imapfs: "+explain(err))
		os.Exit(1)
	}
}

// commandLine completes the arguments: mount(8) calls a file system's program
// without a command, as "imapfs SOURCE MOUNTPOINT -o OPTIONS". It says rw there
// wherever nobody said ro: that is nobody's wish to write.
func commandLine(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "imaps://") && !strings.HasPrefix(args[0], "imap://") {
		return args
	}
	complete := []string{"mount"}
	for i, arg := range args {
		if i > 0 && args[i-1] == "-o" {
			words := slices.DeleteFunc(strings.Split(arg, ","), func(word string) bool { return word == "rw" })
			arg = strings.Join(words, ",")
		}
		complete = append(complete, arg)
	}
	return complete
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "imapfs",
		Short: "Mount an IMAP account as a drive",
		Long: `imapfs mounts an IMAP account as a drive: mailboxes are directories, messages
are directories of their decoded parts, and every program that works on files
works on mail. Nothing is ever marked as read; nothing is changed or deleted unless
it is mounted with --writable.`,
		Example: `  imapfs mount imaps://alice@mail.example.org ~/Mail
  grep -ri invoice ~/Mail/INBOX
  cp ~/Mail/INBOX/*/*.pdf ~/invoices/
  rsync -a ~/Mail/.imapfs/eml/ /backup/
  imapfs umount ~/Mail`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newMount(), newUmount(), newStatus(), newSync(), newWarm(), newCache(), newDemo(), newVersion())
	return root
}

// arguments demands these arguments and no others.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing; see %s --help", names[len(args)], cmd.CommandPath())
		case len(args) > len(names):
			return fmt.Errorf("%q is one argument too many; see %s --help", args[len(names)], cmd.CommandPath())
		}
		return nil
	}
}

// environment gives each option that was not on the command line the value of
// its variable: --password-file is IMAPFS_PASSWORD_FILE.
func environment(flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := "IMAPFS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, set := os.LookupEnv(name)
		if err != nil || !set || f.Changed {
			return
		}
		if e := flags.Set(f.Name, value); e != nil {
			err = fmt.Errorf("%s: %w", name, e)
		}
	})
	return err
}
