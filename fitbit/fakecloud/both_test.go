package fakecloud_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// view is what one cloud shows of a person: weights and body fats as "date time value",
// by the wall clock, oldest first.
type view struct{ weights, fats []string }

// seen is one reading in both clouds' words: what the wall clock showed, and a value
// to the tenth, which is all that Fitbit shows of a weight.
func seen(date, clock string, value float64) string {
	return fmt.Sprintf("%s %s %.1f", date, clock, math.Round(value*10)/10)
}

func (l *lab) googleView(token string) view {
	l.Helper()
	var v view
	wall := func(s sampled) (string, string) {
		offset, err := time.ParseDuration(s.UTCOffset)
		if err != nil {
			l.Fatal(err)
		}
		w := s.PhysicalTime.UTC().Add(offset)
		return w.Format(time.DateOnly), w.Format(time.TimeOnly)
	}
	for _, p := range l.points("weight", token) {
		date, clock := wall(p.Weight.SampleTime)
		v.weights = append(v.weights, seen(date, clock, p.Weight.WeightGrams/1000))
	}
	for _, p := range l.points("body-fat", token) {
		date, clock := wall(p.BodyFat.SampleTime)
		v.fats = append(v.fats, seen(date, clock, p.BodyFat.Percentage))
	}
	slices.Sort(v.weights) // by the wall clock, as at Fitbit
	slices.Sort(v.fats)
	return v
}

func (l *lab) fitbitView(token string, first, last fitbit.Date) view {
	l.Helper()
	type entry struct {
		Date, Time  string
		Weight, Fat float64
	}
	var v view
	var within []string // the fats of the weight log
	for d := first; !last.Before(d); d = d.AddDays(30) {
		dates := d.String() + "/" + d.AddDays(29).String()
		for _, e := range decode[struct{ Weight []entry }](l.read("body/log/weight/date/"+dates, token).want(200)).Weight {
			v.weights = append(v.weights, seen(e.Date, e.Time, e.Weight))
			if e.Fat != 0 {
				within = append(within, seen(e.Date, e.Time, e.Fat))
			}
		}
		for _, e := range decode[struct{ Fat []entry }](l.read("body/log/fat/date/"+dates, token).want(200)).Fat {
			v.fats = append(v.fats, seen(e.Date, e.Time, e.Fat))
		}
	}
	if !slices.Equal(within, v.fats) {
		l.Errorf("the weight log has body fats %v, the fat log %v", within, v.fats)
	}
	return v
}

func (l *lab) viewsAgree(first, last fitbit.Date) view {
	l.Helper()
	google := l.googleView(l.signIn("anna").AccessToken)
	legacy := l.fitbitView(l.fitbitSignIn("23FAKE", "anna").AccessToken, first, last)
	if !slices.Equal(google.weights, legacy.weights) || !slices.Equal(google.fats, legacy.fats) {
		l.Errorf("Google shows %v\nFitbit shows %v", google, legacy)
	}
	return legacy
}

func TestOneWeighingInBothClouds(t *testing.T) {
	l := newFitbitLab(t)
	first, last := day(t, "2026-11-01"), day(t, "2026-11-20")
	var ids [3]string
	var fat string
	for i, when := range []string{"2026-11-18T07:00:00+01:00", "2026-11-19T07:00:00+01:00", "2026-11-20T07:14:09+01:00"} {
		ids[i], fat = l.anna.WeighIn(at(t, when), 78+float64(i)/10, 24.4)
	}
	steps := []struct {
		do   func() bool
		want []string
	}{
		{func() bool { return true }, []string{"2026-11-18 07:00:00 78.0", "2026-11-19 07:00:00 78.1", "2026-11-20 07:14:09 78.2"}},
		{func() bool { return l.anna.EditWeight(ids[0], 77) && l.anna.EditBodyFat(fat, 25) }, []string{"2026-11-18 07:00:00 77.0", "2026-11-19 07:00:00 78.1", "2026-11-20 07:14:09 78.2"}},
		{func() bool { return l.anna.DeleteWeight(ids[1]) && l.anna.DeleteBodyFat(fat) }, []string{"2026-11-18 07:00:00 77.0", "2026-11-20 07:14:09 78.2"}},
		{func() bool { l.anna.SetLocation(zone(t, "Asia/Tokyo")); return true }, []string{"2026-11-18 07:00:00 77.0", "2026-11-20 07:14:09 78.2"}},
		{func() bool {
			return l.anna.AddWeight(fakecloud.Point{At: l.clock.Now(), Value: 80, Untimed: true}) != ""
		}, []string{"2026-11-18 07:00:00 77.0", "2026-11-20 07:14:09 78.2", "2026-11-20 23:59:59 80.0"}},
	}
	for i, step := range steps {
		if !step.do() {
			t.Fatalf("step %d failed", i)
		}
		google := l.googleView(l.signIn("anna").AccessToken)
		legacy := decode[struct {
			Weight []struct {
				Date, Time string
				Weight     float64
			}
		}](l.read("body/log/weight/date/"+first.String()+"/"+last.String(), l.fitbitSignIn("23FAKE", "anna").AccessToken).want(200)).Weight
		var got []string
		for _, e := range legacy {
			got = append(got, seen(e.Date, e.Time, e.Weight))
		}
		if !slices.Equal(google.weights, step.want) || !slices.Equal(got, step.want) {
			t.Errorf("step %d: Google shows %v, Fitbit %v, want %v", i, google.weights, got, step.want)
		}
	}
}

func TestGeneratedMonthsInBothClouds(t *testing.T) {
	l := newFitbitLab(t)
	first, last := day(t, "2026-08-01"), day(t, "2026-11-20")
	l.anna.Generate(first, last)
	if v := l.viewsAgree(first, last); len(v.weights) < 70 || len(v.fats) < 50 {
		t.Errorf("got %d weights and %d body fats", len(v.weights), len(v.fats))
	}
}

// TestGeneratedHeartInBothClouds compares a day of samples, resting rates, nights and
// minutes in zones.
func TestGeneratedHeartInBothClouds(t *testing.T) {
	l := newFitbitLab(t)
	first, last := day(t, "2026-10-22"), day(t, "2026-11-20")
	l.anna.Generate(first, last)
	google, legacy := l.signIn("anna").AccessToken, l.fitbitSignIn("23FAKE", "anna").AccessToken
	dates := first.String() + "/" + last.String()

	resting := map[string]string{}
	for _, p := range l.points("daily-resting-heart-rate", google) {
		d := p.DailyRestingHeartRate.Date
		resting[fitbit.Date{Year: d.Year, Month: time.Month(d.Month), Day: d.Day}.String()] = p.DailyRestingHeartRate.BeatsPerMinute
	}
	zones := decode[struct {
		RollupDataPoints []struct {
			CivilStartTime struct {
				Date struct{ Year, Month, Day int }
			}
			TimeInHeartRateZone struct {
				TimeInHeartRateZones []struct{ HeartRateZone, Duration string }
			}
		}
	}](l.rollUp("time-in-heart-rate-zone", "dailyRollUp", google, "{"+civilRange("2026-10-22", "2026-11-21")+"}").want(200)).RollupDataPoints
	minutes := map[string]map[string]string{}
	for _, r := range zones {
		d := r.CivilStartTime.Date
		date := fitbit.Date{Year: d.Year, Month: time.Month(d.Month), Day: d.Day}.String()
		minutes[date] = map[string]string{}
		for _, z := range r.TimeInHeartRateZone.TimeInHeartRateZones {
			minutes[date][z.HeartRateZone] = z.Duration
		}
	}
	for _, d := range decode[heartDays](l.read("activities/heart/date/"+dates, legacy).want(200)).Days {
		got := ""
		if d.Value.RestingHeartRate != nil {
			got = strconv.Itoa(*d.Value.RestingHeartRate)
		}
		if got != resting[d.DateTime] {
			t.Errorf("%s: resting heart rate %q, at Google %q", d.DateTime, got, resting[d.DateTime])
		}
		for i, name := range []string{"MODERATE", "VIGOROUS", "PEAK"} {
			z := d.Value.HeartRateZones[i+1]
			if worn := minutes[d.DateTime] != nil; worn != (z.Minutes != nil) {
				t.Errorf("%s: worn at Google: %v, got %+v", d.DateTime, worn, z)
			} else if worn && *z.Minutes > 0 && strconv.Itoa(60**z.Minutes)+"s" != minutes[d.DateTime][name] {
				t.Errorf("%s: %d minutes of %s, at Google %s", d.DateTime, *z.Minutes, name, minutes[d.DateTime][name])
			}
		}
	}

	var samples []string
	for _, p := range decode[page](l.list("heart-rate", google, "pageSize", "10000", "filter",
		`heart_rate.sample_time.civil_time >= "2026-11-19" AND heart_rate.sample_time.civil_time < "2026-11-20"`).want(200)).DataPoints {
		samples = append(samples, p.HeartRate.SampleTime.PhysicalTime.In(zone(t, "Europe/Berlin")).Format(time.TimeOnly)+"="+p.HeartRate.BeatsPerMinute)
	}
	slices.Reverse(samples)
	got := decode[intraday](l.read("activities/heart/date/2026-11-19/1d/1sec", legacy).want(200)).String()
	if want := "1second " + strings.Join(samples, " "); got != want || len(samples) < 2000 {
		t.Errorf("the %d samples differ", len(samples))
	}
	nights := strings.Count(l.list("daily-heart-rate-variability", google, "pageSize", "100").want(200).body, "averageHeartRateVariabilityMilliseconds")
	if got := strings.Count(l.read("hrv/date/"+dates, legacy).want(200).body, "dailyRmssd"); got != nights || got != len(resting) {
		t.Errorf("%d nights, at Google %d", got, nights)
	}
}
