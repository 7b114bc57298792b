package bridge

import (
	"slices"
	"sort"
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
	doubtedWeights, doubtedFats ids
	// awaited are new weigh-ins whose body fat has not arrived yet, and since when.
	awaited map[string]time.Time
}

// ids is a set of readings.
type ids map[string]bool

func newLedger(weights []KnownWeight, fats []fitbit.BodyFat) *ledger {
	l := &ledger{weights: slices.Clone(weights), fats: slices.Clone(fats)}
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
	next := &ledger{
		weights: l.weights, fats: l.fats, weighIns: l.weighIns,
		doubtedWeights: l.doubtedWeights, doubtedFats: l.doubtedFats,
	}
	if in.weights != nil {
		next.doubtedWeights = weights.doubted
	}
	if in.fats != nil {
		next.doubtedFats = fats.doubted
	}
	r := revision{next: next, doubt: weights.doubt || fats.doubt}
	if weights.same() && fats.same() {
		return r
	}
	next.take(l, weights, fats)
	next.awaited, r.waitUntil = next.awaitFat(l, now)
	if !r.waitUntil.IsZero() {
		// Nothing of a weigh-in that is held back may be remembered yet, nor of
		// any later one: events come in order.
		weights, fats = l.merge(next.held(l, in))
		next.take(l, weights, fats)
	}
	r.entry = Entry{
		Weights: changedWeights(l.weights, next.weights), Fats: fats.changed,
		GoneWeights: weights.gone, GoneFats: fats.gone,
	}
	r.found = l.findings(next, now)
	return r
}

// take makes l what old becomes with the changes.
func (l *ledger) take(old *ledger, weights merged[KnownWeight], fats merged[fitbit.BodyFat]) {
	l.weights, l.fats = weights.apply(old.weights, weightFace), fats.apply(old.fats, fatFace)
	l.weighIns = assemble(l.weights, l.fats)
}

// empty reports whether there is nothing to remember.
func (r revision) empty() bool {
	return len(r.entry.Weights)+len(r.entry.Fats)+len(r.entry.GoneWeights)+len(r.entry.GoneFats) == 0
}

// newestFat is the newest body fat as of a time, or ever if that is zero. Where
// several sources tell of one weighing, the one that the weigh-in took counts.
func (l *ledger) newestFat(weighIns []WeighIn, asOf time.Time) (fat *fitbit.BodyFat) {
	n := len(l.fats)
	if !asOf.IsZero() {
		n = sort.Search(n, func(i int) bool { return l.fats[i].Time.After(asOf) })
	}
	if n > 0 {
		fat = &l.fats[n-1]
	}
	for _, w := range slices.Backward(weighIns) {
		if w.Fat == nil {
			continue
		}
		if fat == nil || fat.Time.Sub(w.Fat.Time) <= sameMoment {
			return w.Fat
		}
		break
	}
	return fat
}

// merged is what a listing changes in one list of readings.
type merged[T any] struct {
	changed []T      // new or different
	gone    []string // doubted before and missing again
	doubted ids      // missing for the first time, or doubted before and not listed this time
	doubt   bool     // there is one of the former
}

// same reports whether the list is as it was.
func (m merged[T]) same() bool { return len(m.changed)+len(m.gone) == 0 }

// apply returns a list with the changes made.
func (m merged[T]) apply(known []T, look func(T) face) []T {
	settled := make(ids, len(m.changed)+len(m.gone))
	for _, v := range m.changed {
		settled[look(v).id] = true
	}
	for _, id := range m.gone {
		settled[id] = true
	}
	all := make([]T, 0, len(known)+len(m.changed))
	for _, v := range known {
		if !settled[look(v).id] {
			all = append(all, v)
		}
	}
	return append(all, m.changed...)
}

func (l *ledger) merge(in listing) (weights merged[KnownWeight], fats merged[fitbit.BodyFat]) {
	if in.weights != nil {
		listed, place := make([]KnownWeight, len(*in.weights)), make(map[string]int, len(*in.weights))
		for i, w := range *in.weights {
			listed[i].Weight, place[w.ID] = w, i
		}
		for _, w := range l.weights {
			if i, known := place[w.ID]; known {
				listed[i].WeighIn = w.WeighIn
			}
		}
		weights = merge(l.weights, listed, in.window, l.doubtedWeights, weightFace)
	}
	if in.fats != nil {
		fats = merge(l.fats, *in.fats, in.window, l.doubtedFats, fatFace)
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

func weightFace(w KnownWeight) face { return face{w.ID, w.Time, w.Kilograms, w.Origin} }
func fatFace(f fitbit.BodyFat) face { return face{f.ID, f.Time, f.Percent, f.Origin} }
func (f face) differs(other face) bool {
	return !f.at.Equal(other.at) || offset(f.at) != offset(other.at) || f.value != other.value || f.Origin != other.Origin
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// merge compares known readings with a complete list of a window.
func merge[T any](known, listed []T, window fitbit.Window, doubted ids, look func(T) face) merged[T] {
	m := merged[T]{doubted: make(ids)}
	fresh := make(map[string]T, len(listed))
	for _, v := range listed {
		fresh[look(v).id] = v
	}
	for _, old := range known {
		f := look(old)
		v, stays := fresh[f.id]
		switch {
		case stays:
			if delete(fresh, f.id); look(v).differs(f) {
				m.changed = append(m.changed, v)
			}
		case !window.Contains(f.at):
			if doubted[f.id] {
				m.doubted[f.id] = true
			}
		case doubted[f.id]:
			m.gone = append(m.gone, f.id)
		default:
			m.doubted[f.id], m.doubt = true, true
		}
	}
	for _, v := range listed { // in the list's order
		if _, isNew := fresh[look(v).id]; isNew {
			m.changed = append(m.changed, v)
			delete(fresh, look(v).id)
		}
	}
	return m
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
		case known && o.Fat == nil && late && o.sameWeight(w):
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
