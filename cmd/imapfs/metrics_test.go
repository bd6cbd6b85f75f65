package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"imapfs/imapbackend/imaptest"
)

// get asks a mount's server for a path.
func get(t *testing.T, client *http.Client, url string) (status int, body []byte) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

// value is that of the metric with these labels, "name=value".
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	family := families["imapfs_"+name]
	if family == nil {
		t.Errorf("no %s", name)
		return -1
	}
metrics:
	for _, m := range family.Metric {
		for i, l := range m.Label {
			if i >= len(labels) || labels[i] != l.GetName()+"="+l.GetValue() {
				continue metrics
			}
		}
		switch {
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		}
		return float64(m.Histogram.GetSampleCount())
	}
	t.Errorf("no %s of %q", name, labels)
	return -1
}

// TestMetrics scrapes a mount in the background.
func TestMetrics(t *testing.T) {
	s := imaptest.Memory(t, imaptest.WithMailboxes("Clandestine"))
	s.Deliver("INBOX", note("one"), sampleDate)
	dir := background(t, s, "--metrics", ":0", "--poll", "1h")
	shows(t, dir+"/INBOX", "one")
	r := statusOf(t, dir)
	host, _, err := net.SplitHostPort(r.Metrics)
	if err != nil || host != "127.0.0.1" {
		t.Fatalf("it listens at %q: %v", r.Metrics, err)
	}
	url := "http://" + r.Metrics
	code, body := get(t, http.DefaultClient, url+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, body)
	}
	for _, private := range []string{"alice", "secret", "Clandestine", "INBOX", dir} {
		if bytes.Contains(body, []byte(private)) {
			t.Errorf("%q is in the metrics", private)
		}
	}
	if problems, err := promlint.New(bytes.NewReader(body)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if value(t, families, "messages") != 1 || value(t, families, "online") != 1 ||
		value(t, families, "mailboxes", "state=unlisted") != 1 ||
		value(t, families, "network_received_bytes_total") < float64(r.Traffic.Received) ||
		value(t, families, "commands_total", "command=EXAMINE") < float64(r.Traffic.Commands["EXAMINE"]) ||
		value(t, families, "memory_cache_limit_bytes") != float64(r.Memory.Limit) {
		t.Errorf("the status is %+v, and the metrics\n%s", r, body)
	}
	opened := r.request("opendir")
	for result, want := range map[string]int64{"hit": opened.Hits.Count, "miss": opened.Misses.Count} {
		if got := value(t, families, "request_duration_seconds", "operation=opendir", "result="+result); got != float64(want) {
			t.Errorf("%v %s of opendir, not %d", got, result, want)
		}
	}
	if families["process_resident_memory_bytes"] == nil || families["go_goroutines"] == nil {
		t.Error("nothing of the process")
	}
	for _, other := range []string{"/", "/debug/pprof/", "/metrics/x"} {
		if code, _ := get(t, http.DefaultClient, url+other); code != http.StatusNotFound {
			t.Errorf("%s: status %d", other, code)
		}
	}

	// A port that is in use is known before the mount is there.
	second := t.TempDir()
	fails(t, command(t, "mount", "--metrics", r.Metrics, sourceOf(s), second), "--metrics "+r.Metrics+": address already in use")
	gone(t, second)

	works(t, "umount", dir)
	gone(t, dir)
	if c, err := net.Dial("tcp", r.Metrics); err == nil {
		c.Close()
		t.Error("it listens on, after its end")
	}
}

// TestMetricsAddress keeps the metrics on this machine, unless told otherwise.
func TestMetricsAddress(t *testing.T) {
	for _, test := range []struct {
		address, want, public string // "": refused
	}{
		{":9900", "127.0.0.1:9900", "127.0.0.1:9900"},
		{"127.0.0.1:9900", "127.0.0.1:9900", "127.0.0.1:9900"},
		{"127.1.2.3:9900", "127.1.2.3:9900", "127.1.2.3:9900"},
		{"[::1]:9900", "[::1]:9900", "[::1]:9900"},
		{"localhost:9900", "localhost:9900", "localhost:9900"},
		{"0.0.0.0:9900", "", "0.0.0.0:9900"},
		{"[::]:9900", "", "[::]:9900"},
		{"192.0.2.1:9900", "", "192.0.2.1:9900"},
		{"[::ffff:192.0.2.1]:9900", "", "[::ffff:192.0.2.1]:9900"},
		{"mail.example.org:9900", "", "mail.example.org:9900"},
		{"9900", "", ""},
		{"localhost", "", ""},
		{"localhost:", "", ""},
		{"localhost:http", "", ""},
		{"localhost:65536", "", ""},
		{"localhost:-1", "", ""},
	} {
		for public, want := range map[bool]string{false: test.want, true: test.public} {
			c := &mountConfig{metrics: test.address, metricsPublic: public}
			got, err := c.metricsAddress()
			if got != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), test.address) {
				t.Errorf("%s, public %v: %q, %v", test.address, public, got, err)
			}
		}
	}
	dir := t.TempDir()
	cmd := command(t, "mount", "--metrics", "0.0.0.0:0", "imap://alice@127.0.0.1:1", dir)
	cmd.Env = append(cmd.Env, passwordVar+"=") // which nobody is asked for
	fails(t, cmd, "--metrics-public")
	if _, err := os.ReadDir(dir); err != nil {
		t.Error(err)
	}
}
