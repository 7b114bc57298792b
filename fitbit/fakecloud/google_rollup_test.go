package fakecloud_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func civilRange(start, end string) string {
	date := func(s string) string {
		var y, m, d int
		fmt.Sscanf(s, "%d-%d-%d", &y, &m, &d)
		return fmt.Sprintf(`{"date":{"year":%d,"month":%d,"day":%d}}`, y, m, d)
	}
	return `"range":{"start":` + date(start) + `,"end":` + date(end) + `}`
}

func TestDailyRollUpByCivilDays(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	l.anna.AddHeartSample(at(t, "2026-11-17T22:59:59Z"), 40) // still the 17th in Berlin
	l.anna.AddHeartSample(at(t, "2026-11-17T23:00:00Z"), 51)
	l.anna.AddHeartSample(at(t, "2026-11-18T22:59:59Z"), 143)
	l.anna.AddHeartSample(at(t, "2026-11-18T12:00:00Z"), 60)
	l.anna.AddHeartSample(at(t, "2026-11-20T11:00:00Z"), 70) // the running day
	l.anna.AddHeartSample(at(t, "2026-11-20T13:00:00Z"), 99) // to come

	row := func(day, avg, low, high int) string {
		return fmt.Sprintf(`{"civilStartTime":{"date":{"year":2026,"month":11,"day":%d},"time":{}},"civilEndTime":{"date":{"year":2026,"month":11,"day":%d},"time":{}},`+
			`"heartRate":{"beatsPerMinuteAvg":%d.666666666666667,"beatsPerMinuteMin":%d,"beatsPerMinuteMax":%d}}`, day, day+1, avg, low, high)
	}
	today := strings.ReplaceAll(row(20, 70, 70, 70), ".666666666666667", "")
	ask := func(start, end, more string) answer {
		return l.do("POST", "/v4/users/me/dataTypes/heart-rate/dataPoints:dailyRollUp?prettyPrint=false", tok, "application/json", "{"+civilRange(start, end)+more+"}")
	}
	// The 19th has no row: nothing was worn.
	want := `{"rollupDataPoints":[` + strings.ReplaceAll(row(18, 84, 51, 143), "84.666666666666667", "84.66666666666667") + `,` + today + `]}`
	ask("2026-11-18", "2026-11-21", `,"windowSizeDays":1`).want(200).wantBody(want)
	ask("2026-11-18", "2026-11-21", "").want(200).wantBody(want)
	ask("2026-11-20", "2026-11-21", "").want(200).wantBody(`{"rollupDataPoints":[` + today + `]}`)
	ask("2026-11-19", "2026-11-20", "").want(200).wantBody(`{}`) // the end is not included

	two := ask("2026-11-18", "2026-11-21", `,"windowSizeDays":2`).want(200).body
	if strings.Count(two, "heartRate") != 2 || !strings.Contains(two, `"civilEndTime":{"date":{"year":2026,"month":11,"day":21}`) {
		t.Errorf("windows of two days: got %s", two)
	}
}

func TestDailyRollUpOfZones(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	l.anna.SetZones(day(t, "2026-11-18"), map[string]time.Duration{"PEAK": time.Second, "LIGHT": 25 * time.Minute, "SUPER": 90 * time.Minute})
	l.anna.SetZones(day(t, "2026-11-19"), nil) // worn, no zone reached
	got := l.do("POST", "/v4/users/me/dataTypes/time-in-heart-rate-zone/dataPoints:dailyRollUp?prettyPrint=false", tok, "application/json",
		"{"+civilRange("2026-11-17", "2026-11-21")+"}").want(200).body
	for _, want := range []string{
		`"timeInHeartRateZone":{"timeInHeartRateZones":[{"heartRateZone":"LIGHT","duration":"1500s"},{"heartRateZone":"PEAK","duration":"1s"},{"heartRateZone":"SUPER","duration":"5400s"}]}}`,
		`"timeInHeartRateZone":{}}]}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	if strings.Count(got, "civilStartTime") != 2 {
		t.Errorf("days not worn have a row: %s", got)
	}
}

func TestRollUpByWindows(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	for minute, bpm := range map[int]int{0: 60, 14: 70, 15: 80, 31: 90} {
		l.anna.AddHeartSample(at(t, "2026-11-20T08:00:00Z").Add(time.Duration(minute)*time.Minute), bpm)
	}
	l.anna.WeighIn(at(t, "2026-11-20T08:01:00Z"), 78.1, 24)
	l.anna.WeighIn(at(t, "2026-11-20T08:02:00Z"), 78.2, 25)
	const body = `{"range":{"startTime":"2026-11-20T08:00:00Z","endTime":"2026-11-20T08:40:00Z"},"windowSize":"900s"}`
	ask := func(dataType string) answer {
		return l.do("POST", "/v4/users/me/dataTypes/"+dataType+"/dataPoints:rollUp?prettyPrint=false", tok, "application/json", body)
	}
	ask("heart-rate").want(200).wantBody(`{"rollupDataPoints":[` +
		`{"startTime":"2026-11-20T08:00:00Z","endTime":"2026-11-20T08:15:00Z","heartRate":{"beatsPerMinuteAvg":65,"beatsPerMinuteMin":60,"beatsPerMinuteMax":70}},` +
		`{"startTime":"2026-11-20T08:15:00Z","endTime":"2026-11-20T08:30:00Z","heartRate":{"beatsPerMinuteAvg":80,"beatsPerMinuteMin":80,"beatsPerMinuteMax":80}},` +
		`{"startTime":"2026-11-20T08:30:00Z","endTime":"2026-11-20T08:40:00Z","heartRate":{"beatsPerMinuteAvg":90,"beatsPerMinuteMin":90,"beatsPerMinuteMax":90}}]}`)
	ask("weight").want(200).wantBody(`{"rollupDataPoints":[{"startTime":"2026-11-20T08:00:00Z","endTime":"2026-11-20T08:15:00Z","weight":{"weightGramsAvg":78150}}]}`)
	ask("body-fat").want(200).wantBody(`{"rollupDataPoints":[{"startTime":"2026-11-20T08:00:00Z","endTime":"2026-11-20T08:15:00Z","bodyFat":{"bodyFatPercentageAvg":24.5}}]}`)
}

func TestRollUpsRefused(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	span := func(end, window string) string {
		return `{"range":{"startTime":"2026-11-01T00:00:00Z","endTime":"` + end + `"},"windowSize":"` + window + `"}`
	}
	l.rollUp("heart-rate", "rollUp", tok, span("2026-11-15T00:00:00Z", "900s")).want(200)
	l.rollUp("heart-rate", "dailyRollUp", tok, "{"+civilRange("2026-11-01", "2026-11-15")+`,"pageSize":14}`).want(200)
	l.rollUp("time-in-heart-rate-zone", "dailyRollUp", tok, "{"+civilRange("2026-08-01", "2026-10-30")+"}").want(200)
	for _, c := range []struct{ dataType, verb, body, reason string }{
		{"heart-rate", "rollUp", span("2026-11-15T00:00:01Z", "900s"), "INVALID_ROLLUP_QUERY_DURATION"},
		{"weight", "rollUp", span("2027-02-01T00:00:00Z", "900s"), "INVALID_ROLLUP_QUERY_DURATION"},
		{"heart-rate", "rollUp", span("2026-11-02T00:00:00Z", "0.5s"), "INVALID_ROLLUP_WINDOW"},
		{"heart-rate", "rollUp", span("2026-11-02T00:00:00Z", "15m"), "INVALID_ROLLUP_WINDOW"},
		{"heart-rate", "rollUp", span("2026-11-01T00:00:00Z", "900s"), "INVALID_TIME_RANGE"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-16") + "}", "INVALID_ROLLUP_QUERY_DURATION"},
		{"time-in-heart-rate-zone", "dailyRollUp", "{" + civilRange("2026-08-01", "2026-10-31") + "}", "INVALID_ROLLUP_QUERY_DURATION"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"pageSize":15}`, "INVALID_ROLLUP_QUERY_DURATION"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"pageSize":8,"windowSizeDays":2}`, "INVALID_ROLLUP_QUERY_DURATION"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"pageSize":3}`, "INVALID_DATA_POINT_NAME"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"windowSizeDays":0}`, "INVALID_ROLLUP_WINDOW"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-01") + "}", "INVALID_TIME_RANGE"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-31") + "}", "INVALID_CIVIL_DATE_TIME"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"pageToken":"x"}`, "INVALID_PAGE_TOKEN"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"dataSourceFamily":"mine"}`, "INVALID_DATA_POINT_DATA_SOURCE_FAMILY"},
		{"heart-rate", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + `,"window":1}`, ""},
		{"heart-rate", "dailyRollUp", `{"range":`, ""},
		{"height", "dailyRollUp", "{" + civilRange("2026-11-01", "2026-11-05") + "}", "UNSUPPORTED_DATA_TYPE_ACTION"},
		{"daily-resting-heart-rate", "rollUp", span("2026-11-02T00:00:00Z", "900s"), "UNSUPPORTED_DATA_TYPE_ACTION"},
	} {
		t.Run(c.dataType+" "+c.body, func(*testing.T) {
			l.rollUp(c.dataType, c.verb, tok, c.body).refused(400, "INVALID_ARGUMENT", c.reason)
		})
	}
	for _, verb := range []string{"rollUp", "dailyRollUp"} {
		l.do("POST", "/v4/users/"+l.anna.User()+"/dataTypes/heart-rate/dataPoints:"+verb, tok, "application/json", "{}").refused(400, "INVALID_ARGUMENT", "")
		l.get("/v4/users/me/dataTypes/heart-rate/dataPoints:"+verb, tok).want(404)
	}
}
