package bridge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// fate is a cloud in which anything happens: readings arrive late, are copied by
// apps, edited, moved, deleted, restored, and listed with holes.
type fate struct {
	*rand.Rand
	now     time.Time
	weights []fitbit.Weight
	fats    []fitbit.BodyFat
	trash   []fitbit.Weight
	count   int
}

func (f *fate) id(kind string) string {
	f.count++
	return fmt.Sprintf("%s%d", kind, f.count)
}

func (f *fate) weighing() {
	from := []fitbit.Origin{aria, aria, plain, hand}[f.IntN(4)]
	t := f.now.Add(-time.Duration(f.Int64N(int64(3 * time.Minute))))
	if f.IntN(4) == 0 { // a late arrival
		t = t.Add(-time.Duration(f.Int64N(int64(20 * 24 * time.Hour))))
	}
	w := kg(f.id("w"), t, 70+math.Round(f.Float64()*1000)/100, from)
	f.weights = append(f.weights, w)
	if from == aria && f.IntN(3) > 0 {
		f.fats = append(f.fats, pct(f.id("f"), t.Add(time.Duration(f.IntN(5))*time.Second), 20+math.Round(f.Float64()*50)/10, from))
	}
}

func (f *fate) strike() {
	n := len(f.weights)
	if n == 0 {
		f.weighing()
		return
	}
	i := f.IntN(n)
	w := &f.weights[i]
	switch f.IntN(9) {
	case 0, 1:
		f.weighing()
	case 2: // an app copies it, rounded
		f.weights = append(f.weights, kg(f.id("c"), w.Time.Add(time.Duration(f.IntN(100)-50)*time.Second), math.Round(w.Kilograms*10)/10, app))
	case 3:
		w.Kilograms = math.Round(w.Kilograms*100+float64(f.IntN(40)-20)) / 100
	case 4:
		w.Time = w.Time.Add(time.Duration(f.IntN(240)-120) * time.Second)
	case 5:
		f.trash = append(f.trash, *w)
		f.weights = slices.Delete(f.weights, i, i+1)
	case 6:
		if len(f.trash) > 0 {
			f.weights = append(f.weights, f.trash[0])
			f.trash = f.trash[1:]
		}
	case 7: // the fat turns up late
		f.fats = append(f.fats, pct(f.id("f"), w.Time, 30, w.Origin))
	case 8:
		if len(f.fats) > 0 {
			i := f.IntN(len(f.fats))
			f.fats = slices.Delete(f.fats, i, i+1)
		}
	}
}

func (f *fate) listing(back time.Duration, holes bool) listing {
	in := listing{cloud: "google", window: fitbit.Window{From: f.now.Add(-back)}}
	weights, fats := []fitbit.Weight{}, []fitbit.BodyFat{}
	for _, w := range f.weights {
		if in.window.Contains(w.Time) && (!holes || f.IntN(10) > 0) {
			weights = append(weights, w)
		}
	}
	for _, b := range f.fats {
		if in.window.Contains(b.Time) && (!holes || f.IntN(10) > 0) {
			fats = append(fats, b)
		}
	}
	in.weights = &weights
	if back > minuteWindow || f.IntN(2) == 0 {
		in.fats = &fats
	}
	return in
}

// follower believes nothing but events.
type follower map[string]WeighIn

func (told follower) hear(t *testing.T, found []finding) {
	t.Helper()
	if !slices.IsSortedFunc(found, func(a, b finding) int { return a.weighIn.Time.Compare(b.weighIn.Time) }) {
		t.Errorf("events out of order: %v", found)
	}
	for _, f := range found {
		_, known := told[f.weighIn.ID]
		if known != (f.kind == Correction || f.kind == Deletion) {
			t.Errorf("%s %s, known before: %t", f.kind, show(f.weighIn), known)
		}
		if told[f.weighIn.ID] = f.weighIn; f.kind == Deletion {
			delete(told, f.weighIn.ID)
		}
	}
}

// agree checks that events alone have led the follower to where the ledger is,
// but for body fat that came too late to be told.
func (told follower) agree(t *testing.T, l *ledger) {
	t.Helper()
	if len(told) != len(l.weighIns) {
		t.Errorf("events lead to %d weigh-ins, the ledger has %d", len(told), len(l.weighIns))
	}
	for _, w := range l.weighIns {
		heard, known := told[w.ID]
		if !known || !heard.sameWeight(w) || heard.Fat != nil && !heard.same(w) {
			t.Errorf("events say %s, the ledger %s", show(heard), show(w))
		}
	}
}

// sound checks what holds of every ledger.
func sound(t *testing.T, l *ledger) {
	t.Helper()
	members := make(map[string]int)
	for _, w := range l.weights {
		members[w.WeighIn]++
	}
	for _, w := range l.weighIns {
		if w.ID == "" || members[w.ID] == 0 {
			t.Errorf("weigh-in %q has %d readings", w.ID, members[w.ID])
		}
		delete(members, w.ID) // a second one of the same name has none left
	}
	if len(members) > 0 {
		t.Errorf("readings in no weigh-in: %v", members)
	}
	again := newLedger(l.weights, l.fats)
	if got, want := showAll(again.weighIns), showAll(l.weighIns); !slices.Equal(got, want) {
		t.Errorf("a restart changes the weigh-ins:\nfrom %s\nto   %s", strings.Join(want, "; "), strings.Join(got, "; "))
	}
	if len(changedWeights(l.weights, again.weights)) > 0 {
		t.Error("a restart renames weigh-ins")
	}
}

func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		f := &fate{Rand: rand.New(rand.NewPCG(seed, 1)), now: morning()}
		if f.live(t, newBook(t).habit().l); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// live lets things happen to somebody of whom that is known.
func (f *fate) live(t *testing.T, l *ledger) {
	t.Helper()
	told, old := make(follower), len(l.weights)-len(f.weights)
	for _, w := range l.weighIns {
		told[w.ID] = w
	}
	look := func(in listing) revision {
		r := l.compare(in, f.now)
		l = r.next
		told.hear(t, r.found)
		told.agree(t, l)
		sound(t, l)
		return r
	}
	for range 25 {
		for range f.IntN(4) {
			f.strike()
		}
		f.now = f.now.Add(time.Duration(f.IntN(90)) * time.Second)
		look(f.listing([]time.Duration{minuteWindow, sweepWindow}[f.IntN(2)], true))
	}
	for range 4 { // no more holes, and time to wait for body fat
		look(f.listing(sweepWindow, false))
		f.now = f.now.Add(20 * time.Second)
	}
	r := look(f.listing(sweepWindow, false))
	if !r.empty() || len(r.found) > 0 || r.doubt || !r.waitUntil.IsZero() {
		t.Errorf("nothing happened, and still: %+v", r)
	}
	seen := 0
	for _, w := range l.weights {
		if slices.Contains(f.weights, w.Weight) {
			seen++
		}
	}
	if seen != len(f.weights) || len(l.weights) != seen+old { // out of the window
		t.Errorf("%d of %d listed readings are known, %d in all", seen, len(f.weights), len(l.weights))
	}
}
