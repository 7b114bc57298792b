package fakecloud_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestFitbitWeightLog(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.WeighIn(at(t, "2026-11-20T07:17:00+01:00"), 78.3, 0)
	l.anna.WeighIn(at(t, "2026-11-20T07:14:09+01:00"), 78.42, 24.37)
	l.anna.WeighIn(at(t, "2026-11-19T07:00:00+01:00"), 78, 24)
	l.anna.WeighIn(at(t, "2026-11-20T14:00:00+01:00"), 99, 30) // in an hour
	const (
		rows = `{"bmi":24.62,"date":"2026-11-19","fat":24,"logId":1795071600000,"source":"AriaAir","time":"07:00:00","weight":78},` + today
		fats = `{"fat":[{"date":"2026-11-20","fat":24.3700008392334,"logId":1795158849000,"source":"AriaAir","time":"07:14:09"}]}`
	)
	l.read("body/log/weight/date/2026-11-20", tok).want(200).wantBody(`{"weight":[` + today + `]}`)
	l.read("body/log/weight/date/today/7d", tok).want(200).wantBody(`{"weight":[` + rows + `]}`)
	l.read("body/log/weight/date/2026-11-19/2026-11-22", tok).want(200).wantBody(`{"weight":[` + rows + `]}`)
	l.read("body/log/weight/date/2026-11-20/today", tok).want(200).wantBody(`{"weight":[` + today + `]}`)
	l.read("body/log/fat/date/2026-11-20", tok).want(200).wantBody(fats)
	l.read("body/log/fat/date/today/1d", tok).want(200).wantBody(fats)
}

const today = `{"bmi":24.75,"date":"2026-11-20","fat":24.3700008392334,"logId":1795158849000,"source":"AriaAir","time":"07:14:09","weight":78.4},` +
	`{"bmi":24.71,"date":"2026-11-20","logId":1795159020000,"source":"AriaAir","time":"07:17:00","weight":78.3}`

func TestFitbitUnits(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.WeighIn(at(t, "2026-11-20T07:14:09+01:00"), 78.42, 0)
	for language, want := range map[string][3]any{
		"": {78.4, "78.4", 178.0}, "metric": {78.4, "78.4", 178.0}, "en-US": {78.4, "78.4", 178.0}, "en_US": {172.9, "172.9", 70.1}, "en_GB": {12.349, "12.349", 178.0},
	} {
		entry := decode[struct{ Weight []struct{ Weight float64 } }](l.read("body/log/weight/date/today/1d", tok, "Accept-Language", language).want(200))
		series := decode[map[string][]struct{ Value string }](l.read("body/weight/date/today/1d", tok, "Accept-Language", language).want(200))
		user := decode[struct {
			User struct{ Weight, Height float64 }
		}](l.read("profile", tok, "Accept-Language", language).want(200)).User
		if got := [3]any{entry.Weight[0].Weight, series["body-weight"][0].Value, user.Height}; got != want || user.Weight != want[0] {
			t.Errorf("%q: got %v and %+v, want %v", language, got, user, want)
		}
	}
}

func TestFitbitLogRanges(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	for _, c := range []struct{ dates, weight, fat, hrv, field string }{
		{dates: "2026-11-20"},
		{dates: "2009-01-01"},
		{dates: "2026-10-21/2026-11-20", fat: "x", hrv: "x", field: "endDate"}, // 31 days
		{dates: "2026-10-22/2026-11-20"},
		{dates: "2026-10-20/2026-11-20", weight: "x", fat: "x", hrv: "x", field: "endDate"},
		{dates: "2026-11-20/today"},
		{dates: "today/2026-12-01"},
		{dates: "2026-11-20/1d", hrv: "x", field: "period"},
		{dates: "today/7d", hrv: "x", field: "period"},
		{dates: "today/1w", hrv: "x", field: "period"},
		{dates: "2026-11-20/30d", hrv: "x", field: "period"},
		{dates: "2026-11-20/1m", hrv: "x", field: "period"},
		{dates: "2026-11-20/3m", weight: "x", fat: "x", hrv: "x", field: "period"},
		{dates: "2026-11-20/max", weight: "x", fat: "x", hrv: "x", field: "period"},
		{dates: "today", weight: "x", fat: "x", hrv: "x", field: "date"},
		{dates: "2008-12-31", weight: "x", fat: "x", hrv: "x", field: "date"},
		{dates: "2008-12-31/2009-01-02", weight: "x", fat: "x", hrv: "x", field: "date"},
		{dates: "2026-02-29", weight: "x", fat: "x", hrv: "x", field: "date"},
		{dates: "2026-11-20/2026-11-31", weight: "x", fat: "x", hrv: "x", field: "date"},
		{dates: "2026-11-20/2026-11-19", weight: "x", fat: "x", hrv: "x", field: "endDate"},
	} {
		for path, refused := range map[string]string{"body/log/weight/date/": c.weight, "body/log/fat/date/": c.fat, "hrv/date/": c.hrv} {
			if a := l.read(path+c.dates, tok); refused == "" {
				a.want(200)
			} else {
				a.fails(400, "validation", c.field)
			}
		}
		l.clock.Advance(3 * time.Minute) // for the budget
	}
	if message := l.read("body/log/weight/date/today/max", tok).fails(400, "validation", "period"); message != "Invalid period: max" {
		t.Errorf("got %s", message)
	}
}

func TestFitbitPeriodsEndWithTheDate(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	for d := day(t, "2025-11-01"); d.Before(day(t, "2026-11-20")); d = d.AddDays(1) {
		l.anna.WeighIn(d.Start(zone(t, "Europe/Berlin")).Add(7*time.Hour), 80, 0)
	}
	for period, days := range map[string]int{"1d": 1, "7d": 7, "1w": 7, "30d": 30, "1m": 31, "3m": 92, "6m": 184, "1y": 365, "max": 374} {
		got := decode[map[string][]struct{ DateTime string }](l.read("body/weight/date/2026-11-09/"+period, tok).want(200))["body-weight"]
		if len(got) != days || got[days-1].DateTime != "2026-11-09" {
			t.Errorf("%s: got %d days, want %d", period, len(got), days)
		}
	}
}

func TestFitbitSeries(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.WeighIn(at(t, "2026-11-18T07:00:00+01:00"), 78, 24.37)
	l.anna.WeighIn(at(t, "2026-11-20T07:00:00+01:00"), 78.3, 0)
	l.anna.WeighIn(at(t, "2026-11-20T07:05:00+01:00"), 78.42, 24.2)
	l.anna.AddWeight(fakecloud.Point{At: at(t, "2026-11-19T07:00:00+01:00"), Value: math.NaN()})
	l.read("body/log/weight/date/2026-11-19", tok).want(200).wantBody(`{"weight":[{"bmi":null,"date":"2026-11-19","logId":1795071600000,"source":"API","time":"07:00:00","weight":null}]}`)
	for path, want := range map[string]string{
		"body/weight/date/today/7d":              `{"body-weight":[{"dateTime":"2026-11-18","value":"78"},{"dateTime":"2026-11-20","value":"78.4"}]}`,
		"body/fat/date/2026-11-17/2026-11-19":    `{"body-fat":[{"dateTime":"2026-11-18","value":"24.4"}]}`,
		"body/bmi/date/2024-01-01/2026-11-20":    `{"body-bmi":[{"dateTime":"2026-11-18","value":"24.62"},{"dateTime":"2026-11-20","value":"24.75"}]}`,
		"body/weight/date/2026-11-01/2026-11-10": `{"body-weight":[]}`,
	} {
		l.read(path, tok).want(200).wantBody(want)
	}
	for _, path := range []string{"body/weight/date/2026-10-20/2026-11-20", "body/fat/date/2026-10-21/2026-11-20", "body/bmi/date/2023-11-01/2026-11-20", "activities/heart/date/2025-11-01/2026-11-20"} {
		l.read(path, tok).fails(422, "validation", "Request")
	}
}

func TestFitbitEmptiness(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	for shape, want := range map[fakecloud.Emptiness]string{
		fakecloud.EmptyList: `{%q:[]}`, fakecloud.EmptyObject: `{}`, fakecloud.EmptyArray: `[]`, fakecloud.EmptyNull: `{%q:null}`,
	} {
		l.cloud.SetFitbit(fakecloud.FitbitOptions{Empty: shape})
		for path, key := range map[string]string{
			"body/log/weight/date/2026-11-20": "weight", "body/log/fat/date/today/7d": "fat", "body/weight/date/today/7d": "body-weight",
			"hrv/date/2026-11-20": "hrv", "activities/heart/date/2026-12-01/2026-12-02": "activities-heart",
		} {
			if len(want) > 2 {
				l.read(path, tok).want(200).wantBody(fmt.Sprintf(want, key))
				continue
			}
			l.read(path, tok).want(200).wantBody(want)
		}
	}
}

func TestFitbitSources(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	when := at(t, "2026-11-20T07:00:00+01:00")
	id, _ := l.anna.WeighIn(when, 70, 20)
	for i, p := range []fakecloud.Point{
		{},
		{Device: "Aria", Manufacturer: "Fitbit", FormFactor: "SCALE"},
		{Device: "Body+", Manufacturer: "Withings", FormFactor: "SCALE"},
		{Device: "Index S2", Manufacturer: "Garmin", FormFactor: "SCALE", Recorded: "ACTIVELY_MEASURED"},
		{Recorded: "DERIVED", Platform: "HEALTH_CONNECT", App: "com.other"},
	} {
		p.At, p.Value = when.Add(time.Duration(i+1)*time.Minute), 71+float64(i)
		l.anna.AddWeight(p)
	}
	sources := func() string {
		var all []string
		for _, e := range decode[struct{ Weight []struct{ Source string } }](l.read("body/log/weight/date/2026-11-20", tok).want(200)).Weight {
			all = append(all, e.Source)
		}
		return strings.Join(all, " ")
	}
	if got := sources(); got != "AriaAir API Aria Withings API API" {
		t.Errorf("got %s", got)
	}
	l.anna.EditWeight(id, 70.5)
	if got := sources(); got != "API API Aria Withings API API" {
		t.Errorf("after the edit got %s", got)
	}
}

// TestFitbitEntriesWithoutATime are filed under the last second of the day in which
// they were made, in both clouds, and are there at once.
func TestFitbitEntriesWithoutATime(t *testing.T) {
	l := newFitbitLab(t)
	tok, google := l.fitbitSignIn("23FAKE", "anna").AccessToken, l.signIn("anna").AccessToken
	l.anna.AddWeight(fakecloud.Point{At: l.clock.Now(), Value: 80, Untimed: true})
	l.anna.AddWeight(fakecloud.Point{At: l.clock.Now().Add(time.Second), Value: 79, Untimed: true})
	const row = `{"bmi":%v,"date":"2026-11-20","logId":1795219199000,"source":"API","time":"23:59:59","weight":%d}`
	l.read("body/log/weight/date/2026-11-20", tok).want(200).wantBody(`{"weight":[` + fmt.Sprintf(row, 25.25, 80) + `]}`)
	if got := l.points("weight", google); len(got) != 1 || !got[0].Weight.SampleTime.PhysicalTime.Equal(at(t, "2026-11-20T23:59:59+01:00")) || got[0].Weight.SampleTime.UTCOffset != "3600s" {
		t.Errorf("Google shows %+v", got)
	}
	l.clock.Advance(time.Second) // the ids collide
	l.read("body/log/weight/date/2026-11-20", tok).want(200).wantBody(`{"weight":[` + fmt.Sprintf(row, 25.25, 80) + "," + fmt.Sprintf(row, 24.93, 79) + `]}`)
}

// TestFitbitTimesFloat: the digits stay what the wall clock showed, whatever zone the
// person goes to.
func TestFitbitTimesFloat(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.WeighIn(at(t, "2026-11-20T12:30:00+01:00"), 78, 0)
	l.anna.SetLocation(zone(t, "America/New_York"))
	l.anna.WeighIn(at(t, "2026-11-20T07:00:00-05:00"), 79, 0) // half an hour later, five and a half before
	got := decode[struct{ Weight []struct{ Date, Time string } }](l.read("body/log/weight/date/today/1d", tok).want(200)).Weight
	if len(got) != 2 || got[0].Time != "07:00:00" || got[1].Time != "12:30:00" {
		t.Errorf("got %v", got)
	}
	user := decode[struct {
		User struct {
			Timezone            string
			OffsetFromUTCMillis int
		}
	}](l.read("profile", tok).want(200)).User
	if user.Timezone != "America/New_York" || user.OffsetFromUTCMillis != -18_000_000 {
		t.Errorf("got %+v", user)
	}
	l.clock.Set(at(t, "2026-11-21T03:00:00Z")) // still yesterday in New York
	tok = l.fitbitSignIn("23FAKE", "anna").AccessToken
	if got := decode[struct{ Weight []struct{ Date string } }](l.read("body/log/weight/date/today/1d", tok).want(200)).Weight; len(got) != 2 {
		t.Errorf("got %v, want those of the 20th", got)
	}
}
