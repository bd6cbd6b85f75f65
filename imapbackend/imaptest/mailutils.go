package imaptest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mailutilsScript starts GNU Mailutils's imap4d for Maildirs. Its default, mbox,
// puts each message's UID and flags into the header that it serves, so that no
// message's octets stay what they are.
//
// virtdomain is its own file of passwords, one for each domain; users of it are
// served by a process that goes on as root.
const mailutilsScript = `set -eu
cd "$2"
mkdir -p passwords
printf 'alice:%s:%s:%s:Alice:%s:/bin/sh\n' "$(cat hash)" "$(id -u ` + mailUser + `)" "$(id -g ` + mailUser + `)" "$2/mail" >passwords/localhost
cat >conf <<X
mode daemon;
foreground yes;
pidfile "$2/pid";
max-children 100;
server 127.0.0.1:$3 { };
logging { syslog no; };
tcp-wrappers { enable no; };
auth { authentication clear; authentication generic; authorization clear; authorization virtdomain; };
virtdomain { passwd-dir "$2/passwords"; };
namespace personal { prefix "" { directory "$2/mail"; delimiter "/"; mailbox-type maildir; }; };
mailbox { mailbox-pattern "maildir://$2/mail/INBOX"; mailbox-type maildir; };
X
cat config >>conf
exec $1/usr/sbin/imap4d --config-file=conf
`

// Mailutils starts GNU Mailutils's imap4d with Maildirs of its own, in which
// every message has a UID already: those without one have another on each
// connection, and the mailbox another UIDVALIDITY, until a client opens it with
// SELECT. INTERNALDATE is what the message's own Received or Date field says, and
// without them the time of asking. WithConfig adds statements of its configuration. Where it cannot run,
// the test is skipped; but it fails where CI=true says that everything has to be
// there.
func Mailutils(t testing.TB, opts ...Option) *Server {
	t.Helper()
	o := newOptions(opts)
	return startUnpacked(t, "mailutils", "alice@localhost", mailutilsScript, o, func(m *maildir) store {
		m.lf = true // all of a message with CRLF is an empty line for Mailutils
		return &mailutils{maildir: m, boxes: make(map[string]mailutilsBox), validity: 1700000000}
	})
}

// mailutils is a tree of Maildirs in which the messages have UIDs as Mailutils
// itself writes them: in the names of the files.
type mailutils struct {
	*maildir
	boxes    map[string]mailutilsBox
	validity int // the last that was given
}

type mailutilsBox struct{ validity, last int }

func (m *mailutils) create(mailbox string) error {
	if err := m.maildir.create(mailbox); err != nil {
		return err
	}
	text, err := os.ReadFile(m.properties(mailbox))
	if box, ok := m.boxes[mailbox]; ok && err == nil && strings.Contains(string(text), fmt.Sprintf("uid-validity: %d\n", box.validity)) {
		return nil
	}
	// It is new, or another has taken its name.
	m.validity++
	m.boxes[mailbox] = mailutilsBox{validity: m.validity}
	return m.number(mailbox)
}

func (m *mailutils) deliver(mailbox string, message []byte, date time.Time, flags []string) error {
	box := m.boxes[mailbox]
	box.last++
	m.boxes[mailbox] = box
	if err := m.number(mailbox); err != nil {
		return err
	}
	m.suffix = fmt.Sprintf(",u=%d", box.last)
	return m.maildir.deliver(mailbox, message, date, flags)
}

// properties is the file of what Mailutils knows of a mailbox.
func (m *mailutils) properties(mailbox string) string {
	return filepath.Join(m.path(mailbox), ".mu-prop")
}

// number writes that file. Without the version, Mailutils reads no flags.
func (m *mailutils) number(mailbox string) error {
	name, box := m.properties(mailbox), m.boxes[mailbox]
	text := fmt.Sprintf("uidnext: %d\nuid-validity: %d\nversion: 3.15\n\n", box.last+1, box.validity)
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
