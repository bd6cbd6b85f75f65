package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// need tells what of a message a job must have, as items of FETCH, and how many
// octets of content these are.
type need func(*letter) (items string, octets int64)

const (
	// smallPart is up to which size a part is fetched whole to know its size; of
	// larger ones, both ends are enough (section 3 of the design).
	smallPart           = 64 << 10
	firstEnd, secondEnd = 256, 512
)

// whole is the message itself.
func whole(l *letter) (string, int64) { return "BODY.PEEK[]", l.octets }

// bodies are the texts.
func bodies(l *letter) (string, int64) {
	return sections(l, false, func(p *part) bool { return p.kind != attachment })
}

// allFiles is everything that is a file in the parts layout.
func allFiles(l *letter) (string, int64) { return sections(l, true, func(*part) bool { return true }) }

// pdfs are the attachments whose name ends in .pdf.
func pdfs(l *letter) (string, int64) {
	return sections(l, false, func(p *part) bool { return strings.HasSuffix(p.name, ".pdf") })
}

// sizes is what the sizes of all files in the parts layout rest on.
func sizes(l *letter) (string, int64) {
	items, octets := sections(l, true, func(p *part) bool { return p.octets <= smallPart })
	for _, p := range l.parts {
		if p.octets > smallPart {
			items += fmt.Sprintf(" BODY.PEEK[%s]<0.%d> BODY.PEEK[%s]<%d.%d>", p.section, firstEnd, p.section, p.octets-firstEnd, secondEnd)
			octets += 2 * firstEnd
		}
	}
	return items, octets
}

func sections(l *letter, header bool, wanted func(*part) bool) (string, int64) {
	var items []string
	var octets int64
	if header {
		items, octets = append(items, "BODY.PEEK[HEADER]"), l.header
	}
	for i := range l.parts {
		if p := &l.parts[i]; wanted(p) {
			items = append(items, "BODY.PEEK["+p.section+"]")
			octets += p.octets
		}
	}
	return strings.Join(items, " "), octets
}

// maxSet is how long a set of UIDs may get. Dovecot takes lines of 64 KiB.
const maxSet = 8000

// plan makes the commands that fetch exactly what a job needs of a mailbox, and
// counts its octets. Messages of which the same is needed share a command.
func plan(m *mailbox, what need) (commands []string, octets int64) {
	uids := map[string][]uint32{}
	var kinds []string
	for i := range m.letters {
		items, n := what(&m.letters[i])
		if items == "" {
			continue
		}
		if uids[items] == nil {
			kinds = append(kinds, items)
		}
		uids[items] = append(uids[items], m.letters[i].uid)
		octets += n
	}
	sort.Strings(kinds)
	for _, items := range kinds {
		for _, set := range sets(uids[items]) {
			commands = append(commands, "UID FETCH "+set+" ("+items+")")
		}
	}
	return commands, octets
}

// sets writes UIDs, which ascend, as sequence sets.
func sets(uids []uint32) (all []string) {
	var b strings.Builder
	for i := 0; i < len(uids); {
		j := i
		for j+1 < len(uids) && uids[j+1] == uids[j]+1 {
			j++
		}
		if b.Len() > maxSet {
			all = append(all, b.String())
			b.Reset()
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(uids[i]), 10))
		if j > i {
			b.WriteString(":" + strconv.FormatUint(uint64(uids[j]), 10))
		}
		i = j + 1
	}
	if b.Len() > 0 {
		all = append(all, b.String())
	}
	return all
}

// summaries is what a listing is made of.
var summaries = []string{"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"}
