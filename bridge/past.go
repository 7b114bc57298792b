package bridge

import "time"

// WeighIns puts the readings of a past together into weigh-ins, oldest first.
func (p Past) WeighIns() []WeighIn { return newLedger(p.Weights, p.Fats).weighIns }

// Location is the person's time zone; as long as the cloud does not tell, that of their
// newest reading.
func (p Past) Location() *time.Location {
	if p.Profile.TimeZone != "" {
		return zone(p.Profile.TimeZone)
	}
	newest := p.Profile.Latest.Time
	for _, w := range p.Weights {
		if w.Time.After(newest) {
			newest = w.Time
		}
	}
	return time.FixedZone("", offset(newest))
}

// With is the past together with readings that somebody else has fetched, perhaps of
// years that the bridge has never looked at. What it knows itself, under the same name or
// from another cloud, stays as it is; so it is the bridge's corrections that count.
func (p Past) With(weights []KnownWeight, fats []KnownFat) Past {
	p.Weights, p.Fats = joined(p.Weights, weights, sameWeight), joined(p.Fats, fats, sameFat)
	return p
}

// joined adds to known what of more is not in it. rounding is how far twins may be apart.
func joined[T reading[T]](known, more []T, rounding float64) []T {
	have := make(map[Ref]bool, len(known)+len(more))
	for _, v := range known {
		have[v.face().Ref] = true
	}
	var clouds []string // in the order in which they come
	fresh := make(map[string][]T)
	for _, v := range more {
		f := v.face()
		if have[f.Ref] {
			continue
		}
		if have[f.Ref] = true; fresh[f.Cloud] == nil {
			clouds = append(clouds, f.Cloud)
		}
		fresh[f.Cloud] = append(fresh[f.Cloud], v)
	}
	all := append([]T(nil), known...)
	for _, cloud := range clouds {
		m := merged[T]{changed: fresh[cloud]}
		m.recognise(all, 0, rounding)
		told := make(map[int]bool, len(m.twins))
		for _, t := range m.twins {
			told[t.fresh] = true
		}
		for i, v := range fresh[cloud] {
			if !told[i] {
				all = append(all, v)
			}
		}
	}
	return all
}
