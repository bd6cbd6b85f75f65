package imaptest

import "testing"

// courierScript starts Courier much as Debian's scripts do, with Debian's
// configuration: its daemon for passwords, which looks only in /etc/courier and
// listens only in /run/courier, and its listener, which runs a program for the
// login and then another for the mail.
//
// gam_server tells IDLE of changes, and must not be that of another test. Debian's
// IDLE looks once a minute instead, which is too long for tests.
const courierScript = `set -eu
cd "$2"
lib=$1/usr/lib/courier
database() { $lib/courier-authlib/makedatprog - "etc/courier/tmp" "etc/courier/$1"; }
mkdir -p etc/courier run/courier/authdaemon
cp -p /etc/passwd /etc/group etc
echo 'authmodulelist="authuserdb"
daemons=5' >etc/courier/authdaemonrc
id="uid=$(id -u ` + mailUser + `)|gid=$(id -g ` + mailUser + `)"
printf 'alice\t%s|home=%s|mail=%s\n.\n' "$id" "$2" "$2/mail" | database userdb.dat
printf 'alice\timappw=%s\n.\n' "$(cat hash)" | database userdbshadow.dat
mount --bind etc /etc
mount --bind run /run
$lib/courier-authlib/authdaemond &
set -a
. $1/etc/courier/imapd
GAMIN_DEBUG_SERVER=$1/usr/libexec/gam_server
GAM_CLIENT_ID=$2
IMAP_ENHANCEDIDLE=1
. ./config
set +a
while ! test -S /run/courier/authdaemon/socket; do sleep 0.01; done
$1/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=100 -nodnslookup -noidentlookup \
	$3 $lib/courier/imaplogin $1/usr/bin/imapd mail &
wait
`

// Courier starts a Courier with a Maildir++ of its own. "Lists/go" is
// INBOX.Lists.go there: all mailboxes are below INBOX, and no level can have a
// "." in it. WithConfig adds settings as they stand in /etc/courier/imapd. Where
// it cannot run, the test is skipped; but it fails where CI=true says that
// everything has to be there.
func Courier(t testing.TB, opts ...Option) *Server {
	t.Helper()
	o := newOptions(opts)
	return startUnpacked(t, "courier", "alice", courierScript, o, func(m *maildir) store {
		m.plus, m.lf, m.backwards = true, true, o.clocksApart
		return m
	})
}
