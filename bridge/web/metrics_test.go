package web_test

import (
	"net/http"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// scraped is what Prometheus makes of the answer.
type scraped map[string]*dto.MetricFamily

func (b *browser) scrape() scraped {
	b.tb.Helper()
	a := b.get("/metrics").wants(http.StatusOK)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		b.tb.Errorf("content type %q", got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(a.body))
	if err != nil {
		b.tb.Fatal(err)
	}
	return families
}

// value is that of the metric with these labels, pairs of a name and a value.
func (s scraped) value(tb testing.TB, name string, labels ...string) float64 {
	tb.Helper()
	family := s["fitbit2mqtt_"+name]
	for _, m := range family.GetMetric() {
		got := make([]string, 0, len(labels))
		for _, l := range m.GetLabel() {
			got = append(got, l.GetName(), l.GetValue())
		}
		if strings.Join(got, "\n") != strings.Join(labels, "\n") {
			continue
		}
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			return m.GetCounter().GetValue()
		case dto.MetricType_GAUGE:
			return m.GetGauge().GetValue()
		case dto.MetricType_HISTOGRAM:
			return float64(m.GetHistogram().GetSampleCount())
		default:
			tb.Errorf("%s is a %s", name, family.GetType())
		}
	}
	tb.Errorf("there is no %s%v", name, labels)
	return -1
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Person("anna").WeighIn(h.clock.Now(), 73.41, 31.7)
	h.connect("anna")
	b := h.browser()
	s := b.scrape()
	for name, kind := range map[string]dto.MetricType{
		"build_info": dto.MetricType_GAUGE, "polls_total": dto.MetricType_COUNTER,
		"published_total": dto.MetricType_COUNTER, "publish_duration_seconds": dto.MetricType_HISTOGRAM,
		"pending_messages": dto.MetricType_GAUGE, "broker_connected": dto.MetricType_GAUGE, "accounts": dto.MetricType_GAUGE,
		"last_success_age_seconds": dto.MetricType_GAUGE, "cloud_requests_total": dto.MetricType_COUNTER,
		"cloud_budget_limit": dto.MetricType_GAUGE, "cloud_budget_remaining": dto.MetricType_GAUGE,
	} {
		if f := s["fitbit2mqtt_"+name]; f == nil || f.GetType() != kind || f.GetHelp() == "" {
			t.Errorf("%s: %v", name, f)
		}
	}
	if s["go_goroutines"] == nil || s["process_start_time_seconds"] == nil {
		t.Error("nothing is said of the process itself")
	}
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"build_info", []string{"version", "1.2.3"}, 1},
		{"broker_connected", nil, 1},
		{"pending_messages", nil, 0},
		{"accounts", []string{"state", "ok"}, 1},
		{"accounts", []string{"state", "signin_required"}, 0},
		{"accounts", []string{"state", "error"}, 0},
		{"last_success_age_seconds", []string{"account", "anna"}, 0},
		{"cloud_budget_limit", []string{"account", "anna", "backend", "google"}, 300},
	} {
		if got := s.value(t, c.name, c.labels...); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	requests := s.value(t, "cloud_requests_total", "account", "anna", "backend", "google")
	if left := s.value(t, "cloud_budget_remaining", "account", "anna", "backend", "google"); requests < 5 || left != 300-requests {
		t.Errorf("%v requests, %v left", requests, left)
	}
	if n := len(s["fitbit2mqtt_accounts"].GetMetric()); n != len(bridge.States()) {
		t.Errorf("%d states, want all %d", n, len(bridge.States()))
	}
	b.get("/metrics").lacks("73.4", "31.7", h.cloud.Person("anna").User())
}

// TestMetricsFollow lets things happen, and sees the figures follow.
func TestMetricsFollow(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	b := h.browser()
	h.until("all is published", func() bool { return b.scrape().value(t, "published_total") >= 10 })
	before := b.scrape()
	h.cloud.Person("anna").WeighIn(h.clock.Now(), 73.41, 31.7)
	h.poll("anna", "a weigh-in", func(p bridge.PersonReport) bool { return p.Body.WeightKg != nil })
	h.until("it is published", func() bool {
		now := b.scrape()
		return now.value(t, "published_total") > before.value(t, "published_total") && now.value(t, "pending_messages") == 0 &&
			now.value(t, "publish_duration_seconds") == now.value(t, "published_total")
	})
	if b.scrape().value(t, "polls_total") <= before.value(t, "polls_total") {
		t.Error("polls are not counted")
	}

	h.broker.leave("connection refused", "start the broker")
	h.cloud.Person("anna").WeighIn(h.clock.Now(), 73.1, 31.6)
	h.poll("anna", "another weigh-in", func(p bridge.PersonReport) bool { return *p.Body.WeightKg < 73.2 })
	s := b.scrape()
	if s.value(t, "broker_connected") != 0 || s.value(t, "pending_messages") != 1 {
		t.Error("the broker is away, and nothing waits for it")
	}
	b.get("/").wants(http.StatusOK, "Messages waiting 1")

	h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/v4/"})
	h.inState(bridge.StateUnavailable)
	s = b.scrape()
	if s.value(t, "poll_errors_total", "kind", "cloud_unavailable") < 1 || s.value(t, "accounts", "state", "cloud_unavailable") != 1 || s.value(t, "accounts", "state", "ok") != 0 {
		t.Error("trouble does not show")
	}
	if age := s.value(t, "last_success_age_seconds", "account", "anna"); age != 120 {
		t.Errorf("last success %v s ago, want 120", age)
	}
	b.post("/people/anna/remove", "sure", "yes")
	if f := b.scrape()["fitbit2mqtt_last_success_age_seconds"]; f != nil {
		t.Errorf("still there: %v", f)
	}
}

// TestHealth asks whether the process works: a broker that is away does not count.
func TestHealth(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{password: "correct horse battery staple"})
	b := h.browser()
	ask := func(status int, body string) {
		t.Helper()
		if a := b.get("/healthz").wants(status); a.body != body || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q, %v", a.body, a.header)
		}
	}
	ask(http.StatusOK, "ok\n")
	h.broker.leave("connection refused", "start the broker")
	ask(http.StatusOK, "ok\n")
	if err := h.history.Close(); err != nil {
		t.Fatal(err)
	}
	ask(http.StatusServiceUnavailable, "storage\n")
	if head := b.do(b.request(http.MethodHead, "/healthz", "")); head.status != http.StatusServiceUnavailable || head.body != "" {
		t.Errorf("HEAD: %d %q", head.status, head.body)
	}
	r := b.request(http.MethodGet, "/metrics", "")
	b.do(r).wants(http.StatusUnauthorized)
	r.SetBasicAuth("prometheus", "correct horse battery staple")
	a := b.do(r) // what is known is served, the rest left out
	if a.status != http.StatusOK || strings.Contains(a.body, "fitbit2mqtt_pending_messages") || !strings.Contains(a.body, "fitbit2mqtt_accounts") {
		t.Errorf("status %d:\n%s", a.status, a.body)
	}
}
