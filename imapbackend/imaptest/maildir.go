package imaptest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// maildir is a tree of Maildirs as Dovecot's LAYOUT=fs has it, below dir/mail, or
// with plus a Maildir++ as Courier has it.
type maildir struct {
	dir       string
	plus      bool
	lf        bool // the server expects lines that end in LF, as most programs do
	uid, gid  int
	delivered int
	backwards bool   // each file's name is below those before
	suffix    string // of the names of files that are delivered
}

func newMaildir(dir string) (*maildir, error) {
	u, err := user.Lookup(mailUser)
	if err != nil {
		return nil, err
	}
	m := &maildir{dir: filepath.Join(dir, "mail")}
	if m.uid, err = strconv.Atoi(u.Uid); err != nil {
		return nil, err
	}
	if m.gid, err = strconv.Atoi(u.Gid); err != nil {
		return nil, err
	}
	// Dovecot's processes run as its own users and must get through.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{m.dir, filepath.Join(dir, "home")} {
		if err := m.mkdir(name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// mkdir makes a directory that the mail user owns, if it is not there.
func (m *maildir) mkdir(name string) error {
	if err := os.Mkdir(name, 0o700); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	return os.Chown(name, m.uid, m.gid)
}

// path is the directory of a mailbox.
func (m *maildir) path(mailbox string) string {
	switch {
	case !m.plus:
		return filepath.Join(m.dir, modifiedUTF7(mailbox))
	case mailbox == "INBOX":
		return m.dir
	default: // in UTF-8, and below INBOX whatever its name is
		return filepath.Join(m.dir, "."+strings.ReplaceAll(mailbox, "/", "."))
	}
}

func (m *maildir) create(mailbox string) error {
	dir := m.path(mailbox)
	for i, c := range dir {
		if i > len(m.dir) && c == '/' {
			if err := m.mkdir(dir[:i]); err != nil {
				return err
			}
		}
	}
	if err := m.mkdir(dir); err != nil {
		return err
	}
	if m.plus && dir != m.dir {
		if err := os.WriteFile(filepath.Join(dir, "maildirfolder"), nil, 0o600); err != nil {
			return err
		}
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := m.mkdir(filepath.Join(dir, sub)); err != nil {
			return err
		}
	}
	return nil
}

// maildirFlags are the letters for IMAP's system flags.
var maildirFlags = map[string]string{`\Answered`: "R", `\Deleted`: "T", `\Draft`: "D", `\Flagged`: "F", `\Seen`: "S"}

// deliver writes a message file. Dovecot takes INTERNALDATE from its time of
// modification, and gives UIDs in the order of the file names.
func (m *maildir) deliver(mailbox string, message []byte, date time.Time, flags []string) error {
	var letters []string
	for _, f := range flags {
		letter := maildirFlags[f]
		if letter == "" {
			return fmt.Errorf("a Maildir has no flag %q", f)
		}
		letters = append(letters, letter)
	}
	slices.Sort(letters) // as the format wants them
	if m.lf {
		message = bytes.ReplaceAll(message, []byte("\r\n"), []byte("\n"))
	}
	m.delivered++
	dir := m.path(mailbox)
	number := m.delivered
	if m.backwards {
		number = math.MaxInt32 - number
	}
	base := fmt.Sprintf("%010d.imaptest%s", number, m.suffix)
	tmp := filepath.Join(dir, "tmp", base)
	if err := os.WriteFile(tmp, message, 0o600); err != nil {
		return err
	}
	if err := os.Chown(tmp, m.uid, m.gid); err != nil {
		return err
	}
	if err := os.Chtimes(tmp, date, date); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "cur", base+":2,"+strings.Join(letters, "")))
}

// modifiedUTF7 encodes a mailbox name (RFC 3501, section 5.1.3).
func modifiedUTF7(name string) string {
	var b strings.Builder
	var run []rune
	flush := func() {
		if len(run) == 0 {
			return
		}
		var octets []byte
		for _, u := range utf16.Encode(run) {
			octets = append(octets, byte(u>>8), byte(u))
		}
		code := base64.RawStdEncoding.EncodeToString(octets)
		b.WriteString("&" + strings.ReplaceAll(code, "/", ",") + "-")
		run = nil
	}
	for _, r := range name {
		switch {
		case r < ' ' || r > '~':
			run = append(run, r)
			continue
		case r == '&':
			flush()
			b.WriteString("&-")
		default:
			flush()
			b.WriteRune(r)
		}
	}
	flush()
	return b.String()
}

// forbid takes the right to read a mailbox from its owner.
func (m *maildir) forbid(mailbox string) error {
	return os.Chmod(filepath.Join(m.path(mailbox), "cur"), 0)
}
