package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"imapfs/imapbackend/imaptest"
)

// withTrash gives a Dovecot a mailbox for deleted messages.
const withTrash = `namespace inbox {
  mailbox Trash {
    auto = create
    special_use = \Trash
  }
}`

// ofEachUser gives each user of a Dovecot mail of their own.
const ofEachUser = "\nmail_location = maildir:~/%u:LAYOUT=fs:INBOX=~/%u/INBOX\n"

// give puts messages into a mailbox of the account, which it makes if need be.
func give(t testing.TB, s *imaptest.Server, mailbox string, messages ...[]byte) {
	t.Helper()
	client := s.Client()
	if mailbox != "INBOX" {
		if err := client.Create(mailbox, nil).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range messages {
		cmd := client.Append(mailbox, int64(len(m)), &imap.AppendOptions{Time: sampleDate})
		_, err := cmd.Write(m)
		if err = errors.Join(err, cmd.Close()); err == nil {
			_, err = cmd.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// shell runs a script in a mount, $M, with an empty directory, $C.
func shell(t testing.TB, dir, script string) (string, error) {
	t.Helper()
	cmd := exec.Command("/bin/bash", "-c", script)
	cmd.Env = append(os.Environ(), "M="+dir, "C="+t.TempDir(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestWriting does what people do with mail as files, a script each: what it
// prints, and what the account holds afterwards.
func TestWriting(t *testing.T) {
	mail := func(subject string) string {
		return `printf 'From: a@example.org\r\nSubject: ` + subject + `\r\nMessage-ID: <` + subject + `@example.org>\r\n\r\ntext\r\n'`
	}
	s := imaptest.Dovecot(t, imaptest.WithConfig(withTrash+ofEachUser))
	for i, one := range []struct {
		name, script, prints string
		holds                []string // mailbox, subject, flags of each message
	}{
		{"cp", mail("x") + ` >$C/x.eml; cp $C/x.eml $M/Work/ && ls $M/Work && cmp $C/x.eml $M/Work/x.eml`, "x.eml\n", []string{"Work x []"}},
		{"cat", mail("x") + ` >$M/Work/y.eml && ls $M/Work`, "y.eml\n", []string{"Work x []"}},
		{"by several commands", `{ ` + mail("x") + `; echo more; (echo even more); } >$M/Work/y.eml && tail -n 2 $M/Work/y.eml`, "more\neven more\n", []string{"Work x []"}},
		{"append", mail("x") + ` >$M/Work/y.eml; echo more >>$M/Work/y.eml && tail -n 1 $M/Work/y.eml`, "more\n", []string{"Work x []"}},
		{"bare LF", `printf 'Subject: x\n\ntext\n' >$M/Work/y.eml && ls $M/Work`, "y.eml\n", []string{"Work x []"}},
		{"with a date", mail("x") + ` >$C/x.eml; touch -d '2001-02-03 04:05:06Z' $C/x.eml; cp -p $C/x.eml $M/Work/; TZ=UTC date -r $M/Work/x.eml`, "Sat Feb  3 04:05:06 UTC 2001\n", []string{"Work x []"}},
		{"with a date after the close", mail("x") + ` >$M/Work/x.eml; touch -d '2001-02-03 04:05:06Z' $M/Work/x.eml; TZ=UTC date -r $M/Work/x.eml`, "Sat Feb  3 04:05:06 UTC 2001\n", []string{"Work x []"}},
		{"flags before", mail("x") + ` >$M/Work/.x; setfattr -n user.imap.flags -v '\Seen \Flagged' $M/Work/.x; mv $M/Work/.x $M/Work/x.eml`, "", []string{`Work x [\Flagged \Seen]`}},
		{"flags after", mail("x") + ` >$M/Work/x.eml; setfattr -n user.imap.flags -v '\Seen work' $M/Work/x.eml`, "", []string{`Work x [\Seen work]`}},
		{"flags of a message", `setfattr -n user.imap.flags -v '\Answered' $M/INBOX/*_one_*; getfattr --absolute-names --only-values -n user.imap.flags $M/INBOX/*_one_*`, `\Answered`, []string{`INBOX one [\Answered]`}},
		{"no flags", `setfattr -n user.imap.flags -v '\Answered' $M/INBOX/*_one_*; setfattr -x user.imap.flags $M/INBOX/*_one_*`, "", nil},
		{"another attribute", `setfattr -n user.imap.uid -v 99 $M/INBOX/*_one_*; getfattr --absolute-names --only-values -n user.imap.uid $M/INBOX/*_one_*`, `1`, nil},
		{"an attribute of nobody's", `setfattr -n user.other -v x $M/INBOX/*_one_* 2>&1 | sed 's/.*: //'`, "Operation not supported\n", nil},
		{"deleted by a flag", `setfattr -n user.imap.flags -v '\Deleted' $M/INBOX/*_one_* 2>&1 | sed 's/.*: //'`, "Operation not permitted\n", nil},
		{"temporary name", mail("x") + ` >$M/Work/.x.eml.AbCdEf; ls -A $M/Work`, ".x.eml.AbCdEf\n", nil0},
		{"temporary name renamed", mail("x") + ` >$M/Work/.x.eml.AbCdEf; mv $M/Work/.x.eml.AbCdEf $M/Work/x.eml; ls -A $M/Work`, "x.eml\n", []string{"Work x []"}},
		{"temporary name elsewhere", mail("x") + ` >$M/INBOX/x.part; mv $M/INBOX/x.part $M/Work/x.eml; ls -A $M/Work`, "x.eml\n", []string{"Work x []"}},
		{"empty", `touch $M/Work/x.eml; : >$M/Work/y.eml; ls $M/Work; rm $M/Work/*; ls $M/Work`, "x.eml\ny.eml\n", nil0},
		{"mkdir", `mkdir -p "$M/New/Größe/50%" && ls -R $M/New | grep -v '^$' | sed 's#.*/New#New#'`, "New:\nGröße\nNew/Größe:\n50%\nNew/Größe/50%:\n", nil0},
		{"rmdir", `mkdir -p $M/New/Below; rmdir $M/New; rmdir $M/New/Below $M/New; rmdir $M/INBOX; ls $M`, "rmdir: failed to remove 'M/New': Directory not empty\nrmdir: failed to remove 'M/INBOX': Operation not permitted\nINBOX\nTrash\nWork\n", nil0},
		{"mv of a mailbox", mail("x") + ` >$M/Work/x.eml; mkdir $M/Work/Below; mv $M/Work $M/Play; ls $M $M/Play`, "M:\nINBOX\nPlay\nTrash\n\nM/Play:\nBelow\nx.eml\n", []string{"Play x []"}},
		{"mv of INBOX", `mv $M/INBOX $M/Other`, "mv: cannot move 'M/INBOX' to 'M/Other': Operation not permitted\n", nil0},
		{"mv of a message", `mv $M/INBOX/*_one_* $M/Work/; ls $M/INBOX $M/Work`, "M/INBOX:\n\nM/Work:\n2026-03-04_0912_a-example-org_one_1.eml\n", []string{"Work one []"}},
		{"mv under another name", `mv $M/INBOX/*_one_* $M/Work/one.eml; ls $M/INBOX $M/Work; grep -c Subject: $M/Work/one.eml`, "M/INBOX:\n\nM/Work:\none.eml\n1\n", []string{"Work one []"}},
		{"mv to another name", `mv $M/INBOX/*_one_* $M/INBOX/one.eml; ls $M/INBOX; cat $M/INBOX/one.eml | grep Subj`, "one.eml\nSubject: one\r\n", []string{"INBOX one []"}},
		{"as vim", `cd $M/INBOX; mv *_one_* one.eml; mv one.eml one.eml~; ` + mail("x") + ` >one.eml; rm one.eml~; ls`, "one.eml\n", []string{"INBOX x []", "Trash one []"}},
		{"over another", mail("x") + ` >$M/INBOX/.x; mv $M/INBOX/.x $M/INBOX/*_one_*; ls $M/INBOX`, "2026-03-04_0912_a-example-org_one_1.eml\n", []string{"INBOX x []", "Trash one []"}},
		{"not over another", mail("x") + ` >$M/INBOX/.x; mv -n $M/INBOX/.x $M/INBOX/*_one_*; rm $M/INBOX/.x; ls $M/INBOX`, "2026-03-04_0912_a-example-org_one_1.eml\n", []string{"INBOX one []"}},
		{"cp of a message", `cp $M/INBOX/*_one_* $M/Work/; ls $M/Work`, "2026-03-04_0912_a-example-org_one_1.eml\n", []string{"INBOX one []", "Work one []"}},
		{"cp of a message with another date", `cp $M/INBOX/*_one_* $M/Work/a.eml; touch -d '2001-02-03 04:05:06Z' $M/Work/a.eml; TZ=UTC date -r $M/Work/a.eml`, "Sat Feb  3 04:05:06 UTC 2001\n", []string{"INBOX one []", "Work one []"}},
		{"rm", `rm $M/INBOX/*_one_*; ls $M/INBOX $M/Trash`, "M/INBOX:\n\nM/Trash:\n2026-03-04_0912_a-example-org_one_1.eml\n", []string{"Trash one []"}},
		{"rm in the trash", `rm $M/INBOX/*_one_*; rm $M/Trash/* 2>&1 | sed 's/.*: //'; ls $M/Trash`, "Operation not permitted\n2026-03-04_0912_a-example-org_one_1.eml\n", []string{"Trash one []"}},
		{"rm of all", `cd $M; rm -rf * 2>/dev/null; ls *`, "INBOX:\n\nTrash:\n2026-03-04_0912_a-example-org_one_1.eml\n", []string{"Trash one []"}},
		{"rm -r of a message", `cd $M/.imapfs/parts; rm -r INBOX/*_one_*; ls INBOX Trash`, "INBOX:\n\nTrash:\n2026-03-04_0912_a-example-org_one_1\n", []string{"Trash one []"}},
		{"rm of a part", `cd $M/.imapfs/parts/INBOX/*_one_*; rm body.txt; mv body.txt x; echo x >>body.txt; echo x >new; mkdir new; rmdir ../*_one_*; ls`, "rm: cannot remove 'body.txt': Operation not permitted\nmv: cannot move 'body.txt' to 'x': Operation not permitted\nbody.txt: Operation not permitted\nnew: Operation not permitted\nmkdir: cannot create directory 'new': Operation not permitted\nrmdir: failed to remove '../ONE': Directory not empty\nbody.txt\nheader.txt\n", []string{"INBOX one []"}},
		{"mv of a message's directory", `cd $M/.imapfs/parts; mv INBOX/*_one_* Work/mine; ls INBOX Work; cat Work/mine/body.txt; ls $M/Work`, "INBOX:\n\nWork:\nmine\none\n2026-03-04_0912_a-example-org_one_1.eml\n", []string{"Work one []"}},
		{"cp into the other layout", mail("x") + ` >$M/.imapfs/parts/Work/y.eml; ls $M/.imapfs/parts/Work | sed 's/.*_a-/a-/'; tail -n 1 $M/.imapfs/parts/Work/y.eml; ls $M/Work`, "y.eml\ntext\r\ny.eml\n", []string{"Work x []"}},
		{"over a message", mail("x") + ` >$C/x.eml; touch -d '2001-02-03 04:05:06Z' $C/x.eml; cp -p $C/x.eml $M/INBOX/*_one_*; ls $M/INBOX; TZ=UTC date -r $M/INBOX/*_one_*`, "ONE.eml\nSat Feb  3 04:05:06 UTC 2001\n", []string{"INBOX x []", "Trash one []"}},
		{"nothing over a message", `: >$M/INBOX/*_one_*.eml; ls $M/INBOX; grep -c Subject: $M/INBOX/*`, "ONE.eml\n1\n", []string{"INBOX one []"}},
		{"writing into a message", `echo x >>$M/INBOX/*_one_*.eml`, "ONE.eml: Operation not permitted\n", []string{"INBOX one []"}},
		{"no message", `echo hello >$M/Work/x.eml; cp $M/../../../../../../../../etc/hostname $M/Work/y.eml 2>&1 | sed 's/.*: //'; ls $M/Work`, "Invalid argument\n", nil0},
		{"a file beside the mailboxes", mail("x") + ` >$M/x.eml`, "M/x.eml: Operation not permitted\n", nil0},
		{"a link", `ln $M/INBOX/*_one_* $M/Work/x.eml 2>&1 | sed 's/.*: //'; ln -s x $M/Work/y.eml 2>&1 | sed 's/.*: //'; mkfifo $M/Work/z 2>&1 | sed 's/.*: //'`, "Operation not permitted\nOperation not permitted\nOperation not permitted\n", nil0},
		{"a mailbox of a message's name", `mkdir $M/2026-03-04_0912_a_b_1 2>&1 | sed 's/.*: //'`, "Invalid argument\n", nil0},
		{"chmod and chown", mail("x") + ` >$M/Work/x.eml; chmod 777 $M/Work/x.eml $M/Work && chown 7 $M/Work/x.eml && stat -c %a:%u $M/Work/x.eml`, fmt.Sprintf("600:%d\n", os.Getuid()), []string{"Work x []"}},
		{"touch of a message", `touch $M/INBOX/*_one_* 2>&1 | sed 's/.*: //'`, "Operation not permitted\n", nil},
	} {
		t.Run(one.name, func(t *testing.T) {
			s.Username = fmt.Sprintf("user%d", i)
			give(t, s, "INBOX", note("one"))
			give(t, s, "Work")
			dir := mountAt(t, s, s.Addr, asFiles, writable)
			out, _ := shell(t, dir, one.script)
			out = strings.NewReplacer(dir, "M", "2026-03-04_0912_a-example-org_one_1", "ONE").Replace(out)
			want := strings.ReplaceAll(one.prints, "2026-03-04_0912_a-example-org_one_1", "ONE")
			for _, prefix := range []string{"/bin/bash: line 1: ", "/bin/bash: "} {
				out = strings.ReplaceAll(out, prefix, "")
			}
			out = strings.ReplaceAll(out, "M/INBOX/ONE.eml: Operation", "ONE.eml: Operation")
			if out != want {
				t.Errorf("prints\n%s\nnot\n%s", out, want)
			}
			holds := one.holds
			if holds == nil {
				holds = []string{"INBOX one []"}
			}
			if !slices.ContainsFunc(holds, func(h string) bool { return strings.Contains(h, " one ") }) {
				holds = append([]string{"INBOX one []"}, holds...)
			}
			if got := heldBy(t, s); !slices.Equal(got, holds) {
				t.Errorf("the account holds\n%q, not\n%q", got, holds)
			}
		})
	}
}

// nil0 is that the account holds what it held.
var nil0 []string
