package guard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// TestList has mailbox names that the engine cannot take: it knows them by
// aliases, and the server gets their own octets again.
func TestList(t *testing.T) {
	for _, tt := range []struct{ name, response, want string }{
		{"plain", `* LIST (\HasNoChildren) "/" "a b"`, `"a b" '/' [\HasNoChildren]`},
		{"atom", `* LIST () "." a.b`, `"a.b" '.' []`},
		{"literal", "* LIST () \"/\" {3}\r\na\"b", `"a\"b" '/' []`},
		{"UTF-7", `* LIST () "/" "Gr&APYA3w-e &- more"`, `"Größe & more" '/' []`},
		{"bad UTF-7", `* LIST () "/" "AT&T"`, `"=raw=41542654" '/' []`},
		{"UTF-7 of ASCII", `* LIST () "/" "&AGE-"`, `"=raw=264147452d" '/' []`},
		{"UTF-7 in two shifts", `* LIST () "/" "&APY-&APY-"`, `"=raw=264150592d264150592d" '/' []`},
		{"UTF-7 with loose bits", `* LIST () "/" "&APZ-"`, `"=raw=2641505a2d" '/' []`},
		{"UTF-8", "* LIST () \"/\" \"Gr\xc3\xb6\xc3\x9fe\"", `"=raw=4772c3b6c39f65" '/' []`},
		{"latin 1", "* LIST () \"/\" \"caf\xe9\"", `"=raw=636166e9" '/' []`},
		{"an alias", `* LIST () "/" "=raw=61"`, `"=raw=3d7261773d3631" '/' []`},
		{"no delimiter", `* LIST () NIL flat`, `"flat" '\x00' []`},
		{"empty delimiter", `* LIST () "" foo`, `"foo" '\x00' []`},
		{"long delimiter", `* LIST () "::" foo`, `"foo" '\x00' []`},
		{"backslash", `* LIST () "\\" "a\\b"`, `"a\\b" '\\' []`},
		{"bare backslash", `* LIST () "\" "a\b"`, `"a\\b" '\\' []`},
		{"bare spaces", `* LIST () "/" My Mail box`, `"My Mail box" '/' []`},
		{"called NIL", `* LIST () "/" NIL`, `"NIL" '/' []`},
		{"attributes", `* LIST (\Noselect  \Odd" x) "/" a`, `"a" '/' [\Noselect x]`},
		{"extended data", `* LIST (\Subscribed) "/" a ("CHILDINFO" (x (y (z))) OLDNAME ("b") tablecloth (("edge" "lacy") ()))`, `"a" '/' [\Subscribed]`},
		{"deep extended data", `* LIST () "/" a ` + strings.Repeat("(", 5000), `"a" '/' []`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, engine := session(t, Options{}, func(s *server) {
				s.answer(`LIST "" "*"`, tt.response+"\r\n* LIST () \"/\" next\r\n%T OK done\r\n")
			})
			l, err := engine.List("", "*", nil).Collect()
			if err != nil || len(l) != 2 {
				t.Fatal(l, err)
			}
			got := fmt.Sprintf("%q %q %v", l[0].Mailbox, l[0].Delim, l[0].Attrs)
			if got != tt.want || l[1].Mailbox != "next" {
				t.Errorf("got %s and %q, want %s", got, l[1].Mailbox, tt.want)
			}
		})
	}
}

func TestAlias(t *testing.T) {
	_, engine := session(t, Options{}, func(s *server) {
		s.answer("EXAMINE \"AT&T \xe9 \\\"x\\\\\"", "* 1 EXISTS\r\n%T OK done\r\n")
		s.answer("STATUS \"\xe9\" (MESSAGES)", "* STATUS {1}\r\n\xe9 (MESSAGES 4)\r\n%T OK done\r\n")
		s.ok(`RENAME "a&b" "c"`)
		s.answer(`EXAMINE "`+MailboxAlias("a\r\nX DELETE b")+`"`, "* 1 EXISTS\r\n%T OK done\r\n")
	})
	examine := &imap.SelectOptions{ReadOnly: true}
	if _, err := engine.Select(MailboxAlias("AT&T \xe9 \"x\\"), examine).Wait(); err != nil {
		t.Error(err)
	}
	data, err := engine.Status(MailboxAlias("\xe9"), &imap.StatusOptions{NumMessages: true}).Wait()
	if err != nil || data.NumMessages == nil || *data.NumMessages != 4 {
		t.Error(data, err)
	}
	if err := engine.Rename(MailboxAlias("a&b"), "c", nil).Wait(); err != nil {
		t.Error(err)
	}
	if _, err := engine.Select(MailboxAlias("a\r\nX DELETE b"), examine).Wait(); err != nil {
		t.Error(err)
	}
	for _, raw := range []string{"", "a", "\xff\x00"} {
		if got, alias := MailboxName(MailboxAlias(raw)); got != raw || !alias {
			t.Errorf("%q became %q", raw, got)
		}
	}
	if name, alias := MailboxName("=raw=xyz"); name != "=raw=xyz" || alias {
		t.Error("what is no alias was taken for one")
	}
}

// TestResponses has responses of the other kinds: what the engine makes of
// them, or what the hook gets.
func TestResponses(t *testing.T) {
	deep := strings.Repeat("(", 100_000)
	for _, tt := range []struct {
		name, response string
		run            func(*imapclient.Client) (any, error)
		command, want  string
	}{
		{"NAMESPACE", `* NAMESPACE (("" "/")("&APY-/" "/" "X-PARAM" ("a" (b)))) NIL (("AT&T" NIL))`, namespace, "NAMESPACE", `{[{"" '/'} {"ö/" '/'}] [] [{"=raw=41542654" '\x00'}]}`},
		{"NAMESPACE ()", `* NAMESPACE () () (("a" ""))`, namespace, "NAMESPACE", `{[] [] [{"a" '\x00'}]}`},
		{"NAMESPACE cut", `* NAMESPACE (("" "/"))`, namespace, "NAMESPACE", "error"},
		{"NAMESPACE bomb", `* NAMESPACE ` + deep, namespace, "NAMESPACE", "error"},
		{"STATUS", `* STATUS a (messages 3 UIDNEXT NIL FOO (1 (2)) SIZE 5000000000 UIDVALIDITY -1)`, status, `STATUS "a" (SIZE)`, "3 5000000000 0"},
		{"STATUS cut", `* STATUS a (MESSAGES 3`, status, `STATUS "a" (SIZE)`, "error"},
		{"STATUS bomb", `* STATUS a ` + deep, status, `STATUS "a" (SIZE)`, "error"},
		{"QUOTAROOT and QUOTA", "* QUOTAROOT a \"\" other\r\n* QUOTA \"\" (STORAGE 10 512 message 1 2)", quota, `GETQUOTAROOT "a"`, "1 512"},
		{"QUOTA odd", "* QUOTAROOT a \"\"\r\n* QUOTA \"\" (STORAGE 10)", quota, `GETQUOTAROOT "a"`, "error"},
		{"MYRIGHTS", "* MYRIGHTS a lrs", rights, `MYRIGHTS "a"`, "lrs"},
		{"MYRIGHTS odd", "* MYRIGHTS a", rights, `MYRIGHTS "a"`, "error"},
		{"CAPABILITY", "* CAPABILITY IMAP4rev1  IMAP4rev2 \"x\" AUTH=PLAIN ( ", capability, "CAPABILITY", "[AUTH=PLAIN IMAP4rev1]"},
		{"CAPABILITY of rev2", "* CAPABILITY IMAP4rev2", capability, "CAPABILITY", "[IMAP4rev2]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, engine := session(t, Options{}, func(s *server) {
				s.answer(tt.command, tt.response+"\r\n%T OK done\r\n")
				s.ok("NOOP")
			})
			v, err := tt.run(engine)
			got := fmt.Sprint(v)
			if err != nil {
				got = "error"
			}
			if got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if err := engine.Noop().Wait(); err != nil {
				t.Errorf("the connection did not survive: %v", err)
			}
		})
	}
}

func namespace(e *imapclient.Client) (any, error) {
	d, err := e.Namespace().Wait()
	if err != nil {
		return nil, err
	}
	return fmt.Sprintf("%q", *d), nil
}

func status(e *imapclient.Client) (any, error) {
	d, err := e.Status("a", &imap.StatusOptions{Size: true}).Wait()
	if err != nil {
		return nil, err
	}
	return fmt.Sprint(*d.NumMessages, *d.Size, d.UIDValidity), nil
}

func quota(e *imapclient.Client) (any, error) {
	d, err := e.GetQuotaRoot("a").Wait()
	if err != nil {
		return nil, err
	}
	return fmt.Sprint(len(d), d[0].Resources["STORAGE"].Limit), nil
}

func rights(e *imapclient.Client) (any, error) {
	d, err := e.MyRights("a").Wait()
	return d.Rights, err
}

func capability(e *imapclient.Client) (any, error) {
	caps, err := e.Capability().Wait()
	var names []string
	for name := range caps {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names, err
}

// TestHooks has everything that is not for the engine, or not for it alone.
func TestHooks(t *testing.T) {
	var got []string
	add := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
	o := Options{Hooks: Hooks{
		Update:   func(m *Message) { add("update %d: %s", m.Seq, show(m)) },
		Untagged: func(name string, line []byte) { add("%s: %q", name, line) },
		Exists:   func(n uint32) { add("exists %d", n) },
		Expunge:  func(n uint32) { add("expunge %d", n) },
		Status:   func(st Status, tagged bool) { add("%s %q %q %q %v", st.Type, st.Code, st.Args, st.Text, tagged) },
	}}
	_, engine := session(t, o, func(s *server) {
		s.answer("NOOP", "* OK [ALERT] Disk \"80%\" full\r\n* 5 EXISTS\r\n* 0 RECENT\r\n* 2 EXPUNGE\r\n* 0 EXPUNGE\r\n"+
			"* 3 FETCH (UID 9 FLAGS (a) MODSEQ (4))\r\n* VANISHED 1:{2}\r\n,3\r\n* METADATA a (b)\r\n* THREAD (1)\r\n"+
			"* NO [BADCHARSET (\"a]b\" x)] no\r\n%T OK [HIGHESTMODSEQ 18446744073709551616] fine\r\n")
	})
	if err := engine.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`PREAUTH "CAPABILITY" "IMAP4rev1 IDLE ESEARCH UIDPLUS NAMESPACE" "ready" false`,
		`OK "ALERT" "" "Disk \"80%\" full" false`,
		"exists 5", "expunge 2", `EXPUNGE: "* 0 EXPUNGE"`,
		"update 3: 9 flags=[a] modseq=4",
		`VANISHED: "* VANISHED 1:{2},3"`, `METADATA: "* METADATA a (b)"`, `THREAD: "* THREAD (1)"`,
		`NO "BADCHARSET" "(\"a]b\" x)" "no" false`,
		`OK "HIGHESTMODSEQ" "18446744073709551616" "fine" true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSelect(t *testing.T) {
	_, engine := session(t, Options{}, func(s *server) {
		s.answer(`EXAMINE "a" (CONDSTORE)`, "* FLAGS (\\Seen K\xc3\xa4se  \"x)\r\n* FLAGS (\\Seen a)\r\n* OK [PERMANENTFLAGS (\\Seen \\* b K\xc3\xa4se)] x\r\n"+
			"* 17 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 3] x\r\n* OK [UIDVALIDITY 99 ] x\r\n* OK [UIDNEXT 100] x\r\n* OK [UIDNEXT x] x\r\n* OK [HIGHESTMODSEQ 7]\r\n"+
			"* OK [UIDNEXT 1 2] x\r\n* OK [MAILBOXID (F1)] x\r\n* OK [COPYUID 1 2:1 3::4] x\r\n* OK [] x\r\n* OK [ x\r\n* OK\r\n%T OK [READ-ONLY]\r\n")
	})
	d, err := engine.Select("a", &imap.SelectOptions{ReadOnly: true, CondStore: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(d.NumMessages, d.UIDValidity, d.UIDNext, d.HighestModSeq, d.Flags, d.PermanentFlags), `17 99 100 7 [\Seen a] [\Seen \* b]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLogout: a BYE is the answer to it, and no error.
func TestLogout(t *testing.T) {
	_, engine := session(t, Options{}, func(s *server) { s.answer("LOGOUT", "* BYE see you\r\n%T OK done\r\n") })
	if err := engine.Logout().Wait(); err != nil {
		t.Error(err)
	}
}

// TestAppend sends a synchronising literal between commands of ours.
func TestAppend(t *testing.T) {
	body := strings.Repeat("0123456\r\n", 10_000)
	c, engine := session(t, Options{}, func(s *server) {
		tag := s.expect(fmt.Sprintf(`APPEND "a" {%d}`, len(body)))
		s.send("* 3 EXISTS\r\n+ \r\n")
		got := make([]byte, len(body)+2)
		for n := 0; n < len(got); {
			k, err := s.br.Read(got[n:])
			if err != nil {
				s.t.Error(err)
				return
			}
			n += k
		}
		if string(got) != body+"\r\n" {
			s.t.Error("the literal arrived garbled")
		}
		s.send("%s OK [APPENDUID 1 7] done\r\n", tag)
		s.ok("NOOP")
	})
	cmd := engine.Append("a", int64(len(body)), nil)
	if _, err := cmd.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := cmd.Wait()
	if err != nil || data.UID != 7 {
		t.Error(data, err)
	}
	if _, err := c.Do(within(t, 10*time.Second), "NOOP", nil); err != nil {
		t.Error(err)
	}
}

// TestNotForEngine refuses what would get the engine and the guard out of step,
// before the server sees any of it. What the engine then says of it depends on
// whether it hears of the refusal or of the end of the connection first.
func TestNotForEngine(t *testing.T) {
	for _, name := range notForEngine {
		c, _ := session(t, Options{}, func(s *server) {
			if l := s.line(); l != "" {
				t.Errorf("the server got %q", l)
			}
		})
		if _, err := c.Write([]byte("T1 " + name + " x\r\n")); err == nil || !strings.Contains(err.Error(), "not for the engine") {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
	_, engine := session(t, Options{}, func(s *server) {
		if l := s.line(); l != "" {
			t.Errorf("the server got %q", l)
		}
	})
	if err := engine.Fetch(imap.SeqSetNum(1), nil).Close(); err == nil {
		t.Error("the engine's FETCH went well")
	}
}
