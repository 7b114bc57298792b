package contract

import (
	"math"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// dailyMetrics are what HeartDays takes.
func dailyMetrics() []fitbit.Metric {
	return []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.HeartZones}
}

// days fetches a daily metric and checks what holds for every answer.
func (l *lab) days(src fitbit.Source, m fitbit.Metric, first, last string) []fitbit.HeartDay {
	l.Helper()
	list, err := src.HeartDays(l.Context(), m, l.day(first), l.day(last))
	if err != nil {
		l.Fatalf("%s: %v", m, err)
	}
	for i, d := range list {
		if i > 0 && !list[i-1].Date.Before(d.Date) {
			l.Errorf("%s: %s comes after %s", m, d.Date, list[i-1].Date)
		}
		if d.Date.Before(l.day(first)) || l.day(last).Before(d.Date) {
			l.Errorf("%s: %s was not asked for", m, d.Date)
		}
	}
	return list
}

// wantRange checks one day's range; a zero avg is not checked.
func (l *lab) wantRange(d fitbit.HeartDay, date string, low int, avg float64, high int) {
	l.Helper()
	if d.MinBPM == nil || d.AvgBPM == nil || d.MaxBPM == nil {
		l.Errorf("%s: the range is %v", date, d)
		return
	}
	if d.Date.String() != date || *d.MinBPM != low || *d.MaxBPM != high || avg != 0 && math.Abs(*d.AvgBPM-avg) > 0.5 {
		l.Errorf("range of %s is %d, %.1f, %d; want that of %s: %d, %.1f, %d", d.Date, *d.MinBPM, *d.AvgBPM, *d.MaxBPM, date, low, avg, high)
	}
}

// wear adds samples, one per time.
func (l *lab) wear(samples map[string]int) {
	l.Helper()
	for at, bpm := range samples {
		l.anna.AddHeartSample(l.at(at), bpm)
	}
}

func heartDays(l *lab) {
	src, _ := l.source()
	l.wear(map[string]int{
		"2026-11-17T10:00:00+01:00": 99,
		"2026-11-18T03:00:00+01:00": 51, "2026-11-18T10:00:00+01:00": 69, "2026-11-18T18:00:00+01:00": 141,
		"2026-11-20T10:00:00+01:00": 70, "2026-11-20T10:10:00+01:00": 80,
	})
	if list := l.days(src, fitbit.HeartRange, "2026-11-18", "2026-11-20"); len(list) != 2 {
		l.Errorf("ranges are %v, want those of two days", list)
	} else {
		l.wantRange(list[0], "2026-11-18", 51, 87, 141)
		l.wantRange(list[1], "2026-11-20", 70, 75, 80)
	}
	l.anna.SetResting(l.day("2026-11-17"), 61)
	l.anna.SetResting(l.day("2026-11-18"), 58)
	l.anna.SetHRV(l.day("2026-11-18"), 41.2)
	l.anna.SetHRV(l.day("2026-11-20"), 38.5)
	l.anna.SetZones(l.day("2026-11-19"), map[string]time.Duration{"LIGHT": 31 * time.Minute, "MODERATE": 12 * time.Minute, "PEAK": 4 * time.Minute})
	if list := l.days(src, fitbit.RestingHeartRate, "2026-11-18", "2026-11-20"); len(list) != 1 || list[0].RestingBPM == nil || *list[0].RestingBPM != 58 {
		l.Errorf("resting heart rates are %v, want 58", list)
	}
	if list := l.days(src, fitbit.HRV, "2026-11-18", "2026-11-20"); len(list) != 2 || list[0].HRVMillis == nil || !about(*list[0].HRVMillis, 41.2) ||
		list[1].HRVMillis == nil || !about(*list[1].HRVMillis, 38.5) {
		l.Errorf("variabilities are %v, want 41.2 and 38.5", list)
	}
	list := l.days(src, fitbit.HeartZones, "2026-11-19", "2026-11-19")
	if len(list) != 1 || list[0].Zones == nil {
		l.Fatalf("zones are %v, want one day's", list)
	}
	z := *list[0].Zones
	light, other := z.Light, z.OutOfRange
	if l.cloud.LightIsOutOfRange {
		light, other = other, light
	}
	if light == nil || *light != 31 || other != nil || z.Moderate != 12 || z.Vigorous != 0 || z.Peak != 4 {
		l.Errorf("zones are %+v, want 31, 12, 0 and 4 minutes", z)
	}
	if _, err := src.HeartDays(l.Context(), fitbit.WeightMetric, l.day("2026-11-19"), l.day("2026-11-19")); err == nil {
		l.Error("a weight is taken for a daily heart metric")
	}
}

func runningDay(l *lab) {
	src, _ := l.source()
	l.wear(map[string]int{"2026-11-20T08:00:00+01:00": 60, "2026-11-20T20:00:00+01:00": 120})
	list := l.days(src, fitbit.HeartRange, "2026-11-20", "2026-11-20")
	if len(list) != 1 {
		l.Fatalf("ranges are %v, want one", list)
	}
	l.wantRange(list[0], "2026-11-20", 60, 60, 60)
	l.clock.Advance(8 * time.Hour)
	l.wantRange(l.days(src, fitbit.HeartRange, "2026-11-20", "2026-11-20")[0], "2026-11-20", 60, 90, 120)
}

func notWorn(l *lab) {
	src, _ := l.source()
	l.anna.Generate(l.day("2026-11-17"), l.day("2026-11-19"))
	for _, d := range []string{"2026-11-17", "2026-11-19"} { // whatever chance says of them
		l.anna.SetResting(l.day(d), 60)
		l.anna.SetHRV(l.day(d), 40)
		l.anna.SetZones(l.day(d), map[string]time.Duration{"LIGHT": time.Hour})
		l.anna.AddHeartSample(l.day(d).Start(l.zone("Europe/Berlin")).Add(11*time.Hour), 77)
	}
	l.anna.NotWorn(l.day("2026-11-18"))
	for _, m := range dailyMetrics() {
		list := l.days(src, m, "2026-11-17", "2026-11-19")
		if len(list) != 2 || list[0].Date != l.day("2026-11-17") || list[1].Date != l.day("2026-11-19") {
			l.Errorf("%s: days are %v, want the 17th and the 19th", m, list)
		}
	}
}

func heartSamples(l *lab) {
	src, _ := l.source()
	l.wear(map[string]int{
		"2026-11-20T09:59:59+01:00": 61, "2026-11-20T10:00:00+01:00": 62,
		"2026-11-20T10:59:59+01:00": 63, "2026-11-20T11:00:00+01:00": 64,
	})
	l.anna.AddHeartSample(l.at("2026-11-20T14:00:00+01:00"), 99) // in an hour from now
	in := fitbit.Window{From: l.at("2026-11-20T10:00:00+01:00"), To: l.at("2026-11-20T11:00:00+01:00")}
	list, err := src.HeartSamples(l.Context(), in)
	l.fine(err)
	if len(list) != 2 || list[0].BPM != 62 || list[1].BPM != 63 {
		l.Fatalf("samples are %v, want 62 and 63 bpm", list)
	}
	l.wantTime(list[0].Time, "2026-11-20T10:00:00+01:00")
	latest, err := src.LatestHeartSample(l.Context(), l.at("2026-11-20T11:00:00+01:00"))
	l.fine(err)
	if latest.BPM != 64 {
		l.Errorf("the latest sample has %d bpm, want 64", latest.BPM)
	}
	l.wantTime(latest.Time, "2026-11-20T11:00:00+01:00")
	_, err = src.LatestHeartSample(l.Context(), l.at("2026-11-20T11:00:01+01:00"))
	l.fails(err, fitbit.ErrNoData)
}
