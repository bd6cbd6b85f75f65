package main

import (
	"path/filepath"
	"time"
)

// recoveryReport is what was written and could not be stored.
type recoveryReport struct {
	Folder   string            `json:"folder"`
	Messages []recoveredReport `json:"messages"`
}

type recoveredReport struct {
	File    string    `json:"file"`
	Mailbox string    `json:"mailbox"`
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	Time    time.Time `json:"time"`
	Error   string    `json:"error"`
}

// maxRecovered is how many messages are named that could not be stored.
const maxRecovered = 5

// recovery reports on the recovery folder, nil if it is empty.
func (c *control) recovery() *recoveryReport {
	folder, files := c.account.Recovered()
	if len(files) == 0 {
		return nil
	}
	r := &recoveryReport{Folder: folder}
	for _, f := range files {
		r.Messages = append(r.Messages, recoveredReport{f.File, f.Mailbox, f.Name, f.Size, f.Time, f.Error})
	}
	return r
}

func (r *recoveryReport) text() string {
	return count(len(r.Messages), "message") + " could not be stored, in " + r.Folder
}

func (r *recoveredReport) text() string {
	return filepath.Base(r.File) + ", " + printable(r.Mailbox+"/"+r.Name) + ": " + printable(r.Error)
}
