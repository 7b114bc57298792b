package webapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// intraday is a day's answer with these samples.
func intraday(points ...string) string {
	return `{"activities-heart":[],"activities-heart-intraday":{"dataset":[` + strings.Join(points, ",") + `],"datasetInterval":1,"datasetType":"second"}}`
}

// TestRangeInEveryForm: lowest, mean of the minutes' means, highest.
func TestRangeInEveryForm(t *testing.T) {
	const flat = `{"activities-heart":[{"dateTime":"today","value":"64.2","heartRateZones":[]}],"activities-heart-intraday":{"dataset":[{"time":"10:00:00","value":64}]}}`
	for _, c := range []struct{ name, body, want string }{
		{"as documented", intraday(`{"time":"00:00:05","value":61}`, `{"time":"00:00:15","value":63}`, `{"time":"00:01:15","value":72}`), "61 67 72"},
		{"numbers in quotes", intraday(`{"time":"00:00:05","value":"61"}`), "61 61 61"},
		{"what no heart does", intraday(`{"time":"00:00:05","value":0}`, `{"time":"00:00:06","value":null}`, `{"time":"00:00:07","value":900}`, `{"time":"00:01:05","value":58}`), "58 58 58"},
		{"no time", intraday(`{"value":61}`, `null`), ""},
		{"nothing measured", intraday(), ""},
		{"an empty block", `{"activities-heart":[],"activities-heart-intraday":{}}`, ""},
		{"no block", `{"activities-heart-intraday":null}`, ""},
		{"nothing at all", `{}`, ""},
		{"nothing in another form", `[]`, ""},
		{"a summary of the old form", flat, "64 64 64"},
	} {
		list, err := serve(t, sayJSON(c.body)).HeartDays(t.Context(), fitbit.HeartRange, day(t, "2026-11-20"), day(t, "2026-11-20"))
		got := ""
		for _, d := range list {
			got = fmt.Sprint(*d.MinBPM, *d.AvgBPM, *d.MaxBPM)
		}
		if err != nil || got != c.want {
			t.Errorf("%s: the range is %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

// TestZonesInEveryForm: zones are known by their names, and a day without minutes is
// one on which nothing was worn.
func TestZonesInEveryForm(t *testing.T) {
	for _, c := range []struct{ name, zones, want string }{
		{
			"as documented",
			`{"caloriesOut":1510.22,"max":97,"min":30,"minutes":1290,"name":"Out of Range"},{"max":135,"min":97,"minutes":31,"name":"Fat Burn"},{"minutes":0,"name":"Cardio"},{"minutes":2,"name":"Peak"}`,
			"1290 - 31 0 2",
		},
		{"another order", `{"minutes":2,"name":"Peak"},{"minutes":"31","name":"Fat Burn"},{"minutes":5.4,"name":"Cardio"}`, "- - 31 5 2"},
		{"one nobody knows", `{"minutes":9,"name":"Custom Zone"},{"minutes":31,"name":"Fat Burn"}`, "- - 31 0 0"},
		{"nothing worn", `{"max":97,"min":30,"name":"Out of Range"},{"max":135,"min":97,"name":"Fat Burn"}`, ""},
		{"nothing worn, in zeros", `{"minutes":0,"name":"Out of Range"},{"minutes":0,"name":"Fat Burn"}`, ""},
		{"minutes of no use", `{"minutes":-5,"name":"Peak"},{"minutes":9000,"name":"Cardio"},{"minutes":"NaN","name":"Fat Burn"},{"minutes":1,"name":7},null`, ""},
		{"none", ``, ""},
	} {
		list, err := serve(t, sayJSON(`{"activities-heart":[{"dateTime":"2026-11-20","value":{"customHeartRateZones":[{"minutes":7,"name":"Peak"}],"heartRateZones":[`+c.zones+`]}}]}`)).
			HeartDays(t.Context(), fitbit.HeartZones, day(t, "2026-11-20"), day(t, "2026-11-20"))
		got := ""
		for _, d := range list {
			z := d.Zones
			got = fmt.Sprint(known(z.OutOfRange), " ", known(z.Light), " ", z.Moderate, z.Vigorous, z.Peak)
		}
		if err != nil || got != c.want {
			t.Errorf("%s: zones are %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

// TestDailyValuesInEveryForm: what is absent is left out, and never 0.
func TestDailyValuesInEveryForm(t *testing.T) {
	days := func(m fitbit.Metric, body string) string {
		t.Helper()
		list, err := serve(t, sayJSON(body)).HeartDays(t.Context(), m, day(t, "2026-11-18"), day(t, "2026-11-20"))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		var got []string
		for _, d := range list {
			got = append(got, fmt.Sprint(d.Date.Day, " ", known(d.RestingBPM), " ", known(d.HRVMillis)))
		}
		return strings.Join(got, ", ")
	}
	got := days(fitbit.RestingHeartRate, `{"activities-heart":[{"dateTime":"2026-11-20","value":{"restingHeartRate":58}},{"dateTime":"2026-11-18","value":{"restingHeartRate":"57"}},
		{"dateTime":"2026-11-19","value":{"heartRateZones":[]}},{"dateTime":"2026-11-17","value":{"restingHeartRate":56}},{"dateTime":"today","value":{"restingHeartRate":55}}]}`)
	if want := "18 57 -, 20 58 -"; got != want {
		t.Errorf("resting heart rates are %s, want %s", got, want)
	}
	got = days(fitbit.RestingHeartRate, `{"activities-heart":[{"dateTime":"2026-11-20","value":{"restingHeartRate":0}},{"dateTime":"2026-11-19","value":{"restingHeartRate":null}},{"dateTime":"2026-11-18"}]}`)
	if got != "" {
		t.Errorf("resting heart rates are %s, want none", got)
	}
	got = days(fitbit.HRV, `{"hrv":[{"value":{"dailyRmssd":41.2,"deepRmssd":38.9},"dateTime":"2026-11-19"},{"value":{"dailyRmssd":null},"dateTime":"2026-11-20"},{"dateTime":"2026-11-18"}]}`)
	if want := "19 - 41.2"; got != want {
		t.Errorf("variabilities are %s, want %s", got, want)
	}
}

// TestLongSpans: thirty days are a request, but for the rate's range.
func TestLongSpans(t *testing.T) {
	for m, want := range map[fitbit.Metric]int{fitbit.HeartZones: 3, fitbit.RestingHeartRate: 3, fitbit.HRV: 3, fitbit.HeartRange: 61} {
		requests := 0
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			sayJSON("{}")(w, r)
		})
		list, err := client.HeartDays(t.Context(), m, day(t, "2026-09-22"), day(t, "2026-11-21"))
		if err != nil || len(list) > 0 || requests != want {
			t.Errorf("%s: %v (%v) after %d requests, want %d", m, list, err, requests, want)
		}
		requests = 0
		_, err = client.HeartDays(t.Context(), m, day(t, "2026-11-20"), day(t, "2026-11-19"))
		if err != nil || requests > 0 {
			t.Errorf("%s of no day: %v after %d requests", m, err, requests)
		}
	}
}

// TestAppThatMayNotReadSamples: the answer is fine, and lacks them without a word.
func TestAppThatMayNotReadSamples(t *testing.T) {
	apps := []fakecloud.App{
		{ClientID: "23SERV", ClientSecret: secret, RedirectURLs: []string{callbackURL}, Kind: fakecloud.ServerApp},
		{ClientID: "23APPR", ClientSecret: secret, RedirectURLs: []string{callbackURL}, Kind: fakecloud.ServerApp, Intraday: true},
		{ClientID: "23OTHR", ClientSecret: secret, RedirectURLs: []string{callbackURL}, Owner: "bo"},
	}
	l := newLab(t, fakecloud.FitbitOptions{}, apps...)
	today := day(t, "2026-11-20")
	l.anna.Generate(today.AddDays(-3), today)
	for _, app := range apps {
		l.signIn(t, l.app(app.ClientID, secret))
		_, ranges := l.client.HeartDays(t.Context(), fitbit.HeartRange, today, today)
		_, samples := l.client.HeartSamples(t.Context(), fitbit.Window{From: noon().Add(-time.Hour)})
		_, latest := l.client.LatestHeartSample(t.Context(), noon().Add(-12*time.Hour))
		for _, err := range []error{ranges, samples, latest} {
			if app.Intraday && err != nil || !app.Intraday && (!errors.Is(err, fitbit.ErrPermission) || !strings.Contains(fitbit.Hint(err), "Personal")) {
				t.Errorf("%s: error is %v with the hint %q", app.ClientID, err, fitbit.Hint(err))
			}
		}
		if days, err := l.client.HeartDays(t.Context(), fitbit.HeartZones, today.AddDays(-3), today); err != nil || len(days) == 0 {
			t.Errorf("%s: zones are %v (%v)", app.ClientID, days, err)
		}
	}
}

// TestSamples: each with the person's offset, in order and within the window.
func TestSamples(t *testing.T) {
	var paths []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		sayJSON(intraday(`{"time":"23:00:00","value":70}`, `{"time":"10:00:00","value":61}`, `{"time":"10:00:00","value":61}`, `{"time":"soon","value":61}`, `{"time":"10:00:05"}`))(w, r)
	})
	list, err := client.HeartSamples(t.Context(), fitbit.Window{From: at(t, "2026-07-19T23:00:00+02:00"), To: at(t, "2026-07-20T23:00:00+02:00")})
	var got []string
	for _, s := range list {
		got = append(got, s.Time.Format(time.RFC3339)+" "+strconv.Itoa(s.BPM))
	}
	if want := []string{"2026-07-19T23:00:00+02:00 70", "2026-07-20T10:00:00+02:00 61"}; err != nil || !slices.Equal(got, want) || len(paths) != 2 {
		t.Errorf("samples are %q (%v) after %q, want %q", got, err, paths, want)
	}
	paths = nil
	list, err = client.HeartSamples(t.Context(), fitbit.Window{From: at(t, "2026-11-19T23:00:00Z"), To: at(t, "2026-11-20T23:00:00Z")})
	if err != nil || len(list) != 2 || !slices.Equal(paths, []string{"/1/user/-/activities/heart/date/2026-11-20/1d/1sec.json"}) {
		t.Errorf("samples of one day are %v (%v) after %q", list, err, paths)
	}
}

// TestLatestSample: today's, or yesterday's if that is new enough.
func TestLatestSample(t *testing.T) {
	for _, c := range []struct {
		name, today, yesterday, since string
		want                          string
		requests                      int
	}{
		{"today", `{"time":"09:00:00","value":61},{"time":"10:00:00","value":62}`, ``, "2026-11-19T13:00:00+01:00", "2026-11-20T10:00:00+01:00", 1},
		{"yesterday", ``, `{"time":"14:00:00","value":61}`, "2026-11-19T13:00:00+01:00", "2026-11-19T14:00:00+01:00", 2},
		{"too old", ``, `{"time":"12:00:00","value":61}`, "2026-11-19T13:00:00+01:00", "", 2},
		{"too old to ask", ``, `{"time":"12:00:00","value":61}`, "2026-11-20T00:00:00+01:00", "", 1},
		{"since now", `{"time":"13:00:00","value":61}`, ``, "2026-11-20T13:00:00+01:00", "2026-11-20T13:00:00+01:00", 1},
	} {
		requests := 0
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			points := c.yesterday
			if strings.Contains(r.URL.Path, "2026-11-20") {
				points = c.today
			}
			sayJSON(intraday(points))(w, r)
		})
		s, err := client.LatestHeartSample(t.Context(), at(t, c.since))
		got := ""
		if err == nil {
			got = s.Time.Format(time.RFC3339)
		}
		if got != c.want || c.want == "" && !errors.Is(err, fitbit.ErrNoData) || requests != c.requests {
			t.Errorf("%s: the sample of %q (%v) after %d requests, want that of %q after %d", c.name, got, err, requests, c.want, c.requests)
		}
	}
}

// TestDayOfAHeart: a worn day is some thousand samples in one answer.
func TestDayOfAHeart(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	l.anna.Generate(day(t, "2026-11-18"), day(t, "2026-11-18"))
	l.asked()
	d := day(t, "2026-11-18")
	samples, err := l.client.HeartSamples(t.Context(), fitbit.Window{From: d.Start(berlin(t)), To: d.AddDays(1).Start(berlin(t))})
	days, err2 := l.client.HeartDays(t.Context(), fitbit.HeartRange, d, d)
	if err != nil || err2 != nil || len(samples) < 1000 || len(days) != 1 || len(l.asked()) != 3 {
		t.Fatalf("%d samples, %d days (%v, %v)", len(samples), len(days), err, err2)
	}
	low, high := samples[0].BPM, samples[0].BPM
	for _, s := range samples {
		low, high = min(low, s.BPM), max(high, s.BPM)
	}
	if *days[0].MinBPM != low || *days[0].MaxBPM != high {
		t.Errorf("the range is %d to %d, want %d to %d", *days[0].MinBPM, *days[0].MaxBPM, low, high)
	}
}
