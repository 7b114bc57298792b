package bridge

import (
	"fmt"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// mornings are those of somebody who has weighed in on every one, with an app that
// copies every reading.
func mornings(days int) (weights []fitbit.Weight, fats []fitbit.BodyFat) {
	for i := range days {
		t := daysAgo(i)
		weights = append(weights, kg(fmt.Sprint("w", i), t, 78, aria), kg(fmt.Sprint("c", i), t, 78, app))
		fats = append(fats, pct(fmt.Sprint("f", i), t, 24, aria))
	}
	return weights, fats
}

func fiveYears() (weights []KnownWeight, fats []KnownFat) {
	listed, fat := mornings(5 * 365)
	return readingsOf("google", listed, fat)
}

// BenchmarkIdlePoll is what a poll costs that finds nothing new, once a minute.
func BenchmarkIdlePoll(b *testing.B) {
	l := newLedger(fiveYears())
	in := listing{cloud: "google", window: fitbit.Window{From: at(60).Add(-minuteWindow)}, weights: &[]fitbit.Weight{}}
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

// BenchmarkMoving is what the first look at another cloud costs, which tells again all
// that is known. Ten times the readings must not take a hundred times as long.
func BenchmarkMoving(b *testing.B) {
	for _, days := range []int{400, 4000} {
		b.Run(fmt.Sprint(3*days, "_readings"), func(b *testing.B) {
			weights, fats := mornings(days)
			l := newLedger(readingsOf("fitbit", weights, fats))
			in := listing{cloud: "google", window: fitbit.Window{From: daysAgo(days)}, weights: &weights, fats: &fats}
			for b.Loop() {
				if r := l.compare(in, at(60)); len(r.found) > 0 || len(r.entry.GoneWeights) != 2*days {
					b.Fatal(len(r.found), len(r.entry.GoneWeights))
				}
			}
		})
	}
}
