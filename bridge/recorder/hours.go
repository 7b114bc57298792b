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
	sums := make(map[time.Time]int) // readings so far; the mean is their sum until then
	hours := make(map[time.Time]Hour)
	for _, r := range readings {
		start := r.Time.UTC().Truncate(time.Hour)
		if start.Add(time.Hour + settled).After(now) {
			continue
		}
		h, known := hours[start]
		if !known {
			h = Hour{start, 0, r.Value, r.Value}
		}
		h.Mean, h.Min, h.Max = h.Mean+r.Value, min(h.Min, r.Value), max(h.Max, r.Value)
		hours[start] = h
		sums[start]++
	}
	list := make([]Hour, 0, len(hours))
	for start, h := range hours {
		h.Mean = min(max(h.Mean/float64(sums[start]), h.Min), h.Max) // and no rounding puts it outside
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b Hour) int { return a.Start.Compare(b.Start) })
	return list
}
