package demo

import (
	"cmp"
	"slices"
)

// mailbox is one of the account's, with its letters in the order of arrival.
type mailbox struct {
	name    string
	letters []letter
}

func mailboxes() []mailbox {
	all := []mailbox{
		{"INBOX", append(inbox(), scripts()...)},
		{"Archive", nil},
		{"Archive/2025", archive()},
		{"Drafts", drafts()},
		{"Projects", nil},
		{"Projects/Harbour library", library()},
		{"Projects/京都 2026", kyoto()},
		{"Sent", sent()},
		{"Trash", trash()},
	}
	for _, m := range all {
		slices.SortStableFunc(m.letters, func(a, b letter) int { return cmp.Compare(a.date, b.date) })
	}
	return all
}
