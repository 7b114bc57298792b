package export_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func scale() fitbit.Origin {
	return fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale}
}

func weight(t *testing.T, id, when string, kg float64) fitbit.Weight {
	t.Helper()
	return fitbit.Weight{ID: id, Time: at(t, when), Kilograms: kg, Origin: scale()}
}

// body makes the cloud tell of a weighing on each of some days, and of one abroad.
func (l *lab) body() {
	weights := []fitbit.Weight{
		weight(l.T, "1", "2026-10-01T07:14:09+02:00", 78.42), weight(l.T, "2", "2026-10-02T07:20:00+02:00", 78.1),
		weight(l.T, "3", "2026-10-03T22:30:00-04:00", 78), // the 4th by Berlin's clocks
		weight(l.T, "4", "2026-10-05T07:00:00+02:00", 77.9),
	}
	fats := []fitbit.BodyFat{{ID: "1", Time: weights[0].Time.Add(time.Second), Percent: 24.44, Origin: scale()}}
	l.weights = func(in fitbit.Window) (list []fitbit.Weight, _ error) {
		for _, w := range weights {
			if in.Contains(w.Time) {
				list = append(list, w)
			}
		}
		return list, nil
	}
	l.fats = func(in fitbit.Window) (list []fitbit.BodyFat, _ error) {
		for _, f := range fats {
			if in.Contains(f.Time) {
				list = append(list, f)
			}
		}
		return list, nil
	}
}

// ids lists the weigh-ins of a span.
func (l *lab) weighIns(p *export.Person, first, last string) []bridge.WeighIn {
	l.Helper()
	past, err := p.Body(l.Context(), day(l.T, first), day(l.T, last))
	if err != nil {
		l.Fatal(err)
	}
	return export.WeighIns(past, day(l.T, first), day(l.T, last))
}

// A weigh-in belongs to the day that its own clock showed, whatever day is asked for first.
func TestWeighInsAreOfTheirOwnDay(t *testing.T) {
	t.Parallel()
	for _, order := range [][2][2]string{
		{{"2026-10-03", "2026-10-03"}, {"2026-10-04", "2026-10-04"}},
		{{"2026-10-04", "2026-10-04"}, {"2026-10-03", "2026-10-03"}},
	} {
		l := newLab(t)
		l.body()
		for _, span := range order {
			p, _, err := l.fetch(t.Context(), span[0], span[1], fitbit.WeightMetric, fitbit.BodyFatMetric)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"2026-10-03": 1, "2026-10-04": 0}[span[0]]
			if got := l.weighIns(p, span[0], span[1]); len(got) != want {
				t.Errorf("%s has %v", span[0], got)
			}
		}
	}
}

// Each weighing has one body fat, whoever else tells of it; some are measured without one.
func TestBodyFats(t *testing.T) {
	t.Parallel()
	fat := func(id, when string, percent float64, o fitbit.Origin) bridge.KnownFat {
		return bridge.KnownFat{BodyFat: fitbit.BodyFat{ID: id, Time: at(t, when), Percent: percent, Origin: o}, Cloud: "google"}
	}
	app := fitbit.Origin{Device: "an app", Recorded: fitbit.RecordedByHand}
	past := bridge.Past{
		Weights: []bridge.KnownWeight{{Weight: weight(t, "1", "2026-10-02T07:00:00+02:00", 78), Cloud: "google"}},
		Fats: []bridge.KnownFat{
			fat("alone", "2026-10-02T06:00:00+02:00", 30, app), fat("copy", "2026-10-02T07:00:01+02:00", 20, app), fat("own", "2026-10-02T07:00:02+02:00", 24, scale()),
			fat("later", "2026-10-02T09:00:00+02:00", 31, app), fat("tomorrow", "2026-10-03T00:00:00+02:00", 32, app),
		},
	}
	var got []string
	for _, f := range export.BodyFats(past, day(t, "2026-10-02"), day(t, "2026-10-02")) {
		got = append(got, f.ID)
	}
	if want := "alone own later"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// The bridge's corrections and deletions count, under the ids it has published.
func TestTheDiaryCounts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.body()
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-10-05", fitbit.WeightMetric, fitbit.BodyFatMetric); err != nil {
		t.Fatal(err)
	}
	known := func(w fitbit.Weight, weighIn string) bridge.KnownWeight {
		return bridge.KnownWeight{Weight: w, Cloud: "google", WeighIn: weighIn}
	}
	l.record(bridge.Entry{
		Weights: []bridge.KnownWeight{
			known(weight(t, "1", "2026-10-01T07:14:09+02:00", 77), "first"), known(weight(t, "2", "2026-10-02T07:20:00+02:00", 78.1), "2"),
			known(weight(t, "9", "2026-09-30T07:20:00+02:00", 79), "9"),
		},
		Profile: &bridge.Profile{Identity: l.account.Identity},
	})
	l.record(bridge.Entry{GoneWeights: []bridge.Ref{{Cloud: "google", ID: "2"}}})
	got := l.weighIns(l.open(t.Context()), "2026-10-01", "2026-10-05")
	if len(got) != 3 || got[0].ID != "first" || got[0].Kilograms != 77 || got[0].Fat == nil || got[1].ID != "3" || got[2].ID != "4" {
		t.Errorf("%+v", got)
	}
	if w, f, err := l.open(t.Context()).Gone(t.Context(), day(t, "2026-10-02"), day(t, "2026-10-02")); err != nil || len(w) != 1 || w[0].Kilograms != 78.1 || len(f) != 0 {
		t.Errorf("gone are %v and %v, %v", w, f, err)
	}
	if w, _, err := l.open(t.Context()).Gone(t.Context(), day(t, "2026-10-03"), day(t, "2026-10-05")); err != nil || len(w) != 0 {
		t.Errorf("gone are %v, %v", w, err)
	}
	// The name is handed over: the diary is of whoever had it before, and so is the shelf.
	l.account.Identity = "google:4567"
	if got := l.weighIns(l.open(t.Context()), "2026-09-01", "2026-10-05"); len(got) != 0 {
		t.Errorf("somebody else's: %+v", got)
	}
}

// Of a day that was not over when it was fetched the bridge may know more; of one that was,
// or that was fetched just now, the cloud's word counts.
func TestHeartDaysFromShelfAndDiary(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	metrics := []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate}
	l.days = func(m fitbit.Metric, first, last fitbit.Date) (list []fitbit.HeartDay, _ error) {
		for d := first; !last.Before(d); d = d.AddDays(1) {
			if m == fitbit.HeartRange && d.Day != 18 {
				list = append(list, fitbit.HeartDay{Date: d, MinBPM: new(50), AvgBPM: new(70.0), MaxBPM: new(120)})
			}
		}
		return list, nil
	}
	p, _, err := l.fetch(t.Context(), "2026-11-15", "2026-11-20", metrics...)
	if err != nil {
		t.Fatal(err)
	}
	for d := range 6 {
		l.record(bridge.Entry{Days: []fitbit.HeartDay{{Date: day(t, "2026-11-15").AddDays(d), MinBPM: new(40), RestingBPM: new(58)}}})
	}
	lowest := func(p *export.Person) (list []int) {
		for _, d := range all(t, p.HeartDays(t.Context(), metrics, day(t, "2026-11-15"), day(t, "2026-11-20"))) {
			if *d.RestingBPM != 58 {
				t.Errorf("%+v", d)
			}
			list = append(list, *d.MinBPM)
		}
		return list
	}
	want := func(got []int, want ...int) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%v, want %v", got, want)
			}
		}
	}
	want(lowest(p), 50, 50, 50, 40, 50, 50)
	l.now = l.now.Add(time.Hour)
	want(lowest(l.open(t.Context())), 50, 50, 40, 40, 40, 40)
}
