package fakecloud_test

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestWeighingIsTwoDataPoints(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	weight, fat := l.anna.WeighIn(at(t, "2026-11-20T06:14:09Z"), 78.42, 24.4)
	const source = `"dataSource":{"recordingMethod":"ACTIVELY_MEASURED","platform":"FITBIT","device":{"displayName":"Aria Air","manufacturer":"Fitbit","formFactor":"SCALE"}}`
	const sampled = `"sampleTime":{"physicalTime":"2026-11-20T06:14:09Z","utcOffset":"3600s","civilTime":{"date":{"year":2026,"month":11,"day":20},"time":{"hours":7,"minutes":14,"seconds":9}}}`
	name := func(dataType, id string) string {
		return `"name":"users/` + l.anna.User() + `/dataTypes/` + dataType + `/dataPoints/` + id + `"`
	}
	l.list("weight", tok, "prettyPrint", "false").want(200).
		wantBody(`{"dataPoints":[{` + name("weight", weight) + `,` + source + `,"weight":{` + sampled + `,"weightGrams":78420}}]}`)
	l.list("body-fat", tok, "prettyPrint", "false").want(200).
		wantBody(`{"dataPoints":[{` + name("body-fat", fat) + `,` + source + `,"bodyFat":{` + sampled + `,"percentage":24.4}}]}`)

	if _, fat := l.anna.WeighIn(at(t, "2026-11-20T06:15:00Z"), 78.4, 0); fat != "" {
		t.Error("a weighing without body fat has one")
	}
	if !strings.Contains(l.list("weight", tok).want(200).body, "\n  ") {
		t.Error("not indented by default")
	}
}

func TestPointsInTheirVariety(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	midnight := at(t, "2026-11-19T23:00:00Z")
	l.anna.AddWeight(fakecloud.Point{At: midnight, Value: 78, ID: "1"})
	l.anna.AddWeight(fakecloud.Point{
		At: midnight.Add(-time.Minute), Value: math.NaN(), ID: "2", Bare: true,
		Recorded: "GUESSED", Platform: "HEALTH_CONNECT", FormFactor: "CARPET", App: "com.garmin",
	})
	name := `{"name":"users/` + l.anna.User() + `/dataTypes/weight/dataPoints/`
	l.list("weight", tok, "prettyPrint", "false").want(200).wantBody(`{"dataPoints":[` +
		name + `1","dataSource":{"recordingMethod":"MANUAL","platform":"FITBIT"},"weight":{"sampleTime":{"physicalTime":"2026-11-19T23:00:00Z",` +
		`"utcOffset":"3600s","civilTime":{"date":{"year":2026,"month":11,"day":20},"time":{}}},"weightGrams":78000}},` +
		name + `2","dataSource":{"recordingMethod":"GUESSED","platform":"HEALTH_CONNECT","device":{"formFactor":"CARPET"},"application":{"packageName":"com.garmin"}},` +
		`"weight":{"sampleTime":{"physicalTime":"2026-11-19T22:59:00Z"},"weightGrams":"NaN"}}]}`)
}

func TestOtherTypes(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	today := day(t, "2026-11-20")
	l.anna.AddHeartSample(at(t, "2026-11-20T11:00:00Z"), 64)
	l.anna.SetResting(today, 58)
	l.anna.SetHRV(today, 41.2)
	l.anna.SetZones(today, map[string]time.Duration{"LIGHT": 90 * time.Second})
	const date = `"date":{"year":2026,"month":11,"day":20}`
	for dataType, want := range map[string]string{
		"height":                       `"height":{"sampleTime":{"physicalTime":"2020-01-02T07:00:00Z","utcOffset":"3600s","civilTime":{"date":{"year":2020,"month":1,"day":2},"time":{"hours":8}}},"heightMillimeters":"1780"}`,
		"heart-rate":                   `"civilTime":{` + date + `,"time":{"hours":12}}},"beatsPerMinute":"64"}`,
		"daily-resting-heart-rate":     `{"recordingMethod":"DERIVED","platform":"FITBIT","device":{"displayName":"Inspire 3"}},"dailyRestingHeartRate":{` + date + `,"beatsPerMinute":"58","dailyRestingHeartRateMetadata":{"calculationMethod":"WITH_SLEEP"}}`,
		"daily-heart-rate-variability": `"dailyHeartRateVariability":{` + date + `,"averageHeartRateVariabilityMilliseconds":41.2,"deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds":45.3,"entropy":2.9,"nonRemHeartRateBeatsPerMinute":"55"}`,
		"daily-heart-rate-zones":       `"dailyHeartRateZones":{` + date + `,"heartRateZones":[{"heartRateZoneType":"LIGHT","minBeatsPerMinute":"106","maxBeatsPerMinute":"129"},{"heartRateZoneType":"MODERATE","minBeatsPerMinute":"130",`,
		"time-in-heart-rate-zone":      `"timeInHeartRateZone":{"interval":{"startTime":"2026-11-19T23:00:00Z","startUtcOffset":"3600s","endTime":"2026-11-19T23:01:30Z","endUtcOffset":"3600s","civilStartTime":{` + date + `,"time":{}},"civilEndTime":{` + date + `,"time":{"minutes":1,"seconds":30}}},"heartRateZoneType":"LIGHT"}`,
	} {
		body := l.list(dataType, tok, "prettyPrint", "false").want(200).body
		if !strings.Contains(body, want) || strings.Count(body, "dataSource") != 1 {
			t.Errorf("%s: got %s\nwant %s", dataType, body, want)
		}
		if named := strings.Contains(body, `"name"`); named != (dataType == "height") {
			t.Errorf("%s: named: %v", dataType, named)
		}
	}
}

func TestMissingAndOddDailyValues(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	l.anna.SetHRV(day(t, "2026-11-20"), math.NaN())
	l.anna.SetHRV(day(t, "2026-11-19"), 0)
	l.anna.SetHRV(day(t, "2026-11-21"), 40) // tomorrow
	body := l.list("daily-heart-rate-variability", tok, "prettyPrint", "false").want(200).body
	if strings.Count(body, `"date"`) != 2 || strings.Count(body, "averageHeart") != 1 || !strings.Contains(body, `"averageHeartRateVariabilityMilliseconds":"NaN"`) {
		t.Errorf("got %s", body)
	}
	l.list("daily-resting-heart-rate", tok).want(200).wantBody("{}\n")
}

func TestListChangesWithThePerson(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	first := at(t, "2026-11-18T06:00:00Z")
	weight, fat := l.anna.WeighIn(first, 78, 24)
	l.anna.WeighIn(first.Add(24*time.Hour), 77.9, 24)
	ids := regexp.MustCompile(`dataPoints/(\d+)`)
	firstListed := func() string { return ids.FindStringSubmatch(l.list("weight", tok).want(200).body)[1] }

	if !l.anna.EditWeight(weight, 66.6) || !strings.Contains(l.list("weight", tok).body, "66600") {
		t.Error("the edited weight is not shown")
	}
	if !l.anna.EditBodyFat(fat, 11.1) || !strings.Contains(l.list("body-fat", tok).body, "11.1") {
		t.Error("the edited body fat is not shown")
	}
	if firstListed() == weight {
		t.Error("not the newest first")
	}
	if !l.anna.MoveWeight(weight, first.Add(36*time.Hour)) || firstListed() != weight {
		t.Error("the moved weight is not the newest")
	}
	if !l.anna.DeleteWeight(weight) || firstListed() == weight || !l.anna.DeleteBodyFat(fat) {
		t.Error("the deleted weight is shown")
	}
	if l.anna.EditWeight(weight, 1) || l.anna.EditBodyFat("x", 1) || l.anna.MoveWeight(fat, first) || l.anna.DeleteWeight(weight) || l.anna.DeleteBodyFat(fat) {
		t.Error("what is not there was changed")
	}
	if again, _ := l.anna.WeighIn(first, 78, 24); again == weight {
		t.Error("the id of a deleted reading came back")
	}
}

func TestNothingIsShownBeforeItIsMeasured(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	later := l.clock.Now().Add(time.Second)
	l.anna.WeighIn(later, 78, 24)
	l.anna.AddHeartSample(later, 64)
	for _, dataType := range []string{"weight", "body-fat", "heart-rate"} {
		l.list(dataType, tok).want(200).wantBody("{}\n")
	}
	l.clock.Set(later)
	for _, dataType := range []string{"weight", "body-fat", "heart-rate"} {
		if len(decode[page](l.list(dataType, tok)).DataPoints) != 1 {
			t.Errorf("%s is not shown at its time", dataType)
		}
	}
}

func TestPagesLoseTiesAtTheirEdge(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	base := at(t, "2026-11-20T06:00:00Z")
	for i, minute := range []int{0, 1, 2, 2, 2, 3} { // newest first: 3 2 2 2 1 0
		l.anna.AddWeight(fakecloud.Point{At: base.Add(time.Duration(minute) * time.Minute), Value: float64(60 + i)})
	}
	var got []string
	params := []string{"pageSize", "2"}
	for range 9 {
		p := decode[page](l.list("weight", tok, params...).want(200))
		for _, dp := range p.DataPoints {
			got = append(got, fmt.Sprint(dp.Weight.WeightGrams))
		}
		if p.NextPageToken == "" {
			break
		}
		params = append(params[:2], "pageToken", p.NextPageToken)
	}
	if want := "65000 64000 61000 60000"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s: two of the three in minute 2 are lost", got, want)
	}
}

func TestPageTokenBelongsToItsParameters(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	for i := range 4 {
		l.anna.AddWeight(fakecloud.Point{At: l.clock.Now().Add(-time.Duration(i) * time.Hour), Value: 70})
	}
	next := decode[page](l.list("weight", tok, "pageSize", "2").want(200)).NextPageToken
	l.list("weight", tok, "pageSize", "2", "pageToken", next).want(200)
	for _, params := range [][]string{
		{"pageSize", "3", "pageToken", next},
		{"pageToken", next},
		{"pageSize", "2", "pageToken", next + "x"},
		{"pageSize", "2", "pageToken", next, "filter", `weight.sample_time.civil_time >= "2026-11-01"`},
	} {
		l.list("weight", tok, params...).refused(400, "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
	}
	l.list("body-fat", tok, "pageSize", "2", "pageToken", next).refused(400, "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
}

func TestPageSizes(t *testing.T) {
	l := newLab(t)
	bert := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert", HeartEvery: 5 * time.Second})
	bert.Generate(day(t, "2026-11-19"), day(t, "2026-11-19"))
	tok := l.signIn("bert").AccessToken
	for size, want := range map[string]int{"": 1440, "0": 1440, "7": 7, "20000": 10000} {
		params := []string{"prettyPrint", "false", "pageSize", size}
		if size == "" {
			params = params[:2]
		}
		body := l.list("heart-rate", tok, params...).want(200).body
		if got := strings.Count(body, `"beatsPerMinute"`); got != want || !strings.Contains(body, `"nextPageToken":"`) {
			t.Errorf("pageSize=%s: got %d samples of %d, or no token", size, got, want)
		}
	}
	for _, size := range []string{"-1", "many"} {
		l.list("heart-rate", tok, "pageSize", size).refused(400, "INVALID_ARGUMENT", "INVALID_PAGE_SIZE")
	}
}

func TestListIsStrict(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	l.list("weight", tok, "page_size", "2").refused(400, "INVALID_ARGUMENT", "")
	l.list("weight", tok, "dataSourceFamily", "all-sources").refused(400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_DATA_SOURCE_FAMILY")
	l.list("weight", tok, "dataSourceFamily", "users/me/dataSourceFamilies/all-sources").want(200)
	l.list("weigth", tok).refused(400, "INVALID_ARGUMENT", "INVALID_DATA_TYPE")
	l.get("/v4/users/me/dataTypes/weight/dataPoints:reconcile", tok).refused(400, "INVALID_ARGUMENT", "UNSUPPORTED_DATA_TYPE_ACTION")
	for _, path := range []string{"/dataPoints", "/dataPoints:reconcile"} {
		l.get("/v4/users/"+l.anna.User()+"/dataTypes/weight"+path, tok).refused(400, "INVALID_ARGUMENT", "")
	}
	for _, path := range []string{"/v4/users/me/weight", "/v4/users/me/dataTypes/weight", "/v4/users/me/dataTypes/weight/dataPoints:sum", "/v5", "/"} {
		a := l.get(path, tok).want(404)
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, "<html") {
			t.Errorf("%s: got %s", path, a.body)
		}
	}
	l.do(http.MethodPut, "/v4/users/me/settings", tok, "", "").want(404)
}

func TestFilters(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	today := day(t, "2026-11-20")
	for i := range 3 { // 18, 19, 20 November, 00:00:00 in Berlin, is 23:00 UTC the day before
		d := today.AddDays(-i)
		midnight := d.Start(zone(t, "Europe/Berlin"))
		l.anna.AddWeight(fakecloud.Point{At: midnight, Value: 70})
		l.anna.SetResting(d, 60)
		l.anna.SetZones(d, map[string]time.Duration{"PEAK": time.Minute})
		l.anna.AddHeartSample(midnight, 60)
	}
	const (
		weight = "weight.sample_time."
		zones  = "time_in_heart_rate_zone.interval."
	)
	for _, c := range []struct {
		dataType, filter string
		want             int
	}{
		{"weight", "", 3},
		{"weight", weight + `physical_time >= "2026-11-18T23:00:00Z"`, 2},
		{"weight", weight + `physical_time >= "2026-11-18T23:00:01Z"`, 1},
		{"weight", weight + `physical_time >= "2026-11-19T00:00:00+01:00"`, 2},
		{"weight", weight + `physical_time < "2026-11-18T23:00:00Z"`, 1},
		{"weight", weight + `physical_time >= "2026-11-18T00:00:00Z" AND ` + weight + `physical_time < "2026-11-19T00:00:00Z"`, 1},
		{"weight", weight + `physical_time<"2026-11-19T00:00:00.5Z"`, 2},
		{"weight", weight + `civil_time >= "2026-11-19"`, 2},
		{"weight", weight + `civil_time < "2026-11-19T00:00:01"`, 2},
		{"weight", weight + `civil_time >= "2026-11-18" AND ` + weight + `civil_time < "2026-11-19"`, 1},
		{"heart-rate", `heart_rate.sample_time.civil_time >= "2026-11-19" AND heart_rate.sample_time.civil_time < "2026-11-20"`, 1},
		{"heart-rate", `heart_rate.sample_time.physical_time >= "2026-11-18T23:00:00Z"`, 2},
		{"body-fat", `body_fat.sample_time.civil_time >= "2026-11-01"`, 0},
		{"daily-resting-heart-rate", `daily_resting_heart_rate.date >= "2026-11-19"`, 2},
		{"daily-resting-heart-rate", `daily_resting_heart_rate.date < "2026-11-20" AND daily_resting_heart_rate.date >= "2026-11-19"`, 1},
		{"time-in-heart-rate-zone", zones + `civil_start_time >= "2026-11-19" AND ` + zones + `civil_start_time < "2026-11-20"`, 1},
		{"time-in-heart-rate-zone", zones + `start_time >= "2026-11-18T23:00:00Z"`, 2},
	} {
		if got := len(decode[page](l.list(c.dataType, tok, "filter", c.filter).want(200)).DataPoints); got != c.want {
			t.Errorf("%s: got %d, want %d", c.filter, got, c.want)
		}
	}
}

func TestFiltersRefused(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	const member = "weight.sample_time.physical_time"
	for _, c := range []struct{ dataType, filter, reason string }{
		{"weight", `weight.date >= "2026-11-19"`, "DATA_TYPE_MEMBER"},
		{"weight", `weight.interval.start_time >= "2026-11-19T00:00:00Z"`, "DATA_TYPE_MEMBER"},
		{"daily-resting-heart-rate", `daily_resting_heart_rate.interval.civil_start_time >= "2026-11-19"`, "DATA_TYPE_MEMBER"},
		{"time-in-heart-rate-zone", `time_in_heart_rate_zone.sample_time.civil_time >= "2026-11-19"`, "DATA_TYPE_MEMBER"},
		{"body-fat", `body-fat.sample_time.physical_time >= "2026-11-19T00:00:00Z"`, "DATA_TYPE_RESTRICTION"},
		{"body-fat", member + ` >= "2026-11-19T00:00:00Z"`, "COLLECTION_MISMATCH"},
		{"weight", member + ` > "2026-11-19T00:00:00Z"`, "RESTRICTION_COMPARATOR"},
		{"weight", member + ` <= "2026-11-19T00:00:00Z"`, "RESTRICTION_COMPARATOR"},
		{"weight", member + ` >= 2026`, "RESTRICTION_ARGUMENT"},
		{"weight", member + ` >= "2026-11-19"`, "TIMESTAMP_FORMAT"},
		{"weight", `weight.sample_time.civil_time >= "2026-11-19T00:00:00Z"`, "CIVIL_DATE_TIME_FORMAT"},
		{"daily-resting-heart-rate", `daily_resting_heart_rate.date >= "2026-11-19T00:00:00"`, "CIVIL_DATE_TIME_FORMAT"},
		{"weight", member + ` >= "2026-11-19T00:00:00Z" AND weight.sample_time.civil_time < "2026-11-20"`, "MIXED_TIME_RESTRICTIONS"},
		{"weight", member + ` >= "2026-11-19T00:00:00Z" OR ` + member + ` < "2026-11-20T00:00:00Z"`, "EXPRESSION_STRUCTURE"},
		{"weight", member + ` >= "2026-11-19T00:00:00Z" AND`, "UNEXPECTED_END_OF_INPUT"},
		{"weight", member + ` >=`, "UNEXPECTED_END_OF_INPUT"},
		{"weight", member + ` >= "2026-11-19`, "SYNTAX"},
	} {
		l.list(c.dataType, tok, "filter", c.filter).refused(400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_"+c.reason)
	}
	l.list("weight", tok, "filter", member+` >= "2026-11-19T00:00:00Z" AND `+member+` < "2026-11-18T00:00:00Z"`).
		refused(400, "INVALID_ARGUMENT", "INVALID_TIME_RANGE")
}
