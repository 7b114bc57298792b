package export_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Months are fetched oldest first in pieces that a cloud answers at once, and a second run
// asks again only for the days that may still change.
func TestOnlyWhatIsMissingIsFetched(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-11-20", fitbit.WeightMetric, fitbit.BodyFatMetric); err != nil {
		t.Fatal(err)
	}
	l.wantAsked("settings", "height",
		"weights 2026-09-29 20:00:00 2026-10-28 01:00:00", "fats 2026-09-29 20:00:00 2026-10-28 01:00:00",
		"weights 2026-10-25 21:00:00 2026-11-22 01:00:00", "fats 2026-10-25 21:00:00 2026-11-22 01:00:00")
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-11-20", fitbit.WeightMetric, fitbit.BodyFatMetric); err != nil {
		t.Fatal(err)
	}
	// The 17th was over at noon (UTC) of the 18th at the latest, and two days later is an hour from now.
	l.wantAsked("weights 2026-11-15 21:00:00 2026-11-22 01:00:00", "fats 2026-11-15 21:00:00 2026-11-22 01:00:00")
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-11-16", fitbit.WeightMetric); err != nil {
		t.Fatal(err)
	}
	l.wantAsked()
	l.now = l.now.Add(time.Hour)
	if _, _, err := l.fetch(t.Context(), "2026-11-17", "2026-11-17", fitbit.WeightMetric); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.fetch(t.Context(), "2026-11-17", "2026-11-17", fitbit.WeightMetric); err != nil {
		t.Fatal(err)
	}
	l.wantAsked()
}

// What was fetched around a hole stays; only the hole is filled.
func TestHolesAreFilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, span := range [][2]string{{"2026-03-01", "2026-03-05"}, {"2026-03-09", "2026-03-12"}} {
		if _, _, err := l.fetch(t.Context(), span[0], span[1], fitbit.HeartRange, fitbit.HRV); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := l.fetch(t.Context(), "2026-02-27", "2026-03-31", fitbit.HeartRange, fitbit.HRV); err != nil {
		t.Fatal(err)
	}
	l.wantAsked("heart_rate 2026-02-27 2026-02-28", "hrv 2026-02-27 2026-02-28", "heart_rate 2026-03-06 2026-03-08", "hrv 2026-03-06 2026-03-08",
		"heart_rate 2026-03-13 2026-03-25", "hrv 2026-03-13 2026-03-31", "heart_rate 2026-03-26 2026-03-31")
}

// An interruption keeps what came, and the next run goes on from there.
func TestInterruptionKeepsWhatCame(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx, stop := context.WithCancel(t.Context())
	l.samples = func(in fitbit.Window) ([]fitbit.HeartSample, error) {
		if len(l.asked) == 2+3 {
			stop()
			return nil, ctx.Err()
		}
		return []fitbit.HeartSample{{Time: in.From.Add(time.Hour), BPM: 60}}, nil
	}
	if _, _, err := l.fetch(ctx, "2026-10-24", "2026-10-27", export.Samples); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p, _, err := l.fetch(t.Context(), "2026-10-24", "2026-10-27", export.Samples)
	if err != nil {
		t.Fatal(err)
	}
	l.wantAsked("samples 2026-10-25 23:00:00 2026-10-26 23:00:00", "samples 2026-10-26 23:00:00 2026-10-27 23:00:00")
	if got := all(t, p.Samples(t.Context(), day(t, "2026-10-24"), day(t, "2026-10-27"))); len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// Somebody moves, and days begin at another moment: between two that were fetched in
// different zones nothing is lost, and nothing comes twice, whichever came first.
func TestAJourneyLosesNoSample(t *testing.T) {
	t.Parallel()
	const east, west = "Europe/Berlin", "America/New_York"
	for _, c := range []struct{ before, after [3]string }{
		{[3]string{east, "2026-11-01", "2026-11-03"}, [3]string{west, "2026-11-04", "2026-11-06"}},
		{[3]string{west, "2026-11-01", "2026-11-03"}, [3]string{east, "2026-11-04", "2026-11-06"}},
		{[3]string{west, "2026-11-04", "2026-11-06"}, [3]string{east, "2026-11-01", "2026-11-03"}},
		{[3]string{east, "2026-11-04", "2026-11-06"}, [3]string{west, "2026-11-01", "2026-11-03"}},
	} {
		l := newLab(t)
		l.samples = func(in fitbit.Window) (list []fitbit.HeartSample, _ error) {
			for at := in.From.Add(-1).Truncate(time.Hour).Add(time.Hour); in.Contains(at); at = at.Add(time.Hour) {
				list = append(list, fitbit.HeartSample{Time: at, BPM: 60})
			}
			return list, nil
		}
		var p *export.Person
		for _, stay := range [][3]string{c.before, c.after} {
			l.zone, l.now = zone(t, stay[0]), l.now.AddDate(0, 0, 1)
			var err error
			if p, _, err = l.fetch(t.Context(), stay[1], stay[2], export.Samples); err != nil {
				t.Fatal(err)
			}
		}
		samples := all(t, p.Samples(t.Context(), day(t, "2026-11-01"), day(t, "2026-11-06")))
		for i := range samples[1:] {
			if step := samples[i+1].Time.Sub(samples[i].Time); step != time.Hour {
				t.Errorf("%v: %v after %v", c, step, samples[i].Time)
			}
		}
	}
}

// The cloud's budget is waited for, before it is quite used up if its state is known.
func TestBudget(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	limit := l.now.Add(10 * time.Minute)
	first := true
	l.days = func(fitbit.Metric, fitbit.Date, fitbit.Date) ([]fitbit.HeartDay, error) {
		if first {
			first = false
			return nil, &fitbit.RateLimitError{Until: limit}
		}
		l.usage = fitbit.Usage{Limit: 150, Remaining: 14, Reset: limit.Add(time.Hour)}
		return nil, nil
	}
	if _, _, err := l.fetch(t.Context(), "2026-08-01", "2026-10-20", fitbit.HRV); err != nil {
		t.Fatal(err)
	}
	l.wantAsked("settings", "height", "hrv 2026-08-01 2026-08-30", "hrv 2026-08-01 2026-08-30", "hrv 2026-08-31 2026-09-29", "hrv 2026-09-30 2026-10-20")
	if !slices.EqualFunc(l.waited, []time.Time{limit, limit.Add(time.Hour)}, time.Time.Equal) {
		t.Errorf("waited until %v", l.waited)
	}
	l.days = func(fitbit.Metric, fitbit.Date, fitbit.Date) ([]fitbit.HeartDay, error) {
		return nil, &fitbit.RateLimitError{Until: limit}
	}
	impatient := errors.New("no")
	l.wait = func(context.Context, time.Time) error { return impatient }
	if _, _, err := l.fetch(t.Context(), "2026-07-01", "2026-07-02", fitbit.HRV); !errors.Is(err, impatient) {
		t.Errorf("%v", err)
	}
}

// Whoever waits is told what the cloud's budget will make of it: a year of days at a cloud
// that allows a fifth of it within an hour takes hours, however fast it answers.
func TestWaitsAreForeseen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	begun, requests := l.now, int64(0)
	window := func(reset time.Time) {
		l.usage = fitbit.Usage{Requests: requests, Limit: 100, Remaining: 100, Reset: reset, Window: time.Hour}
	}
	window(begun.Add(20 * time.Minute))
	l.samples = func(fitbit.Window) ([]fitbit.HeartSample, error) {
		requests++
		l.usage.Requests, l.usage.Remaining = requests, l.usage.Remaining-1
		return nil, nil
	}
	l.wait = func(_ context.Context, until time.Time) error {
		window(until.Add(time.Hour))
		return nil
	}
	if _, _, err := l.fetch(t.Context(), "2026-01-01", "2026-07-19", export.Samples); err != nil {
		t.Fatal(err)
	}
	// 91 of 200 days until 11:20, 91 until 12:20, and the rest then.
	for done, want := range map[int]time.Duration{1: 80 * time.Minute, 91: 80 * time.Minute, 92: time.Hour, 182: time.Hour, 183: 0, 200: 0} {
		if got := l.ahead[done-1]; got != want {
			t.Errorf("after %d days: %v, want %v", done, got, want)
		}
	}
	if got := l.now.Sub(begun); got != 80*time.Minute {
		t.Errorf("waited %v", got)
	}
}

// What was not granted is left out, unless it is what the rest hangs on.
func TestPermission(t *testing.T) {
	t.Parallel()
	no := &fitbit.CloudError{Kind: fitbit.ErrPermission}
	l := newLab(t)
	l.height = func() (float64, error) { return 0, no }
	l.days = func(m fitbit.Metric, first, _ fitbit.Date) ([]fitbit.HeartDay, error) {
		if m == fitbit.HeartRange {
			return nil, no
		}
		return []fitbit.HeartDay{{Date: first, RestingBPM: new(58)}}, nil
	}
	p, denied, err := l.fetch(t.Context(), "2026-10-01", "2026-10-20", fitbit.HeartRange, fitbit.RestingHeartRate)
	if err != nil || !slices.Equal(denied, []fitbit.Metric{fitbit.HeartRange}) {
		t.Fatalf("%v, %v", denied, err)
	}
	if days := all(t, p.HeartDays(t.Context(), []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate}, day(t, "2026-10-01"), day(t, "2026-10-20"))); len(days) != 1 || *days[0].RestingBPM != 58 {
		t.Errorf("%+v", days)
	}
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-10-20", fitbit.HeartRange); !errors.Is(err, fitbit.ErrPermission) {
		t.Errorf("all of it denied: %v", err)
	}
	l.wantAsked("heart_rate 2026-10-01 2026-10-13")
	l.weights = func(fitbit.Window) ([]fitbit.Weight, error) { return nil, no }
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-10-20", fitbit.WeightMetric, fitbit.BodyFatMetric); !errors.Is(err, fitbit.ErrPermission) {
		t.Errorf("body fat without weight: %v", err)
	}
}

// With a bridge in the house its diary knows zone and height; without, the cloud is asked
// once a day.
func TestIntroduction(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-10-01"); err != nil {
		t.Fatal(err)
	}
	l.wantAsked("settings", "height")
	if p := l.open(t.Context()); p.Location().String() != "Europe/Berlin" || p.HeightMetres() != 1.7 || p.Today() != day(t, "2026-11-20") {
		t.Errorf("%v, %v, %v", p.Location(), p.HeightMetres(), p.Today())
	}
	l.now = l.now.AddDate(0, 0, 1)
	l.zone = zone(t, "Pacific/Auckland")
	if _, _, err := l.fetch(t.Context(), "2026-10-01", "2026-10-01"); err != nil {
		t.Fatal(err)
	}
	l.wantAsked("settings", "height")
	l.record(bridge.Entry{Profile: &bridge.Profile{TimeZone: "America/New_York", HeightMetres: 1.6, LastSuccess: l.now, Identity: l.account.Identity}})
	p, _, err := l.fetch(t.Context(), "2026-10-01", "2026-10-01")
	if l.wantAsked(); err != nil || p.Location().String() != "America/New_York" || p.HeightMetres() != 1.6 {
		t.Errorf("%v, %v, %v", p.Location(), p.HeightMetres(), err)
	}
}
