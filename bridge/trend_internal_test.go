package bridge

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func weighIns(days []int, kilograms ...float64) []WeighIn {
	list := make([]WeighIn, len(days))
	for i, d := range days {
		list[i] = WeighIn{Time: morning().AddDate(0, 0, d), Kilograms: kilograms[i]}
	}
	return list
}

// The numbers are worked out by hand: each day the trend covers a tenth of the way
// to that day's weight.
func TestTrend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		list []WeighIn
		want []float64
	}{
		{"none", nil, nil},
		{"one", weighIns([]int{0}, 80), []float64{80}},
		{"day by day", weighIns([]int{0, 1, 2, 3}, 80, 79, 81, 78), []float64{80, 79.9, 80.01, 79.809}},
		{"twice a day counts once", weighIns([]int{0, 1, 1}, 80, 78, 80), []float64{80, 79.9}},
		{"a day missed", weighIns([]int{0, 2}, 80, 79), []float64{80, 79.81}},
		{"a month missed", weighIns([]int{0, 30}, 80, 70), []float64{80, 70.42391158}},
	} {
		points := trend(c.list)
		if len(points) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, points, c.want)
			continue
		}
		for i, p := range points {
			if math.Abs(p.Kilograms-c.want[i]) > 1e-8 {
				t.Errorf("%s: point %d is %.8f, want %.8f", c.name, i, p.Kilograms, c.want[i])
			}
		}
	}
}

func TestTrendGoesByThePersonsOwnDays(t *testing.T) {
	t.Parallel()
	tokyo, hawaii := time.FixedZone("", 9*3600), time.FixedZone("", -10*3600)
	flight := []WeighIn{
		{Time: time.Date(2026, 11, 21, 7, 0, 0, 0, tokyo), Kilograms: 80},
		{Time: time.Date(2026, 11, 20, 23, 0, 0, 0, hawaii), Kilograms: 79}, // later, though the calendar says the day before
		{Time: time.Date(2026, 11, 21, 7, 0, 0, 0, hawaii), Kilograms: 79},
	}
	points := trend(flight)
	if len(points) != 3 || points[1].Date.Day != 20 || math.Abs(points[2].Kilograms-79.81) > 1e-9 {
		t.Errorf("%v", points)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	points := trend(weighIns([]int{0, 1, 7, 8}, 80, 80, 70, 70))
	got := change(points, 7)
	if got == nil || math.Abs(*got-(points[3].Kilograms-points[1].Kilograms)) > 1e-9 || *got > -5 {
		t.Errorf("7 days: %v", got)
	}
	if got := change(points, 8); got == nil || math.Abs(*got-(points[3].Kilograms-80)) > 1e-9 {
		t.Errorf("8 days: %v", got)
	}
	if got := change(points, 9); got != nil {
		t.Errorf("further back than anything is known: %v", *got)
	}
	if got := change(nil, 7); got != nil {
		t.Errorf("of nothing: %v", *got)
	}
	if got := change(points[:1], 7); got != nil {
		t.Errorf("of a single day: %v", *got)
	}
}

func TestRounding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{{78.424, 2, "78.42"}, {78.425, 2, "78.43"}, {-0.04, 1, "0"}, {-0.05, 1, "-0.1"}, {24.449, 1, "24.4"}, {0, 1, "0"}} {
		if got, _ := json.Marshal(round(c.v, c.decimals)); string(got) != c.want {
			t.Errorf("%v to %d decimals: %s, want %s", c.v, c.decimals, got, c.want)
		}
	}
}
