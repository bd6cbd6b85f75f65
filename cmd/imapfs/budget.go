package main

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"imapfs/imapbackend"
)

// limits are --rate-limit and --daily-limit in bytes.
func (c *mountConfig) limits() (rate, daily int64, err error) {
	for _, one := range []struct {
		name, text string
		least      uint64
		into       *int64
	}{
		{"--rate-limit", c.rateLimit, 10_000, &rate},
		{"--daily-limit", c.dailyLimit, 1_000_000, &daily},
	} {
		n, err := humanize.ParseBytes(one.text)
		if err != nil || n != 0 && n < one.least || n > 1<<50 {
			return 0, 0, fmt.Errorf("%s %s: not 0 and not a size from %s to 1PiB", one.name, one.text, humanize.Bytes(one.least))
		}
		*one.into = int64(n)
	}
	return rate, daily, nil
}

// budgetReport is how --daily-limit stands.
type budgetReport struct {
	Used  int64 `json:"used_bytes"` // in the last 24 hours
	Limit int64 `json:"limit_bytes"`
	// State is open, thrifty (nothing is fetched in the background) or spent (what
	// is not cached cannot be read).
	State string `json:"state"`
	// Resumes is when it will be the next better one.
	Resumes *time.Time `json:"resumes_at,omitempty"`
}

func reportBudget(b *imapbackend.Budget) *budgetReport {
	if b == nil {
		return nil
	}
	return &budgetReport{b.Used, b.Limit, string(b.State), known(b.Resumes)}
}

// text is in the unit in which limits are given.
func (b *budgetReport) text() string {
	text := fmt.Sprintf("%s of %s in 24 hours", humanize.Bytes(uint64(b.Used)), humanize.Bytes(uint64(b.Limit)))
	what := map[string]string{
		string(imapbackend.BudgetThrifty): "nothing is fetched ahead",
		string(imapbackend.BudgetSpent):   "what is not cached cannot be read",
	}[b.State]
	if what != "" && b.Resumes != nil {
		text += ": " + what + " until " + b.Resumes.Local().Format("2006-01-02 15:04")
	}
	return text
}
