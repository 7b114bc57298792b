package bridge

import (
	"math"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// trendPerDay is how much of the distance to the day's weight the trend covers in
// a day: the exponentially smoothed average of John Walker's The Hacker's Diet.
const trendPerDay = 0.1

// trend smooths weigh-ins, oldest first. A day counts with the mean of its
// weigh-ins; days without one let the next one count for more.
func trend(weighIns []WeighIn) []TrendPoint {
	var points []TrendPoint
	for i := 0; i < len(weighIns); {
		date, sum, n := fitbit.DateOf(weighIns[i].Time), 0.0, 0
		for ; i < len(weighIns) && fitbit.DateOf(weighIns[i].Time) == date; i++ {
			sum += weighIns[i].Kilograms
			n++
		}
		p := TrendPoint{Date: date, At: weighIns[i-1].Time, Kilograms: sum / float64(n)}
		if len(points) > 0 {
			last := points[len(points)-1]
			days := max(date.Sub(last.Date), 1)
			p.Kilograms = last.Kilograms + (1-math.Pow(1-trendPerDay, float64(days)))*(p.Kilograms-last.Kilograms)
		}
		points = append(points, p)
	}
	return points
}

// change returns how far the trend has moved in the days before its last point,
// and nil if it does not reach back that far.
func change(points []TrendPoint, days int) *float64 {
	if len(points) == 0 {
		return nil
	}
	last := points[len(points)-1]
	then := last.Date.AddDays(-days)
	for i := len(points) - 2; i >= 0; i-- {
		if !then.Before(points[i].Date) {
			return new(last.Kilograms - points[i].Kilograms)
		}
	}
	return nil
}

// round to the given number of decimals; never to minus zero, which JSON would show.
func round(v float64, decimals int) float64 {
	p := math.Pow10(decimals)
	if v = math.Round(v*p) / p; v == 0 {
		return 0
	}
	return v
}

// rounded is round to the one decimal that most payload fields carry; nil stays nil.
func rounded(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return new(round(*v, 1))
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// stamp writes a time the way all payloads do: RFC 3339 with the offset it
// carries, whole seconds; nil for the zero time.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.Format(time.RFC3339))
}
