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
	fats     []KnownFat
	weighIns []WeighIn

	// doubted are readings that the last complete listing lacked: a list that has
	// a hole for a moment must not look like a deletion.
	doubtedWeights, doubtedFats ids
	// awaited are new weigh-ins whose body fat has not arrived yet, and since when.
	awaited map[string]time.Time
}

// ids is a set of readings of one cloud, or of weigh-ins.
type ids map[string]bool

func newLedger(weights []KnownWeight, fats []KnownFat) *ledger {
	l := &ledger{weights: slices.Clone(weights), fats: slices.Clone(fats)}
	l.weighIns = assemble(l.weights, l.fats)
	return l
}

// listing is what a cloud says of a window. A nil list was not asked for.
type listing struct {
	cloud   string
	window  fitbit.Window
	weights *[]fitbit.Weight
	fats    *[]fitbit.BodyFat
	// news is since when a weigh-in that was not known is one; zero: ever.
	news time.Time
	// last is set if nobody will look again soon: no body fat is waited for.
	last bool
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
	if !in.last {
		next.awaited, r.waitUntil = next.awaitFat(l, now)
	}
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
	r.found = l.findings(next, in, now, recognised(next, weights, fats))
	return r
}

// take makes l what old becomes with the changes.
func (l *ledger) take(old *ledger, weights merged[KnownWeight], fats merged[KnownFat]) {
	l.weights, l.fats = weights.apply(old.weights), fats.apply(old.fats)
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
		fat = &l.fats[n-1].BodyFat
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

// merge compares the ledger with a listing. A weigh-in that another cloud has told of
// goes over to the listed one as a whole, under its id.
func (l *ledger) merge(in listing) (weights merged[KnownWeight], fats merged[KnownFat]) {
	if in.fats != nil {
		listed := make([]KnownFat, len(*in.fats))
		for i, f := range *in.fats {
			listed[i] = KnownFat{f, in.cloud}
		}
		fats = merge(l.fats, listed, in, l.doubtedFats, sameFat)
		for _, t := range fats.twins {
			fats.gone = append(fats.gone, t.old.Ref())
		}
	}
	if in.weights == nil {
		return weights, fats
	}
	listed, place := make([]KnownWeight, len(*in.weights)), make(map[string]int, len(*in.weights))
	for i, w := range *in.weights {
		listed[i].Weight, listed[i].Cloud, place[w.ID] = w, in.cloud, i
	}
	for _, w := range l.weights {
		if i, known := place[w.ID]; known && w.Cloud == in.cloud {
			listed[i].WeighIn = w.WeighIn
		}
	}
	weights = merge(l.weights, listed, in, l.doubtedWeights, sameWeight)
	gone := make(ids)
	for _, t := range weights.twins {
		weights.changed[t.fresh].WeighIn, gone[t.old.WeighIn] = t.old.WeighIn, true
	}
	for _, w := range l.weights {
		if w.Cloud != in.cloud && gone[w.WeighIn] {
			weights.gone = append(weights.gone, w.Ref())
		}
	}
	return weights, fats
}

// changedWeights lists the readings that are new, or differ, or have moved to
// another weigh-in.
func changedWeights(old, current []KnownWeight) []KnownWeight {
	before := make(map[Ref]KnownWeight, len(old))
	for _, w := range old {
		before[w.Ref()] = w
	}
	var changed []KnownWeight
	for _, w := range current {
		if o, known := before[w.Ref()]; !known || o.WeighIn != w.WeighIn || o.face().differs(w.face()) {
			changed = append(changed, w)
		}
	}
	return changed
}

// findings compares two states of the ledger, oldest first.
func (l *ledger) findings(next *ledger, in listing, now time.Time, told recognition) []finding {
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
		case known && (o.same(w) || told.same(o, w)):
			continue
		case known && o.Fat == nil && late && o.sameWeight(w):
			continue // an old weigh-in has become more complete: nobody waits for that
		case known:
			f.kind = Correction
		case told.parts[w.ID] || w.Time.Before(in.news):
			continue
		case late:
			f.kind = Backfill
		default:
			f.kind = NewWeighIn
		}
		found = append(found, f)
	}
	for i, w := range l.weighIns {
		if _, deleted := old[w.ID]; deleted && !told.weighIns[w.ID] {
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
