package bridge

import (
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// backfillAge separates a weigh-in that is news from one that turned up late.
const backfillAge = 24 * time.Hour

// ledger holds all readings of one person and the weigh-ins they amount to.
type ledger struct {
	weights  []KnownWeight
	fats     []fitbit.BodyFat
	weighIns []WeighIn

	// doubted are readings that the last complete listing lacked: a list that has
	// a hole for a moment must not look like a deletion.
	doubted map[string]bool
	// awaited are new weigh-ins whose body fat has not arrived yet, and since when.
	awaited map[string]time.Time
}

func newLedger(weights []KnownWeight, fats []fitbit.BodyFat) *ledger {
	l := &ledger{
		weights: slices.Clone(weights), fats: slices.Clone(fats),
		doubted: make(map[string]bool), awaited: make(map[string]time.Time),
	}
	l.weighIns = assemble(l.weights, l.fats)
	return l
}

// listing is what the cloud says of a window. A nil list was not asked for.
type listing struct {
	window  fitbit.Window
	weights *[]fitbit.Weight
	fats    *[]fitbit.BodyFat
}

// revision is what a listing changes in the ledger.
type revision struct {
	entry Entry // without events' fields that need the person
	next  *ledger
	found []finding // oldest first
	doubt bool      // readings are missing for the first time: look again soon
	// waitUntil is when to look again for a body fat that is still on its way.
	waitUntil time.Time
}

// finding is one thing to tell the house.
type finding struct {
	kind    EventType
	weighIn WeighIn
	before  *WeighIn // the weigh-in before this one in time
}

// compare finds out what a listing changes; the ledger itself stays as it is.
func (l *ledger) compare(in listing, now time.Time) revision {
	weights, fats := l.merge(in)
	next := &ledger{weights: weights.all, fats: fats.all, doubted: l.doubts(in, weights, fats), awaited: l.awaited}
	next.weighIns = assemble(next.weights, next.fats)

	r := revision{next: next, doubt: len(weights.missing)+len(fats.missing) > 0}
	if wait := next.awaitFat(l, now); !wait.IsZero() {
		r.waitUntil = wait
		// Nothing of a weigh-in that is held back may be remembered yet, nor of
		// any later one: events come in order.
		weights, fats = l.merge(next.held(l, in))
		next.weights, next.fats = weights.all, fats.all
		next.weighIns = assemble(next.weights, next.fats)
	}
	r.entry = Entry{GoneWeights: weights.gone, GoneFats: fats.gone, Fats: fats.changed}
	r.entry.Weights = changedWeights(l.weights, next.weights)
	r.found = l.findings(next, now)
	return r
}

// empty reports whether the listing said nothing new.
func (r revision) empty() bool {
	return len(r.entry.Weights)+len(r.entry.Fats)+len(r.entry.GoneWeights)+len(r.entry.GoneFats) == 0
}

// merged is one list of readings brought up to date.
type merged[T any] struct {
	all     []T
	changed []T      // new or different
	gone    []string // doubted before and missing again
	missing []string // missing for the first time
	unheard []string // doubted before, and outside this listing's window
}

func (l *ledger) merge(in listing) (merged[KnownWeight], merged[fitbit.BodyFat]) {
	weights := merged[KnownWeight]{all: slices.Clone(l.weights)}
	fats := merged[fitbit.BodyFat]{all: slices.Clone(l.fats)}
	if in.weights != nil {
		names := make(map[string]string, len(l.weights))
		for _, w := range l.weights {
			names[w.ID] = w.WeighIn
		}
		listed := make([]KnownWeight, len(*in.weights))
		for i, w := range *in.weights {
			listed[i] = KnownWeight{Weight: w, WeighIn: names[w.ID]}
		}
		weights = merge(l.weights, listed, in.window, l.doubted, weightFace)
	}
	if in.fats != nil {
		fats = merge(l.fats, *in.fats, in.window, l.doubted, fatFace)
	}
	return weights, fats
}

// face is what can be compared of a reading.
type face struct {
	id    string
	at    time.Time
	value float64
	fitbit.Origin
}

func weightFace(w KnownWeight) face { return face{"w" + w.ID, w.Time, w.Kilograms, w.Origin} }
func fatFace(f fitbit.BodyFat) face { return face{"f" + f.ID, f.Time, f.Percent, f.Origin} }
func (f face) differs(other face) bool {
	return !f.at.Equal(other.at) || offset(f.at) != offset(other.at) || f.value != other.value || f.Origin != other.Origin
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// merge brings known readings up to date with a complete list of a window.
func merge[T any](known, listed []T, window fitbit.Window, doubted map[string]bool, look func(T) face) merged[T] {
	var m merged[T]
	fresh := make(map[string]T, len(listed))
	for _, v := range listed {
		fresh[look(v).id] = v
	}
	for _, old := range known {
		f := look(old)
		v, stays := fresh[f.id]
		delete(fresh, f.id)
		switch {
		case stays && look(v).differs(f):
			m.all, m.changed = append(m.all, v), append(m.changed, v)
		case stays:
			m.all = append(m.all, old)
		case !window.Contains(f.at):
			m.all = append(m.all, old)
			if doubted[f.id] {
				m.unheard = append(m.unheard, f.id)
			}
		case doubted[f.id]:
			m.gone = append(m.gone, f.id[1:])
		default:
			m.all, m.missing = append(m.all, old), append(m.missing, f.id)
		}
	}
	for _, v := range listed { // in the list's order
		if _, isNew := fresh[look(v).id]; isNew {
			m.all, m.changed = append(m.all, v), append(m.changed, v)
			delete(fresh, look(v).id)
		}
	}
	return m
}

// doubts carries over what this listing could not settle.
func (l *ledger) doubts(in listing, weights merged[KnownWeight], fats merged[fitbit.BodyFat]) map[string]bool {
	d := make(map[string]bool)
	for id := range l.doubted {
		if in.weights == nil && id[0] == 'w' || in.fats == nil && id[0] == 'f' {
			d[id] = true
		}
	}
	for _, id := range slices.Concat(weights.missing, weights.unheard, fats.missing, fats.unheard) {
		d[id] = true
	}
	return d
}

// changedWeights lists the readings that are new, or differ, or have moved to
// another weigh-in.
func changedWeights(old, current []KnownWeight) []KnownWeight {
	before := make(map[string]KnownWeight, len(old))
	for _, w := range old {
		before[w.ID] = w
	}
	var changed []KnownWeight
	for _, w := range current {
		if o, known := before[w.ID]; !known || o.WeighIn != w.WeighIn || weightFace(o).differs(weightFace(w)) {
			changed = append(changed, w)
		}
	}
	return changed
}

// findings compares two states of the ledger, oldest first.
func (l *ledger) findings(next *ledger, now time.Time) []finding {
	old := make(map[string]WeighIn, len(l.weighIns))
	for _, w := range l.weighIns {
		old[w.ID] = w
	}
	var found []finding
	for i, w := range next.weighIns {
		f := finding{weighIn: w}
		if i > 0 {
			f.before = &next.weighIns[i-1]
		}
		o, known := old[w.ID]
		delete(old, w.ID)
		late := now.Sub(w.Time) > backfillAge
		switch {
		case known && o.same(w):
			continue
		case known && o.FatPercent == nil && late && o.sameWeight(w):
			continue // an old weigh-in has become more complete: nobody waits for that
		case known:
			f.kind = Correction
		case late:
			f.kind = Backfill
		default:
			f.kind = NewWeighIn
		}
		found = append(found, f)
	}
	for i, w := range l.weighIns {
		if _, deleted := old[w.ID]; deleted {
			f := finding{kind: Deletion, weighIn: w}
			if i > 0 {
				f.before = &l.weighIns[i-1]
			}
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return a.weighIn.Time.Compare(b.weighIn.Time) })
	return found
}
