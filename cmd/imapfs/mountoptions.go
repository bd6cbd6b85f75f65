package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// ignoredOptions are mount options that say what is so anyway, that the kernel
// has no use for here, or that are for others. mount(8) passes on nearly all
// that stands in fstab; mount.fuse3, as root, adds dev and suid: the mount is
// nodev, nosuid and noexec in spite of that.
var ignoredOptions = []string{
	"nosuid", "suid", "nodev", "dev", "noexec", "exec", "default_permissions",
	"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
	"lazytime", "nolazytime", "async", "dirsync", "mand", "nomand", "silent", "loud", "iversion", "noiversion",
	"symfollow", "nosymfollow",
	"defaults", "auto", "noauto", "user", "nouser", "users", "nousers", "owner", "noowner", "group", "nogroup",
	"_netdev", "nofail",
}

// ignoredPrefixes begin options that are for others (mount(8)).
var ignoredPrefixes = []string{"x-", "X-", "comment="}

// notOptions are flags that make no sense after -o.
var notOptions = []string{"option", "help"}

// applyOptions turns the words after -o into options: those of mount(8) that
// matter here, and every option of this command by its own name.
func (c *mountConfig) applyOptions(flags *pflag.FlagSet) error {
	for _, list := range c.mountOptions {
		for _, word := range splitOptions(list) {
			if err := applyOption(flags, word); err != nil {
				return fmt.Errorf("-o %s: %w", word, err)
			}
		}
	}
	return nil
}

// otherNames are those of mount(8) for options of this command.
var otherNames = map[string]string{"rw": "writable=true", "ro": "writable=false", "sync": "sync-writes=true"}

func applyOption(flags *pflag.FlagSet, word string) error {
	if name, ok := otherNames[word]; ok {
		word = name
	}
	if word == "" || slices.Contains(ignoredOptions, word) ||
		slices.ContainsFunc(ignoredPrefixes, func(p string) bool { return strings.HasPrefix(word, p) }) {
		return nil
	}
	name, value, hasValue := strings.Cut(word, "=")
	f := flags.Lookup(strings.ReplaceAll(name, "_", "-"))
	switch {
	case f == nil || slices.Contains(notOptions, f.Name):
		return fmt.Errorf("there is no such option")
	case !hasValue && f.NoOptDefVal == "":
		return fmt.Errorf("it needs a value (%s=...)", name)
	case !hasValue:
		value = f.NoOptDefVal
	}
	return flags.Set(f.Name, value)
}

// splitOptions splits at commas. One after a backslash belongs to the value, as
// with all FUSE file systems.
func splitOptions(list string) (words []string) {
	var word strings.Builder
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list):
			i++
			word.WriteByte(list[i])
		case list[i] == ',':
			words = append(words, word.String())
			word.Reset()
		default:
			word.WriteByte(list[i])
		}
	}
	return append(words, word.String())
}
