package web

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/chart"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// chartMetric is one chart of a person's page.
type chartMetric struct {
	path, title, unit string
	decimals          int
	lines             func(k readings, days []fitbit.HeartDay) []chart.Line
	heart             bool // of days of the heart, not of moments
}

func chartMetrics() []chartMetric {
	return []chartMetric{
		{path: "weight", title: "Weight", unit: "kg", decimals: 1, lines: weightLines},
		{path: "body-fat", title: "Body fat", unit: "%", decimals: 1, lines: fatLines},
		{path: "resting-heart-rate", title: "Resting heart rate", unit: "bpm", lines: restingLines, heart: true},
		{path: "hrv", title: "Heart rate variability", unit: "ms", lines: hrvLines, heart: true},
	}
}

func weightLines(k readings, _ []fitbit.HeartDay) []chart.Line {
	return export.WeightLines(k.weighIns)
}

func fatLines(k readings, _ []fitbit.HeartDay) []chart.Line { return export.FatLines(k.past.Fats) }

func restingLines(_ readings, days []fitbit.HeartDay) []chart.Line { return export.RestingLines(days) }

func hrvLines(_ readings, days []fitbit.HeartDay) []chart.Line { return export.HRVLines(days) }

// window is what a chart of so many days shows; 0 is everything. What belongs to whole
// days needs whole days: from the first one's start to the end of today, in UTC as
// export's lines have them.
func (s *site) window(p bridge.PersonReport, m chartMetric, days int) (from, to time.Time) {
	if days == 0 {
		return time.Time{}, time.Time{}
	}
	now := s.Now().In(p.Location)
	if m.heart {
		today := fitbit.DateOf(now)
		return today.AddDays(1 - days).Start(time.UTC), today.AddDays(1).Start(time.UTC).Add(-1)
	}
	return now.AddDate(0, 0, -days), now
}

// chart draws one metric as SVG.
func (s *site) chart(w http.ResponseWriter, r *http.Request) {
	p, ok := s.Bridge.Person(r.PathValue("name"))
	i := slices.IndexFunc(chartMetrics(), func(m chartMetric) bool { return m.path == r.PathValue("metric") })
	if !ok || i < 0 {
		s.refuse(w, r, http.StatusNotFound, "there is no such chart")
		return
	}
	m, days := chartMetrics()[i], spanOf(r)
	lines, err := s.lines(r, p, m, days)
	if err != nil {
		s.trouble(w, r, "recall for a chart", err)
		return
	}
	o := chart.Options{
		Title: m.title + " of " + called(p.Account.Name), Unit: m.unit, Decimals: m.decimals, Location: p.Location, Theme: chart.Light,
		Width: 540, Height: 250,
	}
	o.From, o.To = s.window(p, m, days)
	if m.heart {
		o.Location = time.UTC // days, not moments
	}
	if r.URL.Query().Get("theme") == "dark" {
		o.Theme = chart.Dark
	}
	if r.URL.Query().Get("size") == "small" {
		o.Width, o.Height = 340, 220
	}
	var b bytes.Buffer
	if err := chart.SVG(&b, o, lines...); err != nil {
		s.trouble(w, r, "draw a chart", err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "private, no-cache")
	send(w, r, http.StatusOK, b.Bytes())
}

func (s *site) lines(r *http.Request, p bridge.PersonReport, m chartMetric, days int) ([]chart.Line, error) {
	if m.heart {
		since := fitbit.Date{}
		if from, _ := s.window(p, m, days); !from.IsZero() {
			since = fitbit.DateOf(from)
		}
		list, err := s.History.HeartDays(r.Context(), p.Account.UID, since)
		return m.lines(readings{}, list), err
	}
	past, err := s.History.Recall(r.Context(), p.Account.UID)
	return m.lines(readings{weighIns: past.WeighIns(), past: past}, nil), err
}

type chartView struct{ Title, Address, Alt string }

// chartView says where a chart is, and in words what it shows.
func (s *site) chartView(p bridge.PersonReport, v page, lines []chart.Line, m chartMetric, days int) chartView {
	from, to := s.window(p, m, days)
	return chartView{
		Title: m.title, Address: fmt.Sprintf("%speople/%s/charts/%s?days=%d&of=%s", v.Root, p.Account.Name, m.path, days, edition(lines)),
		Alt: summary(m, lines[0].Points, from, to),
	}
}

// edition tells charts of different readings apart: a page that is open shows another
// one only if it has another address.
func edition(lines []chart.Line) string {
	h := fnv.New32a()
	for _, l := range lines {
		for _, p := range l.Points {
			_, _ = fmt.Fprintln(h, p.Time.UnixNano(), p.Value) // never fails
		}
	}
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

// summary tells what a line shows to those who cannot see it.
func summary(m chartMetric, points []chart.Point, from, to time.Time) string {
	points = slices.DeleteFunc(slices.Clone(points), func(p chart.Point) bool {
		return !from.IsZero() && p.Time.Before(from) || !to.IsZero() && p.Time.After(to)
	})
	if len(points) == 0 {
		return m.title + ": no readings in this time"
	}
	value := func(p chart.Point) string { return strings.TrimSpace(number(&p.Value, m.decimals) + " " + m.unit) }
	day := func(p chart.Point) string { return p.Time.Format("2 January 2006") }
	first, last := points[0], points[len(points)-1]
	if len(points) == 1 {
		return fmt.Sprintf("%s: %s on %s", m.title, value(first), day(first))
	}
	byValue := func(a, b chart.Point) int {
		switch {
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		}
		return 0
	}
	return fmt.Sprintf("%s: from %s on %s to %s on %s; lowest %s, highest %s", m.title, value(first), day(first), value(last), day(last),
		value(slices.MinFunc(points, byValue)), value(slices.MaxFunc(points, byValue)))
}
