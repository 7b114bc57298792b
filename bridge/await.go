package bridge

import (
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// When to look again for the body fat of a weigh-in that arrived without, counted
// from when the weight was first seen. After the last look it is published without.
func secondLooks() []time.Duration { return []time.Duration{10 * time.Second, 30 * time.Second} }

// awaitFat returns which new weigh-ins lack a body fat that their scale usually
// sends, since when, and when to look for it again; zero if there is nothing to
// wait for.
func (l *ledger) awaitFat(old *ledger, now time.Time) (awaited map[string]time.Time, next time.Time) {
	known := make(map[string]bool, len(old.weighIns))
	for _, w := range old.weighIns {
		known[w.ID] = true
	}
	awaited = make(map[string]time.Time)
	for _, w := range l.weighIns {
		if known[w.ID] || w.Fat != nil || now.Sub(w.Time) > backfillAge || !old.usuallyWithFat(w.Origin) {
			continue
		}
		since, waiting := old.awaited[w.ID]
		if !waiting {
			since = now
		}
		for _, after := range secondLooks() {
			if at := since.Add(after); now.Before(at) {
				awaited[w.ID] = since
				if next.IsZero() || at.Before(next) {
					next = at
				}
				break
			}
		}
	}
	return awaited, next
}

// usuallyWithFat reports whether most of the last weigh-ins from this source
// came with a body fat.
func (l *ledger) usuallyWithFat(from fitbit.Origin) bool {
	const recent = 5
	with, seen := 0, 0
	for i := len(l.weighIns) - 1; i >= 0 && seen < recent; i-- {
		if w := l.weighIns[i]; w.Recorded == fitbit.RecordedByScale && w.Origin == from {
			seen++
			if w.Fat != nil {
				with++
			}
		}
	}
	return with*2 > seen
}

// held returns the listing without the new readings from the first awaited
// weigh-in on.
func (l *ledger) held(old *ledger, in listing) listing {
	var from time.Time
	for _, w := range l.weighIns {
		if _, waiting := l.awaited[w.ID]; waiting {
			from = w.Time
			break
		}
	}
	weights, fats := make(ids), make(ids) // known of the listed cloud
	for _, w := range old.weights {
		weights[w.ID] = weights[w.ID] || w.Cloud == in.cloud
	}
	for _, f := range old.fats {
		fats[f.ID] = fats[f.ID] || f.Cloud == in.cloud
	}
	from = from.Add(-sameMoment) // what belongs to the awaited weigh-in waits with it
	if in.weights != nil {
		in.weights = new(slices.DeleteFunc(slices.Clone(*in.weights), func(w fitbit.Weight) bool {
			return !weights[w.ID] && !w.Time.Before(from)
		}))
	}
	if in.fats != nil {
		in.fats = new(slices.DeleteFunc(slices.Clone(*in.fats), func(f fitbit.BodyFat) bool {
			return !fats[f.ID] && !f.Time.Before(from)
		}))
	}
	return in
}
