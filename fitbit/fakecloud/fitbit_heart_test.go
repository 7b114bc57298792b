package fakecloud_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// heartDays is an answer about days, as far as most tests care.
type heartDays struct {
	Days []struct {
		DateTime string
		Value    struct {
			CustomHeartRateZones []any
			HeartRateZones       []struct {
				CaloriesOut *float64
				Min, Max    int
				Minutes     *int
				Name        string
			}
			RestingHeartRate *int
		}
	} `json:"activities-heart"`
}

// intraday is the part of an answer that holds samples.
type intraday struct {
	Block struct {
		Dataset []struct {
			Time  string
			Value int
		}
		DatasetInterval int
		DatasetType     string
	} `json:"activities-heart-intraday"`
}

func (i intraday) String() string {
	all := []string{strconv.Itoa(i.Block.DatasetInterval) + i.Block.DatasetType}
	for _, p := range i.Block.Dataset {
		all = append(all, p.Time+"="+strconv.Itoa(p.Value))
	}
	return strings.Join(all, " ")
}

func TestFitbitHeartDays(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.SetResting(day(t, "2026-11-18"), 58)
	l.anna.SetZones(day(t, "2026-11-18"), map[string]time.Duration{"LIGHT": 31 * time.Minute, "MODERATE": 12 * time.Minute, "PEAK": 4*time.Minute + 59*time.Second, "NEW": 2 * time.Minute})
	l.anna.SetZones(day(t, "2026-11-19"), nil)
	got := decode[heartDays](l.read("activities/heart/date/2026-11-17/2026-11-21", tok).want(200)).Days
	if len(got) != 4 { // tomorrow has not begun
		t.Fatalf("got %+v", got)
	}
	for i, want := range [][]int{nil, {33, 12, 0, 4}, {0, 0, 0, 0}, nil} {
		d := got[i]
		if d.DateTime != day(t, "2026-11-17").AddDays(i).String() || (d.Value.RestingHeartRate != nil) != (i == 1) || d.Value.CustomHeartRateZones == nil || len(d.Value.HeartRateZones) != 4 {
			t.Fatalf("got %+v", d)
		}
		least := 30
		for j, z := range d.Value.HeartRateZones {
			if z.Name != []string{"Out of Range", "Fat Burn", "Cardio", "Peak"}[j] || z.Min != least || z.Max <= z.Min {
				t.Errorf("%s: got zone %+v", d.DateTime, z)
			}
			least = z.Max
			if (z.Minutes == nil) != (want == nil) || (z.CaloriesOut == nil) != (want == nil) || want != nil && *z.Minutes != want[j] {
				t.Errorf("%s: got zone %+v, want %v minutes", d.DateTime, z, want)
			}
		}
		if least != 220 {
			t.Errorf("the highest rate is %d", least)
		}
	}
	if *got[1].Value.RestingHeartRate != 58 {
		t.Errorf("got %+v", got[1])
	}
	l.anna.NotWorn(day(t, "2026-11-18"))
	body := l.read("activities/heart/date/2026-11-18/1d", tok).want(200).body
	for _, absent := range []string{"minutes", "caloriesOut", "restingHeartRate"} {
		if strings.Contains(body, absent) {
			t.Errorf("a day without the tracker has %s: %s", absent, body)
		}
	}
	if n := len(decode[heartDays](l.read("activities/heart/date/2025-11-20/2026-11-20", tok).want(200)).Days); n != 366 {
		t.Errorf("got %d days of a year and one", n)
	}
}

func TestFitbitIntraday(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	for when, bpm := range map[string]int{
		"2026-11-19T23:59:59+01:00": 50, "2026-11-20T00:00:00+01:00": 60, "2026-11-20T09:59:55+01:00": 70, "2026-11-20T10:00:00+01:00": 80,
		"2026-11-20T10:00:05+01:00": 81, "2026-11-20T10:04:00+01:00": 90, "2026-11-20T14:00:00+01:00": 200,
	} {
		l.anna.AddHeartSample(at(t, when), bpm)
	}
	for d := day(t, "2026-11-18"); d.Before(day(t, "2026-11-21")); d = d.AddDays(1) {
		l.anna.SetResting(d, 55)
	}
	for path, want := range map[string]string{
		"2026-11-20/1d/1sec":                          "1second 00:00:00=60 09:59:55=70 10:00:00=80 10:00:05=81 10:04:00=90",
		"today/1d/1min":                               "1minute 00:00:00=60 09:59:00=70 10:00:00=81 10:04:00=90",
		"2026-11-20/1d/5min":                          "5minute 00:00:00=60 09:55:00=70 10:00:00=84",
		"2026-11-20/1d/15min":                         "15minute 00:00:00=60 09:45:00=70 10:00:00=84",
		"2026-11-20/1d/1sec/time/09:59/10:00":         "1second 09:59:55=70 10:00:00=80",
		"2026-11-20/2026-11-20/1sec":                  "1second 00:00:00=60 09:59:55=70 10:00:00=80 10:00:05=81 10:04:00=90",
		"2026-11-19/2026-11-20/1min/time/23:00/09:59": "1minute 23:59:00=50 00:00:00=60",
		"2026-11-19/2026-11-20/1sec/time/10:01/10:01": "1second 23:59:59=50 00:00:00=60 09:59:55=70 10:00:00=80 10:00:05=81",
		"2026-11-18/1d/1min":                          "1minute",
		"2026-11-20/2026-11-20/1min/time/10:04/10:04": "1minute 10:04:00=90",
		"2026-11-19/1d/1sec/time/23:59/23:59":         "1second",
		"2026-11-20/1d/15min/time/00:00/23:59":        "15minute 00:00:00=60 09:45:00=70 10:00:00=84",
		"2026-11-20/2026-11-20/1sec/time/00:00/00:00": "1second 00:00:00=60",
		"2026-11-19/2026-11-20/1sec/time/00:00/00:00": "1second 23:59:59=50 00:00:00=60",
	} {
		a := l.read("activities/heart/date/"+path, tok).want(200)
		if got := decode[intraday](a).String(); got != want {
			t.Errorf("%s: got %s\nwant %s", path, got, want)
		}
		if flat := !strings.Contains(a.body, `"restingHeartRate":55}`); flat != (strings.Contains(path, "/1d/") && strings.Contains(path, "/time/")) {
			t.Errorf("%s: got %s", path, a.body)
		}
	}
	for path, field := range map[string]string{
		"2026-11-20/1d/10sec": "detailLevel", "2026-11-20/2026-11-20/5min": "detailLevel", "2026-11-20/7d/1min": "period",
		"2026-11-18/2026-11-20/1min/time/00:00/00:00": "endDate", "2026-11-19/2026-11-20/1min": "endDate", "2026-11-19/2026-11-20/1min/time/10:00/10:01": "endDate",
		"2026-11-20/1d/1min/time/10:00/09:59": "time", "2026-11-20/1d/1min/time/10:00/24:00": "time",
	} {
		l.read("activities/heart/date/"+path, tok).fails(400, "validation", field)
	}
}

// TestFitbitIntradayNeedsApproval: without it, all is well and there is nothing.
func TestFitbitIntradayNeedsApproval(t *testing.T) {
	l := newFitbitLab(t)
	l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
	for _, c := range []struct {
		client, person string
		want           bool
	}{
		{"23FAKE", "anna", true},
		{"23FAKE", "bert", true},
		{"23SERV", "anna", false},
		{"23CLNT", "anna", false},
		{"23OKAY", "anna", true},
		{"23MINE", "anna", false},
		{"23MINE", "bert", true},
	} {
		body := l.read("activities/heart/date/today/1d/1sec", l.fitbitSignIn(c.client, c.person).AccessToken).want(200).body
		if strings.Contains(body, `"activities-heart-intraday":{"dataset":[],`) != c.want || strings.Contains(body, "intraday") != c.want || !strings.Contains(body, `"activities-heart":[{`) {
			t.Errorf("%s reads of %s: %s", c.client, c.person, body)
		}
	}
}

func TestFitbitVariability(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.SetHRV(day(t, "2026-11-17"), 41.2)
	l.anna.SetHRV(day(t, "2026-11-18"), math.NaN())
	l.anna.SetHRV(day(t, "2026-11-20"), 0)
	for path, want := range map[string]string{
		"2026-11-17": `{"hrv":[{"value":{"dailyRmssd":41.2,"deepRmssd":45.3},"dateTime":"2026-11-17"}]}`,
		"2026-11-17/2026-11-20": `{"hrv":[{"value":{"dailyRmssd":41.2,"deepRmssd":45.3},"dateTime":"2026-11-17"},` +
			`{"value":{"dailyRmssd":null,"deepRmssd":null},"dateTime":"2026-11-18"},{"value":{},"dateTime":"2026-11-20"}]}`,
		"2026-11-19": `{"hrv":[]}`,
	} {
		l.read("hrv/date/"+path, tok).want(200).wantBody(want)
	}
}

// TestFitbitHourThatStrikesTwice: nothing tells the two apart.
func TestFitbitHourThatStrikesTwice(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.AddHeartSample(at(t, "2026-10-25T02:30:00+02:00"), 60)
	l.anna.AddHeartSample(at(t, "2026-10-25T02:10:00+01:00"), 70)
	l.anna.AddHeartSample(at(t, "2026-10-25T02:30:00+01:00"), 90)
	got := decode[intraday](l.read("activities/heart/date/2026-10-25/1d/1min", tok).want(200)).String()
	if want := "1minute 02:10:00=70 02:30:00=75"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
