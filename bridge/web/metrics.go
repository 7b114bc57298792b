package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// metrics serves what Prometheus wants to know: how the bridge works, and never
// what it measures.
func (s *site) metrics() http.Handler {
	registry := sync.OnceValue(func() *prometheus.Registry { // when first asked: most houses have no Prometheus
		r := prometheus.NewRegistry()
		r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newCollector(s))
		return r
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		families, err := registry().Gather()
		if err != nil {
			s.trouble(w, r, "gather metrics", err)
			return
		}
		// What every scraper reads. An encoder, or promhttp, would bring the other formats and compressors into the binary.
		w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
		for _, f := range families {
			if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
				return // the scraper has hung up
			}
		}
	})
}

// collector turns the bridge's report into metrics whenever it is asked.
type collector struct {
	site                                          *site
	info, polls, pollErrors, published, latency   *prometheus.Desc
	pending, broker, accounts, age                *prometheus.Desc
	cloudRequests, cloudBudget, cloudBudgetRemain *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

func newCollector(s *site) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("fitbit2mqtt_"+name, help, labels, nil)
	}
	return &collector{
		site:              s,
		info:              desc("build_info", "The version; always 1.", "version"),
		polls:             desc("polls_total", "Metrics fetched from the clouds."),
		pollErrors:        desc("poll_errors_total", "Metrics that could not be fetched, by what that means.", "kind"),
		published:         desc("published_total", "Messages acknowledged by the broker."),
		latency:           desc("publish_duration_seconds", "Time until the broker acknowledges a message."),
		pending:           desc("pending_messages", "Events that the broker has not acknowledged yet."),
		broker:            desc("broker_connected", "1 while there is a connection to the broker."),
		accounts:          desc("accounts", "Connected people, by the state of their connection.", "state"),
		age:               desc("last_success_age_seconds", "Time since a cloud last answered for a person.", "account"),
		cloudRequests:     desc("cloud_requests_total", "Requests sent to a cloud for a person.", "account", "backend"),
		cloudBudget:       desc("cloud_budget_limit", "Requests a cloud allows a person in one window.", "account", "backend"),
		cloudBudgetRemain: desc("cloud_budget_remaining", "Requests left of it in the window that runs.", "account", "backend"),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.info, c.polls, c.pollErrors, c.published, c.latency, c.pending, c.broker, c.accounts, c.age,
		c.cloudRequests, c.cloudBudget, c.cloudBudgetRemain,
	} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	r, err := c.site.Bridge.Report(context.Background())
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(c.info, 1, r.Version)
	counter(c.polls, r.Polls)
	for kind, n := range r.Errors {
		counter(c.pollErrors, n, string(kind))
	}
	counter(c.published, r.Published)
	buckets := make(map[float64]uint64, len(r.Publish.Bounds))
	for i, bound := range r.Publish.Bounds {
		buckets[bound] = uint64(r.Publish.Counts[i]) //nolint:gosec // counts up from 0
	}
	out <- prometheus.MustNewConstHistogram(c.latency, uint64(r.Publish.Count), r.Publish.Sum, buckets) //nolint:gosec // counts up from 0
	if err == nil {
		gauge(c.pending, float64(r.Pending))
	}
	connected := 1.0
	if trouble, _ := c.site.Broker.Trouble(); trouble != "" {
		connected = 0
	}
	gauge(c.broker, connected)
	states := make(map[bridge.State]int)
	for _, s := range bridge.States() {
		states[s] = 0
	}
	for _, p := range r.People {
		states[p.Connection.State]++
		c.person(p, gauge, counter)
	}
	for state, n := range states {
		gauge(c.accounts, float64(n), string(state))
	}
}

func (c *collector) person(p bridge.PersonReport, gauge func(*prometheus.Desc, float64, ...string), counter func(*prometheus.Desc, int64, ...string)) {
	name := p.Account.Name
	if p.Connection.LastSuccess != nil {
		if at, err := time.Parse(time.RFC3339, *p.Connection.LastSuccess); err == nil {
			gauge(c.age, max(c.site.Now().Sub(at).Seconds(), 0), name)
		}
	}
	if p.Usage != nil {
		counter(c.cloudRequests, p.Usage.Requests, name, p.Account.Backend)
		gauge(c.cloudBudget, float64(p.Usage.Limit), name, p.Account.Backend)
		gauge(c.cloudBudgetRemain, float64(p.Usage.Remaining), name, p.Account.Backend)
	}
}
