package main

import (
	"os"
	"time"

	"imapfs/cache"
	"imapfs/cache/disk"
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
	Traffic     trafficReport      `json:"traffic"`
	Budget      *budgetReport      `json:"budget,omitempty"`
	Mailboxes   []mailboxReport    `json:"mailboxes"`
	Memory      memoryReport       `json:"memory"`
	Lookups     lookupsReport      `json:"lookups"`
	Requests    []requestReport    `json:"requests"`
	Ahead       aheadReport        `json:"ahead"`
	Quota       *quotaReport       `json:"quota,omitempty"`
	Cache       cacheReport        `json:"cache"`
	Alerts      []alertReport      `json:"alerts"`
	Sync        *syncReport        `json:"sync,omitempty"`
	Metrics     string             `json:"metrics_address,omitempty"`
	Pprof       string             `json:"pprof_socket,omitempty"`
	Writable    bool               `json:"writable"`
	Recovery    *recoveryReport    `json:"recovery,omitempty"`
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
	Mailbox    string    `json:"mailbox"` // "" for none
	Operations int       `json:"operations"`
	Watcher    bool      `json:"watcher"`
	Since      time.Time `json:"since"`
	Doing      string    `json:"doing"`
	Received   int64     `json:"received_bytes"`
}

type mailboxReport struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
	Defects  int    `json:"defects"`
	// ByItem counts them by what could not be read; one message may have several.
	ByItem  map[string]int `json:"defects_by_item,omitempty"`
	Watched bool           `json:"watched"`
	Synced  *time.Time     `json:"synced,omitempty"`
	Error   string         `json:"error,omitempty"`
}

// memoryReport is of decoded mail, and of the process as a whole.
type memoryReport struct {
	Used     int64 `json:"used_bytes"`
	Limit    int64 `json:"limit_bytes"`
	Heap     int64 `json:"heap_bytes"`
	Resident int64 `json:"resident_bytes,omitempty"`
}

type quotaReport struct {
	Used  int64     `json:"used_bytes"`
	Limit int64     `json:"limit_bytes"`
	At    time.Time `json:"at"`
}

// cacheReport is what is on disk; nothing, if there is no path.
type cacheReport struct {
	Path  string `json:"path,omitempty"`
	Index int64  `json:"index_bytes"`
	Used  int64  `json:"used_bytes"` // by mail
	Limit int64  `json:"limit_bytes"`
	Error string `json:"error,omitempty"`
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
		Memory: memoryReport{account.Memory, account.MemoryLimit, heap(), resident()}, Cache: c.cache(account.Disk),
		Lookups: lookupsReport(account.Lookups), Requests: reportRequests(c.requests()), Ahead: reportAhead(&account.Ahead),
		Metrics: c.metrics, Pprof: c.pprof,
	}
	if q, at, ok := c.account.KnownQuota(); ok {
		r.Quota = &quotaReport{q.Used, q.Limit, at}
	}
	if server.Err != nil {
		r.Server.Error = explain(server.Err)
	}
	for _, one := range server.Connections {
		r.Connections = append(r.Connections, connectionReport(one))
	}
	r.Traffic, r.Budget = trafficReport(server.Traffic), reportBudget(server.Budget)
	for _, m := range account.Mailboxes {
		if !m.NoSelect && c.shows(m.Mailbox) {
			r.Mailboxes = append(r.Mailboxes, reportMailbox(m))
		}
	}
	for _, a := range server.Alerts {
		r.Alerts = append(r.Alerts, alertReport(a))
	}
	r.Writable, r.Recovery = c.account.Writable(), c.recovery()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Sync = c.last
	return r
}

var defectNames = map[cache.Defect]string{
	cache.DefectEnvelope: "envelope", cache.DefectStructure: "structure", cache.DefectDate: "date", cache.DefectSize: "size",
}

func (c *control) cache(on *disk.Status) cacheReport {
	if on == nil {
		return cacheReport{Error: explain(c.unkept)}
	}
	r := cacheReport{Path: on.Path, Index: on.Index, Used: on.Bodies, Limit: on.BodiesLimit}
	if on.Err != nil {
		r.Error = explain(on.Err)
	}
	return r
}

func reportMailbox(m cache.MailboxStatus) mailboxReport {
	r := mailboxReport{Name: m.Name, Messages: m.Messages, Defects: m.Defects, Watched: m.Watched, Synced: known(m.Synced)}
	for d, n := range m.ByItem {
		if r.ByItem == nil {
			r.ByItem = make(map[string]int)
		}
		r.ByItem[defectNames[d]] = n
	}
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
