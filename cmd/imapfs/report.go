package main

import (
	"os"
	"time"

	"imapfs/cache"
	"imapfs/imapbackend"
)

// report is the state of a mount. Its JSON is for programs: names in it stay,
// times are RFC 3339, and what is unknown is absent.
type report struct {
	Version    string    `json:"version"`
	Process    int       `json:"process"`
	Mountpoint string    `json:"mountpoint"`
	Mounted    time.Time `json:"mounted"`

	Source      string             `json:"source"`
	User        string             `json:"user"`
	Server      serverReport       `json:"server"`
	Connections []connectionReport `json:"connections"`
	Mailboxes   []mailboxReport    `json:"mailboxes"`
	Memory      memoryReport       `json:"memory"`
	Alerts      []alertReport      `json:"alerts"`
	Sync        *syncReport        `json:"sync,omitempty"`
}

type serverReport struct {
	Address  string     `json:"address"`
	Security string     `json:"security"` // tls, starttls, none
	Online   bool       `json:"online"`
	Offline  *time.Time `json:"offline_since,omitempty"`
	Error    string     `json:"error,omitempty"`
	Retry    *time.Time `json:"retry,omitempty"`
}

type connectionReport struct {
	Mailbox    string `json:"mailbox"` // "" for none
	Operations int    `json:"operations"`
	Watcher    bool   `json:"watcher"`
}

type mailboxReport struct {
	Name     string     `json:"name"`
	Messages int        `json:"messages"`
	Defects  int        `json:"defects"`
	Watched  bool       `json:"watched"`
	Synced   *time.Time `json:"synced,omitempty"`
	Error    string     `json:"error,omitempty"`
}

type memoryReport struct {
	Used  int64 `json:"used_bytes"`
	Limit int64 `json:"limit_bytes"`
}

type alertReport struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// syncReport is how the last "imapfs sync" ended.
type syncReport struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"`
}

var securityNames = map[imapbackend.Security]string{
	imapbackend.ImplicitTLS: "tls", imapbackend.StartTLS: "starttls", imapbackend.Plaintext: "none",
}

func (c *control) report() *report {
	server, account := c.client.Status(), c.account.Status()
	r := &report{
		Version: versionString(), Process: os.Getpid(), Mountpoint: c.config.mountpoint, Mounted: c.started,
		Source: c.config.source.String(), User: server.Username,
		Server: serverReport{
			Address: server.Address, Security: securityNames[server.Security],
			Online: len(server.Connections) > 0, Offline: known(server.Offline), Retry: known(server.Retry),
		},
		Connections: []connectionReport{}, Mailboxes: []mailboxReport{}, Alerts: []alertReport{}, // [], not null
		Memory: memoryReport{account.Memory, account.MemoryLimit},
	}
	if server.Err != nil {
		r.Server.Error = explain(server.Err)
	}
	for _, one := range server.Connections {
		r.Connections = append(r.Connections, connectionReport(one))
	}
	for _, m := range account.Mailboxes {
		if !m.NoSelect && c.shows(m.Mailbox) {
			r.Mailboxes = append(r.Mailboxes, reportMailbox(m))
		}
	}
	for _, a := range server.Alerts {
		r.Alerts = append(r.Alerts, alertReport(a))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Sync = c.last
	return r
}

func reportMailbox(m cache.MailboxStatus) mailboxReport {
	r := mailboxReport{Name: m.Name, Messages: m.Messages, Defects: m.Defects, Watched: m.Watched, Synced: known(m.Synced)}
	if m.Err != nil {
		r.Error = explain(m.Err)
	}
	return r
}

// known is nil for no time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
