// Command imapfs mounts an IMAP account as a drive.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	if err := newRoot().Execute(); err != nil {
		// An error is one line, whatever a server put into it.
		fmt.Fprintln(os.Stderr, "imapfs: "+strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "imapfs",
		Short: "Mount an IMAP account as a drive",
		Long: `imapfs mounts an IMAP account as a drive: mailboxes are directories, messages
are directories of their decoded parts, and every program that works on files
works on mail. Nothing is ever marked as read, changed or deleted.

  imapfs mount imaps://alice@mail.example.org ~/Mail
  grep -ri invoice ~/Mail/INBOX
  cp ~/Mail/INBOX/*/*.pdf ~/invoices/
  rsync -a ~/Mail/.imapfs/eml/ /backup/
  imapfs umount ~/Mail`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newMount(), newUmount(), newDemo(), newVersion())
	return root
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
