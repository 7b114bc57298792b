package googlehealth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestRollUpRanges: at most 13 days of heart rates at once, the day after the
// last as the end, numbers without leading zeros, and no page size.
func TestRollUpRanges(t *testing.T) {
	for _, c := range []struct {
		metric fitbit.Metric
		want   []string
	}{
		{fitbit.HeartRange, []string{"2026-10-22 2026-11-4", "2026-11-4 2026-11-17", "2026-11-17 2026-11-21"}},
		{fitbit.HeartZones, []string{"2026-10-22 2026-11-21"}},
	} {
		var got []string
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var body map[string]json.RawMessage
			var span map[string]map[string]map[string]json.Number
			if json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal(body["range"], &span) != nil {
				t.Error("the request is not the JSON it should be")
			}
			if len(body) != 2 || string(body["windowSizeDays"]) != "1" || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/dataPoints:dailyRollUp") {
				t.Errorf("request is %s %s with %s", r.Method, r.URL, body)
			}
			text := func(d map[string]json.Number) string { return fmt.Sprintf("%s-%s-%s", d["year"], d["month"], d["day"]) }
			got = append(got, text(span["start"]["date"])+" "+text(span["end"]["date"]))
			sayJSON("{}")(w, r)
		})
		if _, err := client.HeartDays(t.Context(), c.metric, day(t, "2026-10-22"), day(t, "2026-11-20")); err != nil {
			t.Error(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: ranges are %q, want %q", c.metric, got, c.want)
		}
	}
}

const (
	row20 = `"civilStartTime": {"date": {"year": 2026, "month": 11, "day": 20}, "time": {}}`
	row21 = `"civilStartTime": {"date": {"year": 2026, "month": 11, "day": 21}, "time": {}}`
)

// TestRangeInEveryForm: one row each, of 20 November, and the range that it is.
func TestRangeInEveryForm(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{"as documented", `{` + row20 + `, "heartRate": {"beatsPerMinuteAvg": 69.8, "beatsPerMinuteMin": 51, "beatsPerMinuteMax": 143}}`, "51 69.8 143"},
		{"in quotes", `{` + row20 + `, "heartRate": {"beatsPerMinuteAvg": "69.8", "beatsPerMinuteMin": "51", "beatsPerMinuteMax": "143"}}`, "51 69.8 143"},
		{"NaN", `{` + row20 + `, "heartRate": {"beatsPerMinuteAvg": "NaN", "beatsPerMinuteMin": 51, "beatsPerMinuteMax": 143}}`, "51 - 143"},
		{"nothing known", `{` + row20 + `, "heartRate": {"beatsPerMinuteAvg": "NaN", "beatsPerMinuteMin": "NaN"}}`, ""},
		{"impossible", `{` + row20 + `, "heartRate": {"beatsPerMinuteAvg": 0, "beatsPerMinuteMin": -4, "beatsPerMinuteMax": 301}}`, ""},
		{"an inclusive end", `{` + row20 + `, "heartRate": {"beatsPerMinuteMin": 51}}, {` + row21 + `, "heartRate": {"beatsPerMinuteMin": 52}}`, "51 - -"},
		{"no such day", `{"civilStartTime": {"date": {"year": 2026, "month": 11, "day": 31}}, "heartRate": {"beatsPerMinuteMin": 51}}`, ""},
		{"another type", `{` + row20 + `, "weight": {"weightGramsAvg": 78000}}`, ""},
	} {
		list, err := serve(t, sayJSON(`{"rollupDataPoints": [`+c.rows+`]}`)).HeartDays(t.Context(), fitbit.HeartRange, day(t, "2026-11-20"), day(t, "2026-11-20"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(list) > 1 {
			t.Errorf("%s: ranges are %v, want one", c.name, list)
		}
		got := ""
		for _, d := range list {
			got = known(d.MinBPM) + " " + known(d.AvgBPM) + " " + known(d.MaxBPM)
		}
		if got != c.want {
			t.Errorf("%s: the range is %q, want %q", c.name, got, c.want)
		}
	}
}

func known[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

// TestZonesInEveryForm: a zone that is missing was not entered, a row that is
// missing means that the tracker was not worn.
func TestZonesInEveryForm(t *testing.T) {
	for _, c := range []struct{ name, zones, want string }{
		{"as documented", `{"heartRateZone": "LIGHT", "duration": "1500s"}, {"heartRateZone": "PEAK", "duration": "29.6s"}`, "25 0 0 0"},
		{"one nobody knows", `{"heartRateZone": "TURBO", "duration": "1500s"}, {"heartRateZone": "VIGOROUS", "duration": "60s"}`, "0 0 1 0"},
		{"none", "", "0 0 0 0"},
		{"no duration", `{"heartRateZone": "LIGHT"}, {"heartRateZone": "MODERATE", "duration": "NaNs"}`, "0 0 0 0"},
		{"less than nothing", `{"heartRateZone": "LIGHT", "duration": "-60s"}`, "0 0 0 0"},
		{"more than a day", `{"heartRateZone": "LIGHT", "duration": "9000000s"}`, "1500 0 0 0"},
	} {
		list, err := serve(t, sayJSON(`{"rollupDataPoints": [{`+row20+`, "timeInHeartRateZone": {"timeInHeartRateZones": [`+c.zones+`]}}]}`)).
			HeartDays(t.Context(), fitbit.HeartZones, day(t, "2026-11-20"), day(t, "2026-11-20"))
		if err != nil || len(list) != 1 {
			t.Errorf("%s: days are %v (%v), want one", c.name, list, err)
			continue
		}
		z := list[0].Zones
		if got := fmt.Sprint(*z.Light, z.Moderate, z.Vigorous, z.Peak); got != c.want || z.OutOfRange != nil {
			t.Errorf("%s: zones are %s, want %s", c.name, got, c.want)
		}
	}
}

// TestDaysOnSeveralPages: neither rollups nor daily lists end with their first page.
func TestDaysOnSeveralPages(t *testing.T) {
	for m, pages := range map[fitbit.Metric][2]string{
		fitbit.HeartRange: {
			`{"rollupDataPoints": [{` + row20 + `, "heartRate": {"beatsPerMinuteMin": 51}}], "nextPageToken": "2"}`,
			`{"rollupDataPoints": [{` + row21 + `, "heartRate": {"beatsPerMinuteMin": 52}}]}`,
		},
		fitbit.RestingHeartRate: {
			`{"dataPoints": [{"dailyRestingHeartRate": {"date": {"year": 2026, "month": 11, "day": 21}, "beatsPerMinute": "58"}}], "nextPageToken": "2"}`,
			`{"dataPoints": [{"dailyRestingHeartRate": {"date": {"year": 2026, "month": 11, "day": 20}, "beatsPerMinute": "58"}}]}`,
		},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var body struct {
				PageToken string `json:"pageToken"`
			}
			_ = json.NewDecoder(r.Body).Decode(&body) // a GET has none
			page := pages[0]
			if body.PageToken == "2" || r.URL.Query().Get("pageToken") == "2" {
				page = pages[1]
			}
			sayJSON(page)(w, r)
		})
		list, err := c.HeartDays(t.Context(), m, day(t, "2026-11-20"), day(t, "2026-11-21"))
		if err != nil || len(list) != 2 || list[0].Date != day(t, "2026-11-20") {
			t.Errorf("%s: days are %v (%v), want two", m, list, err)
		}
	}
}

// TestDailyValuesInEveryForm: the fake cloud's oddities.
func TestDailyValuesInEveryForm(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	l.anna.SetHRV(day(t, "2026-11-17"), nan())
	l.anna.SetHRV(day(t, "2026-11-18"), 0) // a row without the average
	l.anna.SetHRV(day(t, "2026-11-19"), 41.2)
	list, err := l.client.HeartDays(t.Context(), fitbit.HRV, day(t, "2026-11-10"), day(t, "2026-11-20"))
	if err != nil || len(list) != 1 || *list[0].HRVMillis != 41.2 {
		t.Errorf("variabilities are %v (%v), want 41.2 ms", list, err)
	}
	l.anna.SetZones(day(t, "2026-11-19"), nil)
	l.anna.SetZones(day(t, "2026-11-20"), map[string]time.Duration{"TURBO": time.Hour, "PEAK": time.Minute})
	list, err = l.client.HeartDays(t.Context(), fitbit.HeartZones, day(t, "2026-11-18"), day(t, "2026-11-20"))
	if err != nil || len(list) != 2 || *list[0].Zones.Light != 0 || list[0].Zones.Peak != 0 || list[1].Zones.Peak != 1 {
		t.Errorf("zones are %v (%v), want nothing on the 19th and a minute on the 20th", list, err)
	}
}

// TestHourThatStrikesTwice: 25 hours, each with its own offset.
func TestHourThatStrikesTwice(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	d := day(t, "2026-10-25")
	in := fitbit.Window{From: d.Start(berlin(t)), To: d.AddDays(1).Start(berlin(t))}
	for i, when := 0, in.From; when.Before(in.To); i, when = i+1, when.Add(time.Hour) {
		l.anna.AddHeartSample(when, 60+i)
	}
	list, err := l.client.HeartSamples(t.Context(), in)
	if err != nil || len(list) != 25 {
		t.Fatalf("%d samples (%v), want 25", len(list), err)
	}
	for i, want := range map[int]string{2: "2026-10-25T02:00:00+02:00", 3: "2026-10-25T02:00:00+01:00", 24: "2026-10-25T23:00:00+01:00"} {
		if got := list[i].Time.Format(time.RFC3339); got != want || list[i].BPM != 60+i {
			t.Errorf("sample %d is of %s with %d bpm, want %s", i, got, list[i].BPM, want)
		}
	}
	days, err := l.client.HeartDays(t.Context(), fitbit.HeartRange, d, d)
	if err != nil || len(days) != 1 || *days[0].MinBPM != 60 || *days[0].MaxBPM != 84 {
		t.Errorf("ranges are %v (%v), want 60 to 84 bpm", days, err)
	}
}
