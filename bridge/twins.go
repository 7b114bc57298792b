package bridge

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// Somebody who moves to another cloud brings their readings along, under other ids, in
// other units, and with other ideas of what time it was. Like sameMoment and sameWeight,
// sameFat says how far apart two of one weighing may be: in percentage points.
const sameFat = 0.15

// twin is a fresh reading that tells what is known from another cloud.
type twin[T any] struct {
	fresh  int // its place in merged.changed
	old    T
	edited bool // in between: they differ by more than rounding
}

// recognise finds, among the fresh readings from place first on, the twins of what is
// known from other clouds: at the same moment by either's clock, with the same value
// but for rounding; then those of the very same second on the clock, which somebody
// has edited in between.
func (m *merged[T]) recognise(known []T, first int, rounding float64) {
	fresh := m.changed[first:]
	if len(fresh) == 0 {
		return
	}
	cloud := fresh[0].face().Cloud
	var foreign []T
	for _, v := range known {
		if v.face().Cloud != cloud {
			foreign = append(foreign, v)
		}
	}
	usedFresh, usedOld := make([]bool, len(fresh)), make([]bool, len(foreign))
	as, bs := faces(fresh), faces(foreign)
	for _, edited := range []bool{false, true} {
		pairs := pairUp(as, bs, func(i, j int) (float64, bool) {
			apart := math.Abs(as[i].value - bs[j].value)
			fits := apart < rounding
			if edited {
				fits = second(as[i].at).Equal(second(bs[j].at))
			}
			return apart, fits && !usedFresh[i] && !usedOld[j]
		})
		for _, p := range pairs {
			usedFresh[p.a], usedOld[p.b] = true, true
			m.twins = append(m.twins, twin[T]{fresh: first + p.a, old: foreign[p.b], edited: edited})
		}
	}
}

// second is the second that a clock showed at t.
func second(t time.Time) time.Time { return wall(t).Truncate(time.Second) }

func faces[T reading[T]](list []T) []face {
	all := make([]face, len(list))
	for i, v := range list {
		all[i] = v.face()
	}
	return all
}

// match is one reading of each of two lists.
type match struct {
	a, b      int // places
	distance  time.Duration
	byInstant bool // and not by the clocks, which are right even where a cloud keeps no offsets
	apart     float64
}

// pairUp pairs readings of two lists that lie at the same moment, by what their clocks
// showed or as instants, each with one at most, the nearest first. fits says which may
// be paired, and how far apart they are otherwise.
func pairUp(as, bs []face, fits func(i, j int) (apart float64, ok bool)) []match {
	if len(as) == 0 || len(bs) == 0 {
		return nil
	}
	var all []match
	clocks, instants := newTimeline(bs, wall), newTimeline(bs, time.Time.UTC)
	for i, a := range as {
		for _, j := range clocks.near(a.at) {
			if apart, ok := fits(i, j); ok {
				all = append(all, match{i, j, clocks.apart(a.at, bs[j].at), false, apart})
			}
		}
		for _, j := range instants.near(a.at) {
			if apart, ok := fits(i, j); ok && offset(a.at) != offset(bs[j].at) { // else the clocks have found it
				all = append(all, match{i, j, instants.apart(a.at, bs[j].at), true, apart})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y match) int {
		byClock := cmp.Compare(x.distance, y.distance)
		if byClock == 0 && x.byInstant != y.byInstant {
			byClock = map[bool]int{false: -1, true: 1}[x.byInstant]
		}
		return cmp.Or(byClock, cmp.Compare(x.apart, y.apart))
	})
	usedA, usedB := make([]bool, len(as)), make([]bool, len(bs))
	return slices.DeleteFunc(all, func(p match) bool {
		if usedA[p.a] || usedB[p.b] {
			return true
		}
		usedA[p.a], usedB[p.b] = true, true
		return false
	})
}

// timeline is a list of readings in the order of their time, by some clock.
type timeline struct {
	clock func(time.Time) time.Time
	ticks []tick
}

type tick struct {
	at    time.Time
	place int // in the list
}

func newTimeline(list []face, clock func(time.Time) time.Time) timeline {
	l := timeline{clock, make([]tick, len(list))}
	for i, f := range list {
		l.ticks[i] = tick{clock(f.at), i}
	}
	slices.SortStableFunc(l.ticks, func(x, y tick) int { return x.at.Compare(y.at) })
	return l
}

// near returns the places of what lies at the same moment as t.
func (l timeline) near(t time.Time) (places []int) {
	t = l.clock(t)
	first := sort.Search(len(l.ticks), func(i int) bool { return !l.ticks[i].at.Before(t.Add(-sameMoment)) })
	for _, v := range l.ticks[first:] {
		if v.at.After(t.Add(sameMoment)) {
			break
		}
		places = append(places, v.place)
	}
	return places
}

// apart is how far two times lie apart, in whole seconds as clouds keep them.
func (l timeline) apart(t, u time.Time) time.Duration {
	return l.clock(t).Truncate(time.Second).Sub(l.clock(u).Truncate(time.Second)).Abs()
}

// recognition says what of a listing another cloud has told before: no news, even where
// rounding has put readings together differently.
type recognition struct {
	weighIns ids // told again, and edited in none of their readings
	parts    ids // weigh-ins now that consist of what was told again
	fats     ids // readings told again, before and now
}

// recognised draws from the twins what need not be told of next.
func recognised(next *ledger, weights merged[KnownWeight], fats merged[KnownFat]) recognition {
	told := recognition{weighIns: make(ids), parts: make(ids), fats: make(ids)}
	for _, t := range fats.twins {
		if !t.edited {
			told.fats[t.old.ID], told.fats[fats.changed[t.fresh].ID] = true, true
		}
	}
	if len(weights.twins) == 0 {
		return told
	}
	again := make(map[Ref]bool, len(weights.twins))
	for _, t := range weights.twins {
		if !t.edited {
			told.weighIns[t.old.WeighIn], again[weights.changed[t.fresh].Ref()] = true, true
		}
	}
	for _, t := range weights.twins {
		if t.edited {
			delete(told.weighIns, t.old.WeighIn)
		}
	}
	for _, w := range next.weights {
		if again[w.Ref()] {
			told.parts[w.WeighIn] = true
		}
	}
	return told
}

// same reports whether a weigh-in is what it was but for what differs between clouds. A
// body fat that only one of them knows is no edit.
func (told recognition) same(old, now WeighIn) bool {
	weight := old.sameWeight(now) || told.weighIns[now.ID]
	fat := equal(rounded(old.fatPercent()), rounded(now.fatPercent())) || told.weighIns[now.ID] && old.Fat == nil ||
		old.Fat != nil && told.fats[old.Fat.ID] || now.Fat != nil && told.fats[now.Fat.ID]
	return weight && fat
}
