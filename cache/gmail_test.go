package cache

import (
	"testing"
)

func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		want  string
		names []string
	}{
		{"", nil},
		{`\Inbox a "to do"`, []string{"a", `\Inbox`, "to do", "a"}},
		{`"" "a \\ \"b\""`, []string{`a \ "b"`, ""}},
	} {
		if got := LabelsOf(tt.names).String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	if LabelsOf([]string{"a", "b"}) != LabelsOf([]string{"b", "a"}) || LabelsOf(nil) != (Labels{}) {
		t.Error("the same labels differ")
	}
}

// TestLabelsChange takes over labels with the flags, and keeps all else.
func TestLabelsChange(t *testing.T) {
	f := newFake()
	inbox, work := LabelsOf([]string{`\Inbox`}), LabelsOf([]string{"work"})
	uid := f.add(Message{Subject: "s", Flags: []string{"a"}, Gmail: &Gmail{1, 2, inbox}}, nil)
	b := open(t, f, func(Event) {})
	check := func(flags string, want Gmail) {
		t.Helper()
		if err := b.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		m, err := b.Message(t.Context(), uid)
		if err != nil || m.Flags[0] != flags || *m.Gmail != want || m.Subject != "s" {
			t.Errorf("%+v %v, %v", m, m.Gmail, err)
		}
	}
	now := func(m Message) {
		f.mu.Lock()
		defer f.mu.Unlock()
		m.UID = uid
		f.messages[uid] = &m
	}
	check("a", Gmail{1, 2, inbox})
	now(Message{Flags: []string{"a"}, Gmail: &Gmail{Labels: work}})
	check("a", Gmail{1, 2, work})
	now(Message{Flags: []string{"b"}})
	check("b", Gmail{1, 2, work})
	now(Message{Flags: []string{"b"}, Gmail: &Gmail{}})
	check("b", Gmail{1, 2, Labels{}})
}
