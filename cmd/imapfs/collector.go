package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"imapfs/fs"
)

// collector makes metrics of what a mount tells of itself, anew for each scrape.
// There are no names of mailboxes and users in them: whoever may read the metrics
// may not read the mail, and each label's values are few.
type collector struct{ control *control }

// metric is one that is described once.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("imapfs_"+name, help, labels, nil)
}

var (
	metricBuild = metric("build_info", "The version, as a label; always 1.", "version")

	metricOnline      = metric("online", "Whether there is a connection to the server: 1 or 0.")
	metricConnections = metric("connections", "Connections to the server, by state: busy, idle, or watching, which waits for changes.", "state")
	metricReceived    = metric("network_received_bytes_total", "Octets received from the server, as they were on the wire.")
	metricSent        = metric("network_sent_bytes_total", "Octets sent to the server, as they were on the wire.")
	metricBodies      = metric("network_body_bytes_total", "Octets of message content received.")
	metricCommands    = metric("commands_total", "IMAP commands sent.", "command")

	metricBudget    = metric("daily_used_bytes", "Octets received in 24 hours, where there is a limit.")
	metricBudgetMax = metric("daily_limit_bytes", "How many octets may be received in 24 hours.")

	metricRequests = metric("request_duration_seconds",
		"How long the kernel's requests took: hit, answered from what was known, or miss, which waited for the server.", "operation", "result")
	metricErrors = metric("request_errors_total", "Requests of the kernel that failed.", "operation")

	metricMemory      = metric("memory_cache_bytes", "Decoded mail in memory.")
	metricMemoryLimit = metric("memory_cache_limit_bytes", "How much decoded mail may be in memory.")
	metricLookups     = metric("cache_lookups_total", "How often decoded mail was looked for in the caches, by where it was found: memory, disk, nowhere.", "found")
	metricIndex       = metric("disk_index_bytes", "The index on disk.")
	metricMail        = metric("disk_mail_bytes", "Decoded mail on disk.")
	metricMailLimit   = metric("disk_mail_limit_bytes", "How much decoded mail may be on disk.")

	metricMailboxes = metric("mailboxes", "Mailboxes, by state: live (changes are reported), listed, unlisted, or failed (the last sync did).", "state")
	metricMessages  = metric("messages", "Messages in the mailboxes that are listed.")
	metricDefects   = metric("defective_messages", "Messages that the server could not describe in full.")
	metricQuota     = metric("quota_used_bytes", "Mail on the server.")
	metricQuotaMax  = metric("quota_limit_bytes", "How much mail the server takes.")

	metricAheadFetched = metric("ahead_fetched_bytes_total", "Octets of files fetched before they were asked for.")
	metricAheadUsed    = metric("ahead_used_bytes_total", "Octets of those that were read since.")
	metricAheadWasted  = metric("ahead_wasted_bytes_total", "Octets of those that were dropped unread.")
	metricAheadFlight  = metric("ahead_in_flight_bytes", "Octets asked for ahead of walks and not used yet.")
	metricWalks        = metric("walks", "Programs that go through the messages of a mailbox.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		metricBuild, metricOnline, metricConnections, metricReceived, metricSent, metricBodies, metricCommands,
		metricBudget, metricBudgetMax, metricRequests, metricErrors, metricMemory, metricMemoryLimit, metricLookups, metricIndex, metricMail, metricMailLimit,
		metricMailboxes, metricMessages, metricDefects, metricQuota, metricQuotaMax,
		metricAheadFetched, metricAheadUsed, metricAheadWasted, metricAheadFlight, metricWalks,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	total := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(metricBuild, 1, versionString())
	r := c.control.report()
	online := int64(0)
	if r.Server.Online {
		online = 1
	}
	gauge(metricOnline, online)
	states := map[string]int64{"busy": 0, "idle": 0, "watching": 0}
	for _, one := range r.Connections {
		states[one.state()]++
	}
	for state, n := range states {
		gauge(metricConnections, n, state)
	}
	total(metricReceived, r.Traffic.Received)
	total(metricSent, r.Traffic.Sent)
	total(metricBodies, r.Traffic.Bodies)
	for kind, n := range r.Traffic.Commands {
		total(metricCommands, n, kind)
	}
	if r.Budget != nil {
		gauge(metricBudget, r.Budget.Used)
		gauge(metricBudgetMax, r.Budget.Limit)
	}
	for _, one := range c.control.requests() {
		if one.Cached.Count+one.Asked.Count == 0 {
			continue
		}
		to <- histogram(metricRequests, &one.Cached, one.Operation, "hit")
		to <- histogram(metricRequests, &one.Asked, one.Operation, "miss")
		total(metricErrors, one.Failed, one.Operation)
	}
	gauge(metricMemory, r.Memory.Used)
	gauge(metricMemoryLimit, r.Memory.Limit)
	total(metricLookups, r.Lookups.Memory, "memory")
	total(metricLookups, r.Lookups.Disk, "disk")
	total(metricLookups, r.Lookups.Nowhere, "nowhere")
	if r.Cache.Path != "" {
		gauge(metricIndex, r.Cache.Index)
		gauge(metricMail, r.Cache.Used)
		gauge(metricMailLimit, r.Cache.Limit)
	}
	if r.Quota != nil {
		gauge(metricQuota, r.Quota.Used)
		gauge(metricQuotaMax, r.Quota.Limit)
	}
	total(metricAheadFetched, r.Ahead.Fetched)
	total(metricAheadUsed, r.Ahead.Used)
	total(metricAheadWasted, r.Ahead.Wasted)
	gauge(metricWalks, int64(len(r.Ahead.Walks)))
	flight := int64(0)
	for _, w := range r.Ahead.Walks {
		flight += w.InFlight
	}
	gauge(metricAheadFlight, flight)
	c.mailboxes(r, gauge)
}

func (c *collector) mailboxes(r *report, gauge func(*prometheus.Desc, int64, ...string)) {
	states := map[string]int64{"live": 0, "listed": 0, "unlisted": 0, "failed": 0}
	var messages, defects int64
	for _, m := range r.Mailboxes {
		messages += int64(m.Messages)
		defects += int64(m.Defects)
		switch {
		case m.Error != "":
			states["failed"]++
		case m.Watched:
			states["live"]++
		case m.Synced != nil:
			states["listed"]++
		default:
			states["unlisted"]++
		}
	}
	for state, n := range states {
		gauge(metricMailboxes, n, state)
	}
	gauge(metricMessages, messages)
	gauge(metricDefects, defects)
}

// histogram is durations in seconds, in buckets that are cumulative, as Prometheus
// has them.
func histogram(d *prometheus.Desc, all *fs.Durations, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, fs.Buckets)
	var n int64
	for i := range fs.Buckets - 1 {
		n += all.Buckets[i]
		buckets[fs.BucketBound(i).Seconds()] = uint64(n)
	}
	return prometheus.MustNewConstHistogram(d, uint64(all.Count), all.Sum.Seconds(), buckets, labels...)
}
