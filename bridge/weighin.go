package bridge

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// A weighing reaches the cloud as separate readings, perhaps through several apps.
const (
	sameMoment = 60 * time.Second // readings of one weighing lie this close
	sameWeight = 0.1              // kg; copies in other apps are rounded (0.1 kg, 0.1 lb)
)

// WeighIn is one time somebody stood on a scale, put together from the readings
// that tell of it.
type WeighIn struct {
	ID        string // never changes
	Time      time.Time
	Kilograms float64
	Fat       *fitbit.BodyFat // nil if it was not measured
	fitbit.Origin
}

func (w WeighIn) fatPercent() *float64 {
	if w.Fat == nil {
		return nil
	}
	return &w.Fat.Percent
}

// same reports whether the house would be told the same about both.
func (w WeighIn) same(o WeighIn) bool {
	return w.sameWeight(o) && equal(rounded(w.fatPercent()), rounded(o.fatPercent()))
}

func (w WeighIn) sameWeight(o WeighIn) bool {
	return w.Time.Equal(o.Time) && round(w.Kilograms, 2) == round(o.Kilograms, 2)
}

// cluster is one weigh-in under construction; the first member wins.
type cluster struct {
	id      string
	members []KnownWeight
}

// assemble puts readings together into weigh-ins, oldest first; in place it sorts
// both lists by time and names the weigh-in of each weight. The same weighing seen
// through several sources is one weigh-in, and the scale's word counts.
func assemble(weights []KnownWeight, fats []KnownFat) []WeighIn {
	slices.SortStableFunc(weights, func(a, b KnownWeight) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID), strings.Compare(a.Cloud, b.Cloud))
	})
	slices.SortStableFunc(fats, func(a, b KnownFat) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID), strings.Compare(a.Cloud, b.Cloud))
	})
	clusters, home := group(weights)
	slices.SortStableFunc(clusters, func(a, b *cluster) int { return a.members[0].Time.Compare(b.members[0].Time) })
	nameThem(clusters)
	weighIns := make([]WeighIn, len(clusters))
	for i, c := range clusters {
		w := c.members[0]
		weighIns[i] = WeighIn{ID: c.id, Time: w.Time, Kilograms: w.Kilograms, Origin: w.Origin}
	}
	for i, c := range home {
		weights[i].WeighIn = c.id
	}
	addFat(weighIns, clusters, fats)
	return weighIns
}

// group finds the readings that are one weighing: near in time and weight, and
// from different sources. Twice from one source is twice on the scale. Readings of two
// clouds are never one here: those that are have been recognised as twins. home is
// where each reading belongs.
func group(weights []KnownWeight) (clusters, home []*cluster) {
	home = make([]*cluster, len(weights))
	open := 0 // clusters before this one are too old to join
	for n, w := range weights {
		for open < len(clusters) && w.Time.Sub(clusters[open].members[0].Time).Abs() > 2*sameMoment {
			open++
		}
		for i := open; i < len(clusters) && home[n] == nil; i++ {
			if clusters[i].accepts(w) {
				home[n] = clusters[i]
			}
		}
		if home[n] == nil {
			home[n] = &cluster{}
			clusters = append(clusters, home[n])
		}
		home[n].members = append(home[n].members, w)
		slices.SortStableFunc(home[n].members, func(a, b KnownWeight) int {
			return cmp.Compare(rank(a.Recorded), rank(b.Recorded))
		})
	}
	return clusters, home
}

func (c *cluster) accepts(w KnownWeight) bool {
	return !slices.ContainsFunc(c.members, func(m KnownWeight) bool {
		return m.Cloud != w.Cloud || m.Origin == w.Origin || w.Time.Sub(m.Time).Abs() > sameMoment || math.Abs(w.Kilograms-m.Kilograms) >= sameWeight
	})
}

// rank orders the ways to record by how much their word counts.
func rank(r fitbit.Recording) int {
	switch r {
	case fitbit.RecordedByScale:
		return 0
	case fitbit.RecordedByHand:
		return 1
	default:
		return 2
	}
}

// nameThem gives each cluster the id it has been published under: the one its
// readings remember, first come first served, founders before joiners; else that
// of its best reading. No two get the same, even where a reading comes back after
// its weigh-in lived on in a copy.
func nameThem(clusters []*cluster) {
	taken := make(map[string]bool, len(clusters))
	claim := func(wanted func(KnownWeight) string) {
		for _, c := range clusters {
			for _, m := range c.members {
				if id := wanted(m); c.id == "" && id != "" && !taken[id] {
					c.id, taken[id] = id, true
				}
			}
		}
	}
	claim(func(m KnownWeight) string {
		if m.WeighIn == m.ID {
			return m.ID
		}
		return ""
	})
	claim(func(m KnownWeight) string { return m.WeighIn })
	claim(func(m KnownWeight) string { return m.ID })
	claim(func(m KnownWeight) string {
		id := m.ID
		for taken[id] {
			id += "_"
		}
		return id
	})
}

// How surely a body fat belongs to a weigh-in.
const (
	bySource = iota // of the reading whose word counts
	byCopy          // of one that tells of the same weighing
	byMoment        // of any other, but the very same time
)

// addFat gives each body-fat reading to the nearest weigh-in of the same source.
// It wants both lists sorted.
func addFat(weighIns []WeighIn, clusters []*cluster, fats []KnownFat) {
	type pair struct {
		link         int
		distance     time.Duration
		weighIn, fat int
	}
	var pairs []pair
	first := 0 // clusters before this one are too old
	for f, fat := range fats {
		for first < len(clusters) && fat.Time.Sub(clusters[first].members[0].Time) > 2*sameMoment {
			first++
		}
		for i := first; i < len(clusters) && clusters[i].members[0].Time.Sub(fat.Time) <= 2*sameMoment; i++ {
			for n, m := range clusters[i].members {
				d := m.Time.Sub(fat.Time).Abs()
				switch {
				case m.Cloud != fat.Cloud:
				case d <= sameMoment && sameSource(m.Origin, fat.Origin):
					pairs = append(pairs, pair{min(bySource+n, byCopy), d, i, f})
				case d == 0:
					pairs = append(pairs, pair{byMoment, d, i, f})
				}
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.link, b.link), cmp.Compare(a.distance, b.distance))
	})
	used := make([]bool, len(fats))
	for _, p := range pairs {
		if weighIns[p.weighIn].Fat == nil && !used[p.fat] {
			weighIns[p.weighIn].Fat, used[p.fat] = &fats[p.fat].BodyFat, true
		}
	}
	addForeignFat(weighIns, clusters, fats, used)
}

// addForeignFat gives weigh-ins that are left without the body fats left over of
// another cloud: the one that somebody has moved to may know only one of the two.
func addForeignFat(weighIns []WeighIn, clusters []*cluster, fats []KnownFat, used []bool) {
	clouds := make(map[string]bool)
	for _, c := range clusters {
		clouds[c.members[0].Cloud] = true
	}
	for _, f := range fats {
		clouds[f.Cloud] = true
	}
	if len(clouds) < 2 {
		return
	}
	var lacking, left []face
	var weighIn, fat []int // their places
	for i, w := range weighIns {
		if w.Fat == nil {
			lacking, weighIn = append(lacking, clusters[i].members[0].face()), append(weighIn, i)
		}
	}
	for i, f := range fats {
		if !used[i] {
			left, fat = append(left, f.face()), append(fat, i)
		}
	}
	for _, m := range pairUp(lacking, left, func(i, j int) (float64, bool) { return 0, lacking[i].Cloud != left[j].Cloud }) {
		weighIns[weighIn[m.a]].Fat = &fats[fat[m.b]].BodyFat
	}
}

// sameSource compares devices by name; how a value was recorded may differ
// between the weight a scale measures and the fat it works out.
func sameSource(a, b fitbit.Origin) bool {
	if a.Device != "" || b.Device != "" {
		return a.Device == b.Device
	}
	return a.Recorded == b.Recorded
}
