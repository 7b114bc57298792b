package bridge

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// legacy is the same history as a cloud shows it that rounds to a tenth of a kilogram
// or of a pound, keeps whole seconds and no offsets, and places everything in one zone.
func (f *fate) legacy(zone *time.Location) (weights []fitbit.Weight, fats []fitbit.BodyFat) {
	place := func(t time.Time) time.Time {
		t = wall(t).Truncate(time.Second)
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
	}
	unit := []float64{0.1, 0.045359237}[f.IntN(2)]
	for _, w := range f.weights {
		w.ID, w.Time, w.Kilograms = "1"+w.ID, place(w.Time), math.Round(w.Kilograms/unit)*unit
		if w.Origin == aria {
			w.Origin = oldAria
		}
		weights = append(weights, w)
	}
	for _, b := range f.fats {
		b.ID, b.Time, b.Percent = "1"+b.ID, place(b.Time), math.Round(b.Percent*10)/10
		if b.Origin == aria {
			b.Origin = oldAria
		}
		fats = append(fats, b)
	}
	return weights, fats
}

// travels gives readings the offset of wherever somebody has been.
func (f *fate) travels() {
	at := make(map[int64]*time.Location)
	there := func(t time.Time) time.Time {
		month := t.Unix() / (7 * 24 * 3600)
		if at[month] == nil {
			at[month] = time.FixedZone("", (f.IntN(25)-11)*3600)
		}
		return t.In(at[month])
	}
	for i := range f.weights {
		f.weights[i].Time = there(f.weights[i].Time)
	}
	for i := range f.fats {
		f.fats[i].Time = there(f.fats[i].Time)
	}
}

// Whatever the history, moving tells nothing, and no weigh-in is known twice.
func TestMovingTellsNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		moveWithout(t, seed)
	}
}

// Whoever has moved lives on like everybody else.
func TestWhateverHappensAfterAMove(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		f := &fate{Rand: rand.New(rand.NewPCG(seed, 3)), now: morning()}
		for range 30 {
			f.strike()
		}
		b := newBook(t)
		b.cloud = "fitbit"
		weights, fats := f.legacy(time.FixedZone("", 3600))
		b.list(weights, fats)
		l := b.l.compare(f.listing(sweepWindow, false), f.now).next
		l = l.compare(f.listing(sweepWindow, false), f.now.Add(time.Minute)).next // whoever was held back
		if f.live(t, l); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzMoving(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(moveWithout)
}

func moveWithout(t *testing.T, seed uint64) {
	t.Helper()
	f := &fate{Rand: rand.New(rand.NewPCG(seed, 2)), now: morning()}
	for range f.IntN(60) {
		f.strike()
		f.now = f.now.Add(time.Duration(f.IntN(5000)) * time.Second)
	}
	f.travels()
	f.now = f.now.Add(48 * time.Hour) // nobody waits for body fat
	b := newBook(t)
	b.now, b.cloud = f.now, "fitbit"
	weights, fats := f.legacy(time.FixedZone("", (f.IntN(25)-11)*3600))
	year := fitbit.Window{From: f.now.AddDate(-1, 0, 0)}
	for range 2 { // and once more for whoever was held back
		b.see(listing{window: year, weights: &weights, fats: &fats})
	}
	before := b.l.weighIns
	b.cloud = "google"
	now := slices.Clone(f.weights)
	f.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
	for range 2 {
		if found := b.see(listing{window: year, weights: &now, fats: &f.fats}); len(found) > 0 {
			t.Errorf("seed %d: told %s", seed, strings.Join(found, "; "))
		}
	}
	sound(t, b.l)
	if !b.last.empty() || len(b.l.weights) != len(f.weights) {
		t.Errorf("seed %d: %d readings known of %d, %+v", seed, len(b.l.weights), len(f.weights), b.last.entry)
	}
	// Only rounding that puts several copies of one minute together differently costs an id.
	for _, lists := range [][2][]WeighIn{{before, b.l.weighIns}, {b.l.weighIns, before}} {
		for _, w := range lists[0] {
			is := func(o WeighIn) bool { return o.ID == w.ID }
			near := func(o WeighIn) bool { return o.ID != w.ID && o.Time.Sub(w.Time).Abs() <= 2*sameMoment }
			if !slices.ContainsFunc(lists[1], is) && !slices.ContainsFunc(lists[0], near) {
				t.Errorf("seed %d: %s of %d has no counterpart among %d", seed, show(w), len(lists[0]), len(lists[1]))
			}
		}
	}
}
