package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"imapfs/cache"
	"imapfs/cache/disk"
)

// cacheConfig is what the command line of the commands about caches says.
type cacheConfig struct {
	dir    string
	asJSON bool
}

func newCache() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look at what is kept on disk, check or clear it",
		Long: `cache is about what mounts keep on disk, in a directory for each account. An
ACCOUNT is named as "imapfs cache stats" does, user@host:port, or by the SOURCE of
its mount; without one, it is about all accounts. No server is asked.`,
		Example: `  imapfs cache stats
  imapfs cache verify alice@mail.example.org:993
  imapfs cache clear imaps://alice@mail.example.org`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no %q; see %s --help", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newCacheStats(), newCacheVerify(), newCacheClear())
	return cmd
}

// command is a command about the caches of an account or of all.
func (c *cacheConfig) command(name, short, long string, run func(out, diagnostics io.Writer, accounts []keptAccount) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " [ACCOUNT]", Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			return arguments([]string{"ACCOUNT"}[:min(len(args), 1)]...)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd.Flags()); err != nil {
				return err
			}
			accounts, err := c.accounts(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return run(cmd.OutOrStdout(), cmd.ErrOrStderr(), accounts)
		},
	}
	cmd.Flags().StringVar(&c.dir, "cache-dir", "", "`where` caches are (default ~/.cache/imapfs)")
	return cmd
}

func newCacheStats() *cobra.Command {
	c := new(cacheConfig)
	cmd := c.command("stats", "Tell what is kept, and how much room it takes",
		`stats tells of each account what of it is on disk, whether a mount has it now, and
when its files were written. It changes nothing; of what a mount finds out, it
sees what is written already.`,
		func(out, diagnostics io.Writer, accounts []keptAccount) error {
			return c.inspect(false, out, diagnostics, accounts)
		})
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "for programs")
	return cmd
}

func newCacheVerify() *cobra.Command {
	c := new(cacheConfig)
	cmd := c.command("verify", "Check all that is kept",
		`verify reads every file, checks every checksum, and reads the index as a mount
does. It names each file that is damaged, and exits with 1 if one is. It changes
nothing, and there is nothing to repair: a mount leaves out what is damaged, and
fetches it again. It can be used beside a mount.`,
		func(out, diagnostics io.Writer, accounts []keptAccount) error {
			return c.inspect(true, out, diagnostics, accounts)
		})
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "for programs")
	return cmd
}

func newCacheClear() *cobra.Command {
	return new(cacheConfig).command("clear", "Remove what is kept",
		`clear removes what is on disk of ACCOUNT, or of all accounts, without asking: it
can be fetched again. It leaves alone what a mount has, and says which.`, clearCaches)
}

// keptAccount is an account of which something is on disk.
type keptAccount struct {
	name string // user@host:port
	path string
}

// accounts finds the caches there are, or that of one account.
func (c *cacheConfig) accounts(only string) ([]keptAccount, error) {
	if c.dir == noCache {
		return nil, errors.New("with --cache-dir none, nothing is on disk")
	}
	root, err := cacheRoot(c.dir)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return nil, err
	}
	wanted := cacheID(only)
	if strings.Contains(only, "://") {
		source, err := parseSource(only)
		if err != nil {
			return nil, err
		}
		wanted = source.cacheID()
	}
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	var accounts []keptAccount
	for _, e := range entries {
		name, ok := accountOf(e.Name())
		switch {
		case !ok || !e.IsDir(): // nor is it a symbolic link then
		case only == "" || wanted == e.Name() || only == e.Name():
			accounts = append(accounts, keptAccount{name, filepath.Join(root, e.Name())})
		}
	}
	if only != "" && len(accounts) == 0 {
		return nil, fmt.Errorf("nothing of %s is kept in %s; \"imapfs cache stats\" tells what is", printable(only), root)
	}
	return accounts, nil
}

// inspect tells of accounts, one after another.
func (c *cacheConfig) inspect(verify bool, out, diagnostics io.Writer, accounts []keptAccount) error {
	reports, failed, damaged := []*keptReport{}, 0, 0
	for i, a := range accounts {
		options := cache.InspectOptions{Verify: verify}
		done := func() {}
		if !c.asJSON {
			p := newReading(diagnostics, a.name)
			options.Progress, done = p.update, p.end
		}
		r, err := a.report(options)
		done()
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, disk.ErrNotCache) && len(accounts) > 1:
			continue // it has just been cleared, or is not ours
		case err != nil && len(accounts) == 1:
			return err
		case err != nil:
			failed++
			r = &keptReport{Account: a.name, Path: a.path, Error: err.Error()}
		}
		reports = append(reports, r)
		damaged += len(r.Problems)
		if !c.asJSON {
			if !verify && i > 0 {
				fmt.Fprintln(out)
			}
			r.text(out, verify, time.Now())
		}
	}
	if c.asJSON {
		data, err := json.MarshalIndent(reports, "", "  ")
		if err == nil {
			_, err = out.Write(append(data, '\n'))
		}
		if err != nil {
			return err
		}
	} else if len(reports) == 0 {
		fmt.Fprintln(out, "nothing is kept")
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%s could not be read", count(failed, "cache"))
	case damaged > 0 && verify:
		return fmt.Errorf("%s damaged; a mount leaves out what is, and fetches it again", count(damaged, "file"))
	}
	return nil
}

// clearCaches removes the caches of accounts, but for those in use.
func clearCaches(out, _ io.Writer, accounts []keptAccount) error {
	var failed []string
	for _, a := range accounts {
		left, err := disk.Clear(a.path)
		switch {
		case errors.Is(err, disk.ErrLocked):
			failed = append(failed, a.busy())
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, disk.ErrNotCache) && len(accounts) > 1:
		case err != nil:
			failed = append(failed, printable(a.name)+": "+err.Error())
		case len(left) == 1 && left[0] == recoveryFolder:
			fmt.Fprintf(out, "%s is cleared; messages that could not be stored are still there: %s\n", printable(a.name), recoveryFolder)
		case len(left) > 0:
			fmt.Fprintf(out, "%s is cleared; not of imapfs, and still there: %s\n", printable(a.name), printable(strings.Join(left, ", ")))
		default:
			fmt.Fprintf(out, "%s is cleared\n", printable(a.name))
		}
	}
	if len(accounts) == 0 {
		fmt.Fprintln(out, "nothing is kept")
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}

// busy says who has the cache.
func (a keptAccount) busy() string {
	if v, err := disk.Look(a.path); err == nil {
		defer v.Close()
		if mountpoint, _ := v.InUse(); mountpoint != "" {
			return fmt.Sprintf("%s is mounted at %s; unmount it first", printable(a.name), printable(mountpoint))
		}
	}
	return printable(a.name) + " " + disk.ErrLocked.Error() + "; unmount it first"
}
