package recorder

import (
	"slices"
	"time"
)

// settled is how long after its end an hour belongs to Home Assistant, which records it
// ten seconds later, or when it has started.
const settled = 10 * time.Minute

// Reading is a value at a moment.
type Reading struct {
	Time  time.Time
	Value float64
}

// Hour is what was read within one hour of UTC, as everywhere in Home Assistant: where
// clocks are half an hour off, it begins at half past.
type Hour struct {
	Start          time.Time
	Mean, Min, Max float64
}

// Hours puts readings together, oldest first. Hours that are not over for ten minutes
// are left for another time.
func Hours(readings []Reading, now time.Time) []Hour {
	var hours []Hour
	var counts []int // of readings; Mean is their sum until all are there
	for _, r := range readings {
		start := r.Time.UTC().Truncate(time.Hour)
		if start.Add(time.Hour + settled).After(now) {
			continue
		}
		i, known := slices.BinarySearchFunc(hours, start, func(h Hour, t time.Time) int { return h.Start.Compare(t) })
		if !known {
			hours = slices.Insert(hours, i, Hour{start, 0, r.Value, r.Value})
			counts = slices.Insert(counts, i, 0)
		}
		h := &hours[i]
		h.Mean, h.Min, h.Max = h.Mean+r.Value, min(h.Min, r.Value), max(h.Max, r.Value)
		counts[i]++
	}
	for i := range hours {
		h := &hours[i]
		h.Mean = min(max(h.Mean/float64(counts[i]), h.Min), h.Max) // and no rounding puts it outside
	}
	return hours
}
