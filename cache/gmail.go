package cache

import (
	"slices"
	"strings"
	"unique"
)

// Gmail is what Gmail alone knows of a message (X-GM-EXT-1).
type Gmail struct {
	// ID and Thread are X-GM-MSGID and X-GM-THRID, 0 where unknown. They are
	// the same in every mailbox that has the message.
	ID, Thread uint64
	// Labels can change, like flags.
	Labels Labels
}

// Labels is a set of labels. Messages with the same ones share them: there are
// hundreds of thousands of messages, and a few combinations. The zero value has
// none. Labels are comparable.
type Labels struct{ text unique.Handle[string] }

// LabelsOf makes a set of labels in UTF-8. It keeps nothing of names, which it
// sorts.
func LabelsOf(names []string) Labels {
	if len(names) == 0 {
		return Labels{}
	}
	slices.Sort(names)
	var b strings.Builder
	for i, name := range slices.Compact(names) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if name == "" || strings.ContainsAny(name, ` "`) {
			name = `"` + quoting.Replace(name) + `"`
		}
		b.WriteString(name)
	}
	return Labels{unique.Make(b.String())}
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// String returns the labels sorted and separated by spaces. One with a space or
// a quote in it is a quoted string (RFC 9051, section 4.3): `"To do" \Inbox`.
func (l Labels) String() string {
	if l == (Labels{}) {
		return ""
	}
	return l.text.Value()
}

// labelMark begins what stands for labels among the marks of a message. No flag
// has it.
const labelMark = "\x00"

// marks are all that can change of a message: its flags, and behind them its
// labels.
func (m *Message) marks() []string {
	if m.Gmail == nil || m.Gmail.Labels == (Labels{}) {
		return m.Flags
	}
	return append(slices.Clip(m.Flags), labelMark+m.Gmail.Labels.String())
}

// setMarks is the way back from marks, of which it keeps parts.
func (m *Message) setMarks(marks []string) {
	if labels := labelsIn(marks); labels != nil {
		if m.Gmail == nil {
			m.Gmail = new(Gmail)
		}
		m.Gmail.Labels = Labels{unique.Make(labels[0][len(labelMark):])}
		marks = marks[: len(marks)-1 : len(marks)-1]
	}
	m.Flags = marks
}

// withLabels adds to flags the labels among marks.
func withLabels(flags, marks []string) []string {
	return append(slices.Clip(flags), labelsIn(marks)...)
}

// labelsIn returns the end of marks that stands for labels, nil if there are none.
func labelsIn(marks []string) []string {
	if n := len(marks); n > 0 && strings.HasPrefix(marks[n-1], labelMark) {
		return marks[n-1:]
	}
	return nil
}
