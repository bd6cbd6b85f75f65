package fs

import (
	"errors"
	"testing"

	"imapfs/cache"
)

// TestMailboxNamed finds the mailbox of each name that a directory can have, and
// none for a name that no mailbox is shown under.
func TestMailboxNamed(t *testing.T) {
	list := []cache.Mailbox{{Name: "INBOX", Delimiter: '.'}, {Name: "Lists.go.dev", Delimiter: '.'}, {Name: "Work", Delimiter: '.'}}
	tree := newTree(list)
	at := func(key string) *place { return &place{key: key, mailbox: tree.mailbox[key]} }
	for _, name := range []string{"New", "Größe", "50%", "100%41", "a/b", "会議", "2026-03-04_0912_Alice_Hi_4711", "a\x1bb", "%20"} {
		shown := component(name, false)
		for key, prefix := range map[string]string{"": "", "Work": "Work.", "Lists": "Lists.", "Lists/go": "Lists.go."} {
			id, err := mailboxNamed(tree, at(key), shown)
			if err != nil || id != (cache.ID{Name: prefix + name}) {
				t.Errorf("%q in %q is %+v, %v", shown, key, id, err)
			}
		}
	}
	for _, shown := range []string{".hidden", "a.b", "inbox", "INBOX", "%41", "2026-03-04_0912_Alice_Hi_4711", "2026-03-04_0912_Alice_Hi_4711.eml", "%2fa", "a%FFb"} {
		if id, err := mailboxNamed(tree, at(""), shown); !errors.Is(err, cache.ErrInvalid) {
			t.Errorf("%q is %+v, %v", shown, id, err)
		}
	}
}

func TestTemporary(t *testing.T) {
	for name, want := range map[string]bool{
		".x.eml.AbCdEf": true, "x.eml~": true, "x.part": true, "#x.eml#": true, ".goutputstream-ABC": true, "x.tmp": true,
		"x.eml": false, "part": false, "a.b": false, "#1.eml": false, "2026-03-04_0912_Alice_Hi_4711.eml": false,
	} {
		if temporary(name) != want {
			t.Errorf("%s: not %v", name, want)
		}
	}
}
