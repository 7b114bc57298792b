package contract

import (
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// weights lists and checks what holds for every listing.
func (l *lab) weights(src fitbit.Source, in fitbit.Window) []fitbit.Weight {
	l.Helper()
	list, err := src.Weights(l.Context(), in)
	if err != nil {
		l.Fatal(err)
	}
	var rs []listed
	for _, w := range list {
		if !(w.Kilograms > 0) {
			l.Errorf("weight %s of %v is %v kg", w.ID, w.Time, w.Kilograms)
		}
		rs = append(rs, listed{w.ID, w.Time})
	}
	l.wellOrdered(rs, in)
	return list
}

func (l *lab) fats(src fitbit.Source, in fitbit.Window) []fitbit.BodyFat {
	l.Helper()
	list, err := src.BodyFats(l.Context(), in)
	if err != nil {
		l.Fatal(err)
	}
	var rs []listed
	for _, f := range list {
		if !(f.Percent > 0 && f.Percent <= 100) {
			l.Errorf("body fat %s of %v is %v %%", f.ID, f.Time, f.Percent)
		}
		rs = append(rs, listed{f.ID, f.Time})
	}
	l.wellOrdered(rs, in)
	return list
}

type listed struct {
	id string
	at time.Time
}

// wellOrdered checks: oldest first, no duplicates, within the window, decent ids.
func (l *lab) wellOrdered(list []listed, in fitbit.Window) {
	l.Helper()
	seen, decent := map[string]bool{}, regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	for i, r := range list {
		if i > 0 && r.at.Before(list[i-1].at) {
			l.Errorf("reading of %v comes after that of %v", r.at, list[i-1].at)
		}
		if !in.Contains(r.at) {
			l.Errorf("reading of %v is outside of the window", r.at)
		}
		if seen[r.id] || !decent.MatchString(r.id) {
			l.Errorf("id %q is malformed or comes twice", r.id)
		}
		seen[r.id] = true
	}
}

func about(a, b float64) bool { return math.Abs(a-b) < 1e-4 }

// wantKilograms compares weights by value.
func (l *lab) wantKilograms(list []fitbit.Weight, want ...float64) {
	l.Helper()
	var got []float64
	for _, w := range list {
		got = append(got, w.Kilograms)
	}
	if !slices.EqualFunc(got, want, about) {
		l.Errorf("weights are %v kg, want %v", got, want)
	}
}

func (l *lab) wantTime(got time.Time, want string) {
	l.Helper()
	if s := got.Format(time.RFC3339); s != want {
		l.Errorf("time is %s, want %s", s, want)
	}
}

func nothingMeasured(l *lab) {
	src, _ := l.source()
	if list := l.weights(src, l.all()); len(list) != 0 {
		l.Errorf("weights are %v, want none", list)
	}
	if list := l.fats(src, l.all()); len(list) != 0 {
		l.Errorf("body fats are %v, want none", list)
	}
	now := l.clock.Now()
	l.anna.WeighIn(now, 78.4, 24.4)
	if list := l.weights(src, fitbit.Window{From: now, To: now}); len(list) != 0 {
		l.Errorf("an empty window has weights %v", list)
	}
	l.fake.AddPerson(fakecloud.PersonOptions{Name: "bo"}) // who never entered a height
	bo := l.cloud.Source(l.env, &tokens{lab: l, grant: l.grant("bo")})
	_, err := bo.LatestWeight(l.Context())
	l.fails(err, fitbit.ErrNoData)
	_, err = bo.Height(l.Context())
	l.fails(err, fitbit.ErrNoData)
	_, err = bo.LatestHeartSample(l.Context(), now.Add(-24*time.Hour))
	l.fails(err, fitbit.ErrNoData)
	if metres, err := src.Height(l.Context()); err != nil || !about(metres, 1.78) {
		l.Errorf("height is %v m (%v), want 1.78", metres, err)
	}
}

func twoInOneMorning(l *lab) {
	src, _ := l.source()
	l.anna.WeighIn(l.at("2026-11-20T07:17:00+01:00"), 78.3, 24.3)
	l.anna.WeighIn(l.at("2026-11-20T07:14:09+01:00"), 78.4, 24.4)
	l.anna.AddWeight(fakecloud.Point{At: l.at("2026-11-20T12:30:00+01:00"), Value: 79.5})
	weights, fats := l.weights(src, l.all()), l.fats(src, l.all())
	l.wantKilograms(weights, 78.4, 78.3, 79.5)
	if len(weights) != 3 || len(fats) != 2 || !about(fats[0].Percent, 24.4) || !about(fats[1].Percent, 24.3) {
		l.Fatalf("body fats are %v, want two", fats)
	}
	l.wantTime(weights[0].Time, "2026-11-20T07:14:09+01:00")
	for i, f := range fats {
		if !f.Time.Equal(weights[i].Time) || f.Origin != weights[i].Origin {
			l.Errorf("body fat %v does not belong to weight %v", f, weights[i])
		}
	}
	if o := weights[0].Origin; o.Recorded != fitbit.RecordedByScale || o.Device == "" {
		l.Errorf("a scale's weight comes from %+v", o)
	}
	if o := weights[2].Origin; o.Recorded != fitbit.RecordedByHand {
		l.Errorf("a weight typed in comes from %+v", o)
	}
}

func windowEdges(l *lab) {
	src, _ := l.source()
	from, to := l.at("2026-11-18T07:00:00+01:00"), l.at("2026-11-20T07:00:00+01:00")
	for i, at := range []time.Time{from.Add(-time.Second), from, to.Add(-time.Second), to} {
		l.anna.WeighIn(at, 70+float64(i), 20+float64(i))
	}
	in := fitbit.Window{From: from, To: to}
	l.wantKilograms(l.weights(src, in), 71, 72)
	if fats := l.fats(src, in); len(fats) != 2 || !about(fats[0].Percent, 21) || !about(fats[1].Percent, 22) {
		l.Errorf("body fats are %v, want 21 and 22 %%", fats)
	}
}

func lateArrival(l *lab) {
	src, _ := l.source()
	l.anna.WeighIn(l.at("2026-11-17T07:00:00+01:00"), 78.7, 0)
	l.anna.WeighIn(l.at("2026-11-20T07:00:00+01:00"), 78.4, 0)
	l.wantKilograms(l.weights(src, l.all()), 78.7, 78.4)
	l.anna.WeighIn(l.at("2026-11-18T07:00:00+01:00"), 78.6, 0) // the scale was offline
	l.wantKilograms(l.weights(src, l.all()), 78.7, 78.6, 78.4)
}

func editsAndDeletions(l *lab) {
	src, _ := l.source()
	id, fat := l.anna.WeighIn(l.at("2026-11-18T07:00:00+01:00"), 78.4, 24.4)
	gone, goneFat := l.anna.WeighIn(l.at("2026-11-19T07:00:00+01:00"), 50.1, 20.1)
	before := l.weights(src, l.all())
	if !l.anna.EditWeight(id, 77.4) || !l.anna.EditBodyFat(fat, 23.4) || !l.anna.DeleteWeight(gone) || !l.anna.DeleteBodyFat(goneFat) {
		l.Fatal("the fake cloud lost a reading")
	}
	after, fats := l.weights(src, l.all()), l.fats(src, l.all())
	l.wantKilograms(after, 77.4)
	if len(before) != 2 || after[0].ID != before[0].ID {
		l.Errorf("the edit made %v of %v", after, before)
	}
	if len(fats) != 1 || !about(fats[0].Percent, 23.4) {
		l.Errorf("body fats are %v, want one of 23.4 %%", fats)
	}
	if !l.anna.MoveWeight(id, l.at("2026-11-18T06:30:00+01:00")) {
		l.Fatal("the fake cloud lost a reading")
	}
	l.wantTime(l.weights(src, l.all())[0].Time, "2026-11-18T06:30:00+01:00")
}

func aYear(l *lab) {
	l.anna.Generate(l.day("2025-11-21"), l.day("2026-11-20"))
	src, t := l.source()
	whole := l.weights(src, l.all())
	wholeFats := l.fats(src, l.all())
	if len(whole) < 200 || len(wholeFats) < 200 {
		l.Fatalf("%d weights and %d body fats in a year", len(whole), len(wholeFats))
	}
	var weights []fitbit.Weight
	var fats []fitbit.BodyFat
	src = l.cloud.Source(l.env, t)
	for from := l.clock.Now().AddDate(-1, 0, 0); from.Before(l.clock.Now()); from = from.AddDate(0, 2, 0) {
		in := fitbit.Window{From: from, To: from.AddDate(0, 2, 0)}
		weights = append(weights, l.weights(src, in)...)
		fats = append(fats, l.fats(src, in)...)
	}
	same := func(a, b fitbit.Weight) bool {
		return a.ID == b.ID && a.Time.Equal(b.Time) && a.Kilograms == b.Kilograms
	}
	if !slices.EqualFunc(whole, weights, same) {
		l.Errorf("a year at once has %d weights, in pieces %d", len(whole), len(weights))
	}
	sameFat := func(a, b fitbit.BodyFat) bool { return a.ID == b.ID && a.Time.Equal(b.Time) && a.Percent == b.Percent }
	if !slices.EqualFunc(wholeFats, fats, sameFat) {
		l.Errorf("a year at once has %d body fats, in pieces %d", len(wholeFats), len(fats))
	}
}

func latestWeight(l *lab) {
	src, _ := l.source()
	l.anna.WeighIn(l.at("2026-05-01T07:00:00+02:00"), 80.1, 0)
	l.anna.WeighIn(l.at("2026-05-02T07:00:00+02:00"), 80.2, 0)
	w, err := src.LatestWeight(l.Context())
	l.fine(err)
	l.wantTime(w.Time, "2026-05-02T07:00:00+02:00")
	if !about(w.Kilograms, 80.2) {
		l.Errorf("the latest weight is %v kg, want 80.2", w.Kilograms)
	}
}
