package contract

import (
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// personsMidnight: in Auckland the day begins while it is still yesterday in UTC.
func personsMidnight(l *lab) {
	l.clock.Set(l.at("2026-11-18T12:00:00+13:00"))
	l.anna.SetLocation(l.zone("Pacific/Auckland"))
	l.clock.Set(l.at("2026-11-20T12:00:00+13:00"))
	src, _ := l.source()
	l.wear(map[string]int{
		"2026-11-18T23:59:30+13:00": 50, "2026-11-19T00:00:30+13:00": 60,
		"2026-11-19T23:59:30+13:00": 70, "2026-11-20T00:00:30+13:00": 80,
	})
	list := l.days(src, fitbit.HeartRange, "2026-11-19", "2026-11-19")
	if len(list) != 1 {
		l.Fatalf("ranges are %v, want one", list)
	}
	l.wantRange(list[0], "2026-11-19", 60, 65, 70)
	l.anna.WeighIn(l.at("2026-11-19T23:59:30+13:00"), 78.4, 0)
	l.anna.WeighIn(l.at("2026-11-20T00:00:30+13:00"), 78.3, 0)
	weights := l.weights(src, l.all())
	l.wantKilograms(weights, 78.4, 78.3)
	for i, date := range []string{"2026-11-19", "2026-11-20"} {
		if d := fitbit.DateOf(weights[i].Time); d.String() != date {
			l.Errorf("weight %d is of %s, want %s", i, d, date)
		}
	}
}

// changeOfClocks weighs before and after, and wears the tracker at both ends of the day.
func (l *lab) changeOfClocks(date, before, after string) {
	l.Helper()
	berlin, d := l.zone("Europe/Berlin"), l.day(date)
	start, end := d.Start(berlin), d.AddDays(1).Start(berlin)
	l.clock.Set(end.Add(10 * time.Hour))
	src, _ := l.source()
	for i, at := range []time.Time{start.Add(-time.Minute), start, end.Add(-time.Minute), end} {
		l.anna.AddHeartSample(at, 50+10*i)
	}
	list := l.days(src, fitbit.HeartRange, date, date)
	if len(list) != 1 {
		l.Fatalf("ranges are %v, want one", list)
	}
	l.wantRange(list[0], date, 60, 65, 70)
	samples, err := src.HeartSamples(l.Context(), fitbit.Window{From: start, To: end})
	l.fine(err)
	if len(samples) != 2 || samples[0].BPM != 60 || samples[1].BPM != 70 || samples[1].Time.Sub(samples[0].Time) != end.Sub(start)-time.Minute {
		l.Errorf("samples of %s are %v, want 60 and 70 bpm", date, samples)
	}
	l.anna.WeighIn(l.at(before), 78.4, 24.4)
	l.anna.WeighIn(l.at(after), 78.3, 24.3)
	weights := l.weights(src, l.all())
	l.wantKilograms(weights, 78.4, 78.3)
	l.wantTime(weights[0].Time, before)
	l.wantTime(weights[1].Time, after)
}

func clocksPutBack(l *lab) {
	l.changeOfClocks("2026-10-25", "2026-10-25T01:30:00+02:00", "2026-10-25T07:00:00+01:00")
}

func clocksPutForward(l *lab) {
	l.changeOfClocks("2026-03-29", "2026-03-29T01:30:00+01:00", "2026-03-29T07:00:00+02:00")
}

func travel(l *lab) {
	src, _ := l.source()
	l.anna.WeighIn(l.at("2026-11-20T07:00:00+01:00"), 78.4, 24.4)
	l.anna.SetLocation(l.zone("America/New_York"))
	l.clock.Advance(24 * time.Hour)
	l.anna.WeighIn(l.at("2026-11-21T06:45:00-05:00"), 78.6, 24.6)
	weights := l.weights(src, l.all())
	l.wantKilograms(weights, 78.4, 78.6)
	l.wantTime(weights[1].Time, "2026-11-21T06:45:00-05:00")
	if !l.cloud.FloatingTime {
		l.wantTime(weights[0].Time, "2026-11-20T07:00:00+01:00")
	}
	s, err := src.Settings(l.Context())
	l.fine(err)
	if s.Location.String() != "America/New_York" {
		l.Errorf("the person's zone is %s, want New York's", s.Location)
	}
}
