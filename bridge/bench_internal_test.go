package bridge

import (
	"fmt"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// fiveYears is somebody who has weighed in every morning, with an app that copies
// every reading.
func fiveYears() (weights []KnownWeight, fats []fitbit.BodyFat) {
	for i := range 5 * 365 {
		t := daysAgo(i)
		weights = append(weights, KnownWeight{Weight: kg(fmt.Sprint("w", i), t, 78, aria)}, KnownWeight{Weight: kg(fmt.Sprint("c", i), t, 78, app)})
		fats = append(fats, pct(fmt.Sprint("f", i), t, 24, aria))
	}
	return weights, fats
}

// BenchmarkIdlePoll is what a poll costs that finds nothing new, once a minute.
func BenchmarkIdlePoll(b *testing.B) {
	l := newLedger(fiveYears())
	in := listing{window: fitbit.Window{From: at(60).Add(-minuteWindow)}, weights: &[]fitbit.Weight{}}
	for _, w := range l.weights {
		if in.window.Contains(w.Time) {
			*in.weights = append(*in.weights, w.Weight)
		}
	}
	for b.Loop() {
		if r := l.compare(in, at(60)); !r.empty() || r.doubt {
			b.Fatal("not idle")
		}
	}
}

// BenchmarkAssemble is what a start costs, and each change.
func BenchmarkAssemble(b *testing.B) {
	weights, fats := fiveYears()
	for b.Loop() {
		if l := newLedger(weights, fats); len(l.weighIns) != 5*365 {
			b.Fatal(len(l.weighIns))
		}
	}
}
