package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// pageLimit is as large as any page may get.
const pageLimit = 100 << 10

// lived is a house of four people with a year of daily weigh-ins and heart days behind
// each of them.
func lived(tb testing.TB) *house {
	tb.Helper()
	names := []string{"anna", "ben", "clara", "david"}
	h := newHouse(tb, plan{people: names})
	h.connect(names...)
	for i, name := range names {
		p, ok := h.bridge.Person(name)
		if !ok {
			tb.Fatal("nobody there")
		}
		if err := h.history.Record(tb.Context(), p.Account.UID, year(i)); err != nil {
			tb.Fatal(err)
		}
	}
	h.connect(names...) // again, so that the bridge recalls it
	h.until("all is recalled", func() bool {
		r, err := h.bridge.Report(tb.Context())
		return err == nil && r.People[0].Body.WeightKg != nil && r.People[3].Body.WeightKg != nil
	})
	return h
}

// year is what a year leaves behind: a weigh-in with body fat a day, some of them
// corrected or deleted since, and the heart's day.
func year(nth int) bridge.Entry {
	var e bridge.Entry
	for day := range 365 {
		at := morning().AddDate(0, 0, -day).In(time.FixedZone("", 3600))
		id := at.Format("20060102150405")
		wobble := float64((day*7+nth*3)%13) / 10
		origin := fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale}
		w := fitbit.Weight{ID: id, Time: at, Kilograms: 70 + float64(nth) + wobble, Origin: origin}
		e.Weights = append(e.Weights, bridge.KnownWeight{Weight: w, Cloud: "google", WeighIn: id})
		e.Fats = append(e.Fats, bridge.KnownFat{BodyFat: fitbit.BodyFat{ID: "f" + id, Time: at, Percent: 28 + wobble, Origin: origin}, Cloud: "google"})
		e.Days = append(e.Days, fitbit.HeartDay{Date: fitbit.DateOf(at), RestingBPM: new(55 + day%9), HRVMillis: new(30 + wobble*10)})
		if day%5 == 0 {
			e.Events = append(e.Events, bridge.Event{EventType: bridge.Correction, ID: id, MeasuredAt: at.Format(time.RFC3339), WeightKg: w.Kilograms, Recorded: w.Recorded})
		}
	}
	return e
}

// TestPageSizes holds every page and every chart of such a house below the limit.
func TestPageSizes(t *testing.T) {
	t.Parallel()
	h := lived(t)
	b := h.browser()
	for _, path := range []string{
		"/", "/connect", "/people/anna", "/people/anna?days=0", "/people/anna?page=4", "/assets/style.css", "/assets/live.js",
		"/people/anna/charts/weight?days=0", "/people/anna/charts/body-fat?days=0", "/people/anna/charts/resting-heart-rate?days=0", "/people/anna/charts/hrv?days=0",
	} {
		if a := b.get(path).wants(http.StatusOK); len(a.body) >= pageLimit {
			t.Errorf("%s has %d bytes", path, len(a.body))
		}
	}
}

// TestTableIsPaged walks through a year, and misses nobody's morning.
func TestTableIsPaged(t *testing.T) {
	t.Parallel()
	h := lived(t)
	b := h.browser()
	b.get("/people/anna").wants(http.StatusOK, "today, 08:30 70.00 kg", "Older").lacks("Newer")
	b.get("/people/anna?page=2").wants(http.StatusOK, "Newer", "Older").lacks("today, 08:30 70.00 kg")
	b.get("/people/anna?page=8&days=7").wants(http.StatusOK, "15 Mar 2030, 08:30", "Newer").lacks("Older").holds("?days=7&amp;page=7#table-title")
	table := func(query string) string { // what stands above it may change meanwhile
		_, table, _ := strings.Cut(b.get("/people/anna"+query).body, `id="table-title"`)
		return table
	}
	first := table("")
	for _, page := range []string{"0", "-1", "9", "x", "1e9", "99999999999999999999", "%00"} {
		if table("?page="+page) != first {
			t.Errorf("page %s is not the first", page)
		}
	}
}

// measure reports how many bytes a page has, and how soon the first of them is there.
func measure(b *testing.B, path string) {
	b.Helper()
	h := lived(b)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:4711", "localhost"
	var bytes int
	var waited time.Duration
	for b.Loop() {
		w := &stopwatch{ResponseRecorder: httptest.NewRecorder(), began: time.Now()}
		h.pages.ServeHTTP(w, r.Clone(context.WithoutCancel(b.Context())))
		if w.Code != http.StatusOK {
			b.Fatalf("status %d", w.Code)
		}
		bytes, waited = w.Body.Len(), waited+w.first
	}
	b.ReportMetric(float64(bytes), "bytes/page")
	b.ReportMetric(float64(waited.Microseconds())/1000/float64(b.N), "ms/first-byte")
}

// stopwatch notes when the first byte of a body is written.
type stopwatch struct {
	*httptest.ResponseRecorder
	began time.Time
	first time.Duration
}

func (s *stopwatch) Write(p []byte) (int, error) {
	if s.first == 0 {
		s.first = time.Since(s.began)
	}
	return s.ResponseRecorder.Write(p)
}

func BenchmarkOverview(b *testing.B) { measure(b, "/") }

func BenchmarkPerson(b *testing.B) { measure(b, "/people/anna?days=0") }

func BenchmarkChart(b *testing.B) { measure(b, "/people/anna/charts/weight?days=0") }
