package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imapfs/imapbackend/imaptest"
)

// on is a filter for responses of one name.
func on(name string, do imaptest.Filter) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		if r.Name() == name {
			return do(r, w)
		}
		return imaptest.Pass(r, w)
	}
}

// before writes text before the first response to a command.
func before(command, text string) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		if strings.HasPrefix(r.Command, command) && r.Name() == r.Tag {
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
		}
		return imaptest.Pass(r, w)
	}
}

// oddLists are lines of LIST that stand beside the real ones.
var oddLists = []string{
	`* LIST () "/" ""`, `* LIST () "/" ".."`, `* LIST () "/" "."`, `* LIST () "/" "/"`, `* LIST () "/" "//"`,
	`* LIST () "/" "../../etc/passwd"`, `* LIST () "/" "a/../b"`, `* LIST () "/" "a//b"`, `* LIST () "/" "/a"`, `* LIST () "/" "a/"`,
	"* LIST () \"/\" \"nul\x00inside\"", "* LIST () \"/\" {6}\r\ncr\r\nlf", `* LIST () "/" "100%"`, `* LIST () "/" "%2F"`, `* LIST () "/" "%00"`,
	"* LIST () \"/\" \"bad \xff\xfe utf-8\"", `* LIST () "/" "bad &utf7"`, `* LIST () "/" "&AGE-"`, `* LIST () "/" "&2D0-"`, `* LIST () "/" "&AC8-"`,
	`* LIST () "/" "Case"`, `* LIST () "/" "CASE"`, `* LIST () "/" "case"`, `* LIST () "/" "inbox"`, `* LIST () "/" "Inbox/x"`,
	`* LIST () "/" ".imapfs"`, `* LIST () "/" "2026-03-04_0912_Alice_Hi_1"`, `* LIST () "/" "=raw=41"`, `* LIST () "/" "INBOX"`,
	`* LIST () "" "odd"`, `* LIST () NIL "a.b.c"`, `* LIST () "//" "two"`, `* LIST () "\" "back\slash"`, `* LIST () "\\" "back\\slash"`,
	`* LIST (\Noselect \NonExistent \HasNoChildren X) "/" "ghost"`, `* LIST NIL "/" "nilattrs"`, `* LIST (\Sent \Trash) "/" atom`, `* LIST () "/" NIL`,
	`* LIST () "/" two words`, `* LIST () "/" "é"`, `* LIST () "/" "x" (("CHILDINFO" ("SUBSCRIBED")) "OLDNAME" ("y"))`, `* LIST ()`, `* LIST`,
	"* LIST () \"/\" \"" + strings.Repeat("l/", 1500) + "\"", "* LIST () \"/\" \"" + strings.Repeat("n", 1900) + "\"", "* LIST () \"/\" \"esc\x1b[2Jape\"",
}

// TestHostileMailboxes lists an account with mailboxes of every bad name beside
// good ones: the good ones read as ever, nothing leads out of the mount, and
// those that can be shown can be entered or say why not.
func TestHostileMailboxes(t *testing.T) {
	s := imaptest.Memory(t, imaptest.WithMailboxes("Good", "Good/deep", "Ünïcode"))
	for _, name := range []string{"INBOX", "Good", "Good/deep", "Ünïcode"} {
		s.Deliver(name, note("in "+name), sampleDate)
	}
	want := walk(t, mountAt(t, s, s.Addr))
	for _, line := range oddLists {
		t.Run(line[:min(len(line), 40)], func(t *testing.T) {
			injector := imaptest.Hostile(t, s)
			injector.Use(before("LIST", line+"\r\n"))
			dir := mountAt(t, s, injector.Addr)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.ContainsAny(e.Name(), "/\x00") || e.Name() == ".." || e.Name() == "." || e.Name() == "" {
					t.Errorf("%q is listed", e.Name())
				}
				os.Lstat(filepath.Join(dir, e.Name())) // this server does not have it
			}
			for path, f := range want {
				if f.Mode.IsDir() {
					continue
				}
				data, err := os.ReadFile(filepath.Join(dir, path))
				if err != nil || sum(data) != f.Sum {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}

// TestHostileState tells lies about the mailbox itself: the listing is right, or
// it is an error, and comes soon.
func TestHostileState(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 5)
	var validity atomic.Int64
	for name, c := range map[string]struct {
		filter imaptest.Filter
		want   string // right, fails, or either
	}{
		"EXISTS of all":         {on("EXISTS", put("* 4294967295 EXISTS\r\n")), "fails"},
		"EXISTS negative":       {on("EXISTS", put("* -1 EXISTS\r\n")), "fails"},
		"EXISTS missing":        {on("EXISTS", put("")), "fails"},
		"EXISTS twice":          {on("EXISTS", put("%R* 3 EXISTS\r\n%R")), "right"},
		"EXISTS then fewer":     {before("UID SEARCH", "* 2 EXISTS\r\n"), "either"},
		"EXPUNGE in a search":   {before("UID SEARCH", "* 1 EXPUNGE\r\n* 4000000000 EXPUNGE\r\n"), "either"},
		"SEARCH of nothing":     {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID\r\n")), "right"},
		"SEARCH lost":           {on("ESEARCH", put("")), "right"},
		"SEARCH of all":         {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID ALL 1:4294967295\r\n")), "right"},
		"SEARCH of millions":    {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID ALL 1:8000000\r\n")), "right"},
		"SEARCH with star":      {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID ALL 1:*\r\n")), "right"},
		"SEARCH garbage":        {on("ESEARCH", put("* ESEARCH ((((( UID ALL 1,,2:\r\n")), "right"},
		"SEARCH backwards":      {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID ALL 5:4,3,2:1\r\n")), "right"},
		"SEARCH twice the same": {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID ALL 1:5,1:5,3\r\n")), "right"},
		"SEARCH of ghosts":      {on("ESEARCH", put("* ESEARCH (TAG \"%T\") UID ALL 1:5,100:120\r\n")), "right"},
		"SEARCH in the old way": {on("ESEARCH", put("* SEARCH 1 2 3 4 5\r\n")), "either"},
		"UIDVALIDITY each time": {validities(&validity), "either"},
		"no UIDVALIDITY": {on("OK", func(r *imaptest.Response, w io.Writer) error {
			return unless(strings.Contains(string(r.Raw), "UIDVALIDITY"), r, w)
		}), "either"},
		"no UIDNEXT": {on("OK", func(r *imaptest.Response, w io.Writer) error {
			return unless(strings.Contains(string(r.Raw), "UIDNEXT"), r, w)
		}), "either"},
		"BYE at EXAMINE":          {on("EXISTS", end("* BYE no more\r\n")), "fails"},
		"BAD for EXAMINE":         {tagged("EXAMINE", "BAD no"), "fails"},
		"NO for SEARCH":           {tagged("UID SEARCH", "NO no"), "fails"},
		"STATUS negative":         {on("STATUS", put("* STATUS INBOX (MESSAGES -5 UIDNEXT -1 UNSEEN NIL)\r\n")), "right"},
		"NAMESPACE garbage":       {on("NAMESPACE", put("* NAMESPACE (((((\r\n")), "either"},
		"NAMESPACE of a thousand": {on("NAMESPACE", put("* NAMESPACE ("+strings.Repeat("(\"x/\" \"/\")", 1000)+") NIL NIL\r\n")), "either"},
		"capabilities of 1 MB":    {on("CAPABILITY", put("* CAPABILITY IMAP4rev1 "+strings.Repeat("X-NOTHING ", 100_000)+"\r\n")), "either"},
		"everything with LF":      {func(r *imaptest.Response, w io.Writer) error { return lineEnds(r, w) }, "right"},
		"a flood before all":      {flood, "right"},
	} {
		t.Run(name, func(t *testing.T) {
			injector := imaptest.Hostile(t, s)
			dir := mountAt(t, s, injector.Addr)
			injector.Use(c.filter)
			injector.Reset()
			watch := watchMemory(t)
			begun := time.Now()
			out, err := exec.Command("timeout", "15", "ls", dir+"/INBOX").CombinedOutput()
			took := time.Since(begun)
			n := strings.Count(string(out), "_note-")
			t.Logf("%s: %d of 5 in %v, %v, %d connections, %d MB", name, n, took, err, injector.Connections(), watch()>>20)
			switch {
			case c.want == "right" && (err != nil || n != 5):
				t.Errorf("%v: %s", err, out)
			case c.want == "fails" && err == nil:
				t.Errorf("a listing of %d", n)
			case err == nil && n != 5:
				t.Errorf("a listing of %d", n)
			case took > 20*time.Second:
				t.Errorf("it took %v", took)
			}
		})
	}
}

func unless(drop bool, r *imaptest.Response, w io.Writer) error {
	if drop {
		return nil
	}
	return imaptest.Pass(r, w)
}

// tagged replaces the end of a command.
func tagged(command, with string) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		if strings.HasPrefix(r.Command, command) && r.Name() == r.Tag {
			_, err := fmt.Fprintf(w, "%s %s\r\n", r.Tag, with)
			return err
		}
		return imaptest.Pass(r, w)
	}
}

// validities gives a mailbox another UIDVALIDITY at each look.
func validities(n *atomic.Int64) imaptest.Filter {
	return func(r *imaptest.Response, w io.Writer) error {
		if strings.Contains(string(r.Raw), "UIDVALIDITY") && r.Name() == "OK" {
			_, err := fmt.Fprintf(w, "* OK [UIDVALIDITY %d] x\r\n", 1000+n.Add(1))
			return err
		}
		return imaptest.Pass(r, w)
	}
}

// lineEnds ends lines with LF alone.
func lineEnds(r *imaptest.Response, w io.Writer) error {
	if strings.Contains(string(r.Raw), "{") {
		return imaptest.Pass(r, w)
	}
	_, err := io.WriteString(w, strings.ReplaceAll(string(r.Raw), "\r\n", "\n"))
	return err
}

func flood(r *imaptest.Response, w io.Writer) error {
	if r.Command == "" { // the greeting comes first
		return imaptest.Pass(r, w)
	}
	return errors.Join(imaptest.Repeat(w, "* OK [X-NOTHING (a b)] x\r\n* 3 FROB (x)\r\n", 1000), imaptest.Pass(r, w))
}

// TestMillionMailboxes lists a million: it fails or succeeds within its bounds.
func TestMillionMailboxes(t *testing.T) {
	s := imaptest.Memory(t)
	deliverNotes(s, 1)
	injector := imaptest.Hostile(t, s)
	injector.Use(func(r *imaptest.Response, w io.Writer) error {
		if strings.HasPrefix(r.Command, "LIST") && r.Name() == r.Tag {
			bw := bufio.NewWriter(w)
			for i := range 1_000_000 {
				fmt.Fprintf(bw, "* LIST () \"/\" \"m%d\"\r\n", i)
			}
			if err := bw.Flush(); err != nil {
				return err
			}
		}
		return imaptest.Pass(r, w)
	})
	watch := watchMemory(t)
	begun := time.Now()
	_, err := newConfig(t, s, injector.Addr).mount(t.Context(), slog.New(slog.DiscardHandler))
	if err == nil {
		t.Error("a list of a million mailboxes was believed")
	}
	t.Logf("%v in %v, %d MB", err, time.Since(begun), watch()>>20)
}
