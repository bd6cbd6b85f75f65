package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// rsync copies a mailbox in the eml layout, twice.
func (b *bench) rsync(ctx context.Context) error {
	m, err := b.walked(ctx)
	if err != nil {
		return err
	}
	listing, err := b.listingOctets(ctx, m.mailbox)
	if err != nil {
		return err
	}
	commands, need := plan(m, whole)
	local, err := b.localCopy(ctx, m.mailbox, "eml")
	if err != nil {
		return err
	}
	for _, c := range b.conditions() {
		var again, ext4 series
		contenders := []contender{
			b.wireRun(c, m.mailbox, commands, need),
			{"imapfs", func(ctx context.Context) (sample, error) { return b.rsyncTwice(ctx, c, m, local, &again, &ext4) }},
		}
		if c == loopback {
			contenders = append(contenders,
				contender{"mbsync", func(ctx context.Context) (sample, error) { return b.mbsync(ctx, c, m.mailbox, true) }},
				contender{"mbsync, no fsync", func(ctx context.Context) (sample, error) { return b.mbsync(ctx, c, m.mailbox, false) }})
		}
		s, err := b.compare(ctx, "cold rsync, "+c.name, contenders...)
		if err != nil {
			return err
		}
		wire, fs := s[0], s[1]
		const work = "cold `rsync -a` of an eml-layout mailbox"
		b.effort("cold rsync -a", c, m.messages, "wire", wire, -1)
		b.effort("cold rsync -a", c, m.messages, "imapfs", fs, listing+wire.down())
		if c == loopback {
			b.effort("cold rsync -a", c, m.messages, "mbsync", s[2], -1)
			b.effort("cold rsync -a", c, m.messages, "mbsync, no fsync", s[3], -1)
			r := ratio(s[2], fs)
			b.row(row{work, c.name, "≥ 3 × mbsync", fmt.Sprintf("%.2f × (%.2f × mbsync without fsync); %s%.2f × wire time", r, ratio(s[3], fs), fs.atLeast(), ratio(fs, wire)), judged(r >= 3)})
		} else {
			share := float64(need*8) / 1e6 / fs.took().Seconds() / c.mbps
			b.row(row{work, c.name, "≥ 0.9 of the line", fmt.Sprintf("%.2f; %s%.2f × wire time", share, fs.atLeast(), ratio(fs, wire)), judged(share >= .9 && !fs.tooLong())})
		}
		if len(again) == 0 {
			b.row(row{"second `rsync -a`", c.name, "0 bytes, 0 FETCH", "the first took too long", missed})
			continue
		}
		b.effort("second rsync -a", c, m.messages, "imapfs", again, 0)
		b.effort("second rsync -a", c, m.messages, "ext4", ext4, -1)
		r := ratio(again, ext4)
		b.row(row{"second `rsync -a`", c.name, "0 bytes, 0 FETCH; ≤ 3 × ext4",
			fmt.Sprintf("%s, %d FETCH; %.2f × ext4", octets(again.down()), again.fetches(), r),
			judged(again.fetches() == 0 && again.down() < 1000 && r <= 3)})
	}
	return nil
}

// rsyncTwice returns what the first rsync took, and appends what the second did,
// and what the same takes on the local copy.
func (b *bench) rsyncTwice(ctx context.Context, c condition, m *mailbox, local string, again, ext4 *series) (first sample, err error) {
	to, err := os.MkdirTemp(b.dir, "rsync")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(to)
	err = b.mounted(ctx, c, func(mnt *mount) error {
		args := []string{"rsync", "-a", mnt.path(".imapfs", "eml", m.mailbox) + "/", to + "/"}
		if first, _, err = mnt.run(ctx, "/", args...); err != nil {
			return err
		}
		if err := complete(to, m); err != nil {
			return err
		}
		second, _, err := mnt.run(ctx, "/", args...)
		if err != nil {
			return err
		}
		here, err := timed(ctx, "/", "rsync", "-a", local+"/", to+"/")
		if err != nil {
			return err
		}
		b.logf("second rsync, %s: imapfs: %s; ext4: %s", c.name, second, here)
		*again, *ext4 = append(*again, second), append(*ext4, here)
		return nil
	})
	return first, err
}

// rsyncOnce copies a mailbox from a cold mount.
func (b *bench) rsyncOnce(ctx context.Context, c condition, m *mailbox) (s sample, err error) {
	to, err := os.MkdirTemp(b.dir, "rsync")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(to)
	err = b.mounted(ctx, c, func(mnt *mount) error {
		s, _, err = mnt.run(ctx, "/", "rsync", "-a", mnt.path(".imapfs", "eml", m.mailbox)+"/", to+"/")
		return err
	})
	return s, err
}

// complete tells whether a copy in the eml layout has all octets of a mailbox.
func complete(dir string, m *mailbox) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var octets int64
	for _, f := range files {
		info, err := os.Stat(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		octets += info.Size()
	}
	if len(files) != len(m.letters) || octets != m.octets {
		return fmt.Errorf("%d files of %d octets were copied, %d of %d are on the server", len(files), octets, len(m.letters), m.octets)
	}
	return nil
}
