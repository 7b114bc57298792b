package fakecloud_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// point is what the tests of generated lives look at.
type point struct {
	Name       string
	DataSource struct{ RecordingMethod string }
	Weight     struct {
		WeightGrams float64
		SampleTime  sampled
	}
	BodyFat struct {
		Percentage float64
		SampleTime sampled
	}
	DailyRestingHeartRate struct {
		Date           struct{ Year, Month, Day int }
		BeatsPerMinute string
	}
}

type sampled struct {
	PhysicalTime time.Time
	UTCOffset    string `json:"utcOffset"`
	CivilTime    struct {
		Date struct{ Year, Month, Day int }
		Time struct{ Hours, Minutes, Seconds int }
	}
}

func (s sampled) date() fitbit.Date {
	d := s.CivilTime.Date
	return fitbit.Date{Year: d.Year, Month: time.Month(d.Month), Day: d.Day}
}

func (l *lab) points(dataType, token string) []point {
	l.Helper()
	return decode[struct{ DataPoints []point }](l.list(dataType, token, "pageSize", "10000").want(200)).DataPoints
}

func TestGeneratedMonths(t *testing.T) {
	l := newLab(t)
	first, last := day(t, "2026-09-01"), day(t, "2026-11-20")
	l.anna.Generate(first, last)
	tok := l.signIn("anna").AccessToken

	byDay := map[fitbit.Date]int{}
	seen := map[string]bool{}
	counts := map[string]int{}
	var heaviest, lightest float64
	offsets := map[string]bool{}
	for _, p := range l.points("weight", tok) {
		s := p.Weight.SampleTime
		byDay[s.date()]++
		counts[p.DataSource.RecordingMethod]++
		offsets[s.UTCOffset] = true
		seen[p.Name] = true
		heaviest, lightest = max(heaviest, p.Weight.WeightGrams), min(cmpOr(lightest, p.Weight.WeightGrams), p.Weight.WeightGrams)
		offset, err := time.ParseDuration(s.UTCOffset)
		if wall := s.PhysicalTime.Add(offset); err != nil || wall.Hour() != s.CivilTime.Time.Hours || wall.Day() != s.CivilTime.Date.Day {
			t.Errorf("civil and physical time differ: %+v", s)
		}
		if hour := s.CivilTime.Time.Hours; p.DataSource.RecordingMethod == "ACTIVELY_MEASURED" && (hour < 6 || hour > 8) {
			t.Errorf("weighed at %d o'clock", hour)
		}
	}
	if len(seen) != counts["ACTIVELY_MEASURED"]+counts["MANUAL"] {
		t.Error("an id occurs twice")
	}
	if counts["ACTIVELY_MEASURED"] < 50 || counts["MANUAL"] < 3 {
		t.Errorf("got %v", counts)
	}
	if lightest < 40_000 || heaviest > 120_000 || heaviest-lightest < 500 || heaviest-lightest > 8000 {
		t.Errorf("weights from %v to %v g", lightest, heaviest)
	}
	for _, want := range []string{"3600s", "7200s", "-14400s"} { // winter, summer, New York
		if !offsets[want] {
			t.Errorf("no reading at offset %s: %v", want, offsets)
		}
	}
	twice, gap, longest := 0, 0, 0
	for d := first; !last.Before(d); d = d.AddDays(1) {
		gap++
		if byDay[d] > 0 {
			gap = 0
		}
		longest = max(longest, gap)
		if byDay[d] > 1 {
			twice++
		}
	}
	if twice == 0 || longest < 7 || longest > 12 {
		t.Errorf("%d days with two readings, longest gap %d days", twice, longest)
	}
	fats := l.points("body-fat", tok)
	if len(fats) < counts["ACTIVELY_MEASURED"]*3/4 || len(fats) >= counts["ACTIVELY_MEASURED"] {
		t.Errorf("%d body fats for %d weighings", len(fats), counts["ACTIVELY_MEASURED"])
	}
	for _, p := range fats {
		if p.BodyFat.Percentage < 10 || p.BodyFat.Percentage > 40 {
			t.Errorf("body fat %v", p.BodyFat.Percentage)
		}
	}
}

func cmpOr(a, b float64) float64 {
	if a == 0 {
		return b
	}
	return a
}

func TestGeneratedLifeDependsOnSeedAndDatesOnly(t *testing.T) {
	everything := func(start string, ahead bool, seed uint64) string {
		clock := fakecloud.NewClock(at(t, start))
		l := newLab(t)
		l.cloud = fakecloud.New(fakecloud.Options{Now: clock.Now, Apps: []fakecloud.App{{ClientID: clientID, ClientSecret: secret, RedirectURLs: []string{callback}}}})
		l.serve()
		p := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "p", User: "7", Seed: seed, Location: zone(t, "Asia/Tokyo")})
		p.Generate(day(t, "2026-10-01"), day(t, "2026-10-31"))
		if !ahead {
			p.Generate(day(t, "2026-10-01"), day(t, "2026-10-31")) // again changes nothing
		}
		clock.Set(at(t, "2026-11-01T00:00:00Z"))
		tok := l.signIn("p").AccessToken
		var all strings.Builder
		for _, dataType := range []string{"weight", "body-fat", "heart-rate", "daily-resting-heart-rate", "daily-heart-rate-variability", "daily-heart-rate-zones", "time-in-heart-rate-zone"} {
			all.WriteString(l.list(dataType, tok, "pageSize", "100", "prettyPrint", "false").want(200).body)
		}
		return all.String()
	}
	one := everything("2026-11-01T00:00:00Z", false, 3)
	if everything("2026-10-15T12:00:00Z", true, 3) != one {
		t.Error("the time of the call matters")
	}
	if everything("2026-11-01T00:00:00Z", false, 4) == one {
		t.Error("the seed does not matter")
	}
}

func TestGeneratedHeart(t *testing.T) {
	l := newLab(t)
	l.anna.Generate(day(t, "2026-10-01"), day(t, "2026-11-20"))
	tok := l.signIn("anna").AccessToken
	const filter = `heart_rate.sample_time.civil_time >= "2026-11-19" AND heart_rate.sample_time.civil_time < "2026-11-20"`
	samples := decode[page](l.list("heart-rate", tok, "pageSize", "10000", "filter", filter).want(200)).DataPoints
	if len(samples) < 2300 || len(samples) > 2600 {
		t.Errorf("got %d samples of a day", len(samples))
	}
	low, high, sum := 300, 0, 0
	for i, s := range samples {
		bpm, err := strconv.Atoi(s.HeartRate.BeatsPerMinute)
		if err != nil {
			t.Fatal(err)
		}
		low, high, sum = min(low, bpm), max(high, bpm), sum+bpm
		if i > 0 && !s.HeartRate.SampleTime.PhysicalTime.Before(samples[i-1].HeartRate.SampleTime.PhysicalTime) {
			t.Fatal("not newest first")
		}
	}
	if low < 35 || low > 70 || high < 90 || high > 200 {
		t.Errorf("from %d to %d bpm", low, high)
	}

	rolled := decode[struct {
		RollupDataPoints []struct {
			HeartRate struct{ BeatsPerMinuteAvg, BeatsPerMinuteMin, BeatsPerMinuteMax float64 }
		}
	}](l.rollUp("heart-rate", "dailyRollUp", tok, "{"+civilRange("2026-11-19", "2026-11-20")+"}").want(200)).RollupDataPoints
	if len(rolled) != 1 {
		t.Fatalf("got %+v", rolled)
	}
	got := rolled[0].HeartRate
	if got.BeatsPerMinuteMin != float64(low) || got.BeatsPerMinuteMax != float64(high) || got.BeatsPerMinuteAvg != float64(sum)/float64(len(samples)) {
		t.Errorf("the rollup says %+v, the samples %d, %d, %d/%d", got, low, high, sum, len(samples))
	}

	zones := l.rollUp("time-in-heart-rate-zone", "dailyRollUp", tok, "{"+civilRange("2026-10-01", "2026-11-20")+"}").want(200).body
	for _, zone := range []string{"LIGHT", "MODERATE", "VIGOROUS"} {
		if !strings.Contains(zones, `"`+zone+`"`) {
			t.Errorf("nobody was ever in zone %s", zone)
		}
	}
	resting := l.points("daily-resting-heart-rate", tok)
	rows := strings.Count(zones, "civilStartTime")
	if rows < 40 || rows >= 50 || len(resting) != rows+1 { // with today
		t.Errorf("worn on %d days of 50, %d resting heart rates", rows, len(resting))
	}
}

func TestGeneratedValuesOfTheRunningDay(t *testing.T) {
	l := newLab(t)
	today := day(t, "2026-11-20")
	l.anna.Generate(today, today)
	check := func(clock string, resting bool, restOf ...string) {
		t.Helper()
		l.clock.Set(at(t, clock))
		tok := l.signIn("anna").AccessToken
		if got := len(l.points("daily-resting-heart-rate", tok)) > 0; got != resting {
			t.Errorf("%s: resting heart rate shown: %v", clock, got)
		}
		body := l.rollUp("heart-rate", "dailyRollUp", tok, "{"+civilRange("2026-11-20", "2026-11-21")+"}").want(200).body
		for _, part := range restOf {
			if !strings.Contains(body, part) {
				t.Errorf("%s: got %s", clock, body)
			}
		}
	}
	check("2026-11-20T06:29:59Z", false, "beatsPerMinuteAvg")
	check("2026-11-20T06:30:00Z", true)

	l.anna.AddHeartSample(at(t, "2026-11-20T05:00:00Z"), 222)
	check("2026-11-20T06:30:00Z", true, `"beatsPerMinuteMax": 222`)
	l.anna.NotWorn(today)
	check("2026-11-20T06:30:00Z", false, "{}")
	l.anna.SetResting(today, 57)
	check("2026-11-20T06:30:00Z", true)
}

func TestNewYorkersTravelToSydney(t *testing.T) {
	l := newLab(t)
	p := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "p", Location: zone(t, "America/New_York")})
	p.Generate(day(t, "2026-10-01"), day(t, "2026-10-30"))
	tok := l.signIn("p").AccessToken
	var abroad []string
	for _, r := range l.points("weight", tok) {
		if s := r.Weight.SampleTime; s.UTCOffset == "39600s" {
			abroad = append(abroad, s.date().String())
			if s.CivilTime.Time.Hours != 21 || r.DataSource.RecordingMethod != "MANUAL" {
				t.Errorf("got %+v", r)
			}
		}
	}
	if strings.Join(abroad, " ") != "2026-10-22 2026-10-21" {
		t.Errorf("abroad on %v", abroad)
	}
}

func TestDayOfClockChange(t *testing.T) {
	for date, hours := range map[string]float64{"2026-10-25": 25, "2026-03-29": 23} {
		l := newLab(t)
		d := day(t, date)
		bert := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert", Location: zone(t, "Europe/Berlin"), HeartEvery: 2 * time.Minute})
		bert.Generate(d.AddDays(-1), d.AddDays(1))
		l.clock.Set(d.AddDays(3).Start(time.UTC))
		tok := l.signIn("bert").AccessToken
		span := func(d fitbit.Date) (first, last time.Time) {
			filter := `heart_rate.sample_time.civil_time >= "` + d.String() + `" AND heart_rate.sample_time.civil_time < "` + d.AddDays(1).String() + `"`
			samples := decode[page](l.list("heart-rate", tok, "pageSize", "10000", "filter", filter).want(200)).DataPoints
			if len(samples) == 0 {
				t.Fatalf("%s: no samples", d)
			}
			return samples[len(samples)-1].HeartRate.SampleTime.PhysicalTime, samples[0].HeartRate.SampleTime.PhysicalTime
		}
		first, last := span(d)
		if got := last.Sub(first).Hours(); got < hours-0.1 || got > hours {
			t.Errorf("%s lasts %v hours, want %v", date, got, hours)
		}
		if next, _ := span(d.AddDays(1)); next.Sub(last) > 10*time.Minute {
			t.Errorf("%s: a gap of %v at midnight", date, next.Sub(last))
		}
	}
}
