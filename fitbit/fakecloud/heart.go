package fakecloud

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// quarter is the piece of time in which heart readings are made up on request:
// no zone of the world changes its offset within one.
const quarter = 15 * time.Minute

// SetResting sets the resting heart rate of a day, bpm.
func (p *Person) SetResting(d fitbit.Date, bpm int) {
	v := float64(bpm)
	p.setDay(d, func(day *day) { day.resting = &v })
}

// SetHRV sets the heart-rate variability of a day, RMSSD in ms. NaN arrives as
// "NaN", and with 0 there is a row without the average.
func (p *Person) SetHRV(d fitbit.Date, ms float64) {
	p.setDay(d, func(day *day) { day.hrv = &ms })
}

// SetZones sets the time in each heart-rate zone of a day ("LIGHT", "MODERATE",
// "VIGOROUS", "PEAK", or one nobody knows yet), as stretches one after another
// from the start of the day. With none, the tracker was worn and no zone was reached.
func (p *Person) SetZones(d fitbit.Date, zones map[string]time.Duration) {
	p.setDay(d, func(day *day) {
		at := p.startOf(d)
		day.zonesSet, day.zones = true, []reading{{at: at, length: time.Second, source: wornSource()}}
		for _, name := range sortedZones(zones) {
			day.zones = append(day.zones, reading{at: at, length: zones[name], zone: name, source: wornSource()})
			at = at.Add(zones[name])
		}
	})
}

// NotWorn says that the tracker lay in a drawer on that day: everything known of
// the day's heart is gone, and rollups have no row. What is set later counts.
func (p *Person) NotWorn(d fitbit.Date) {
	p.setDay(d, func(day *day) {
		day.resting, day.hrv, day.zones, day.zonesSet, day.off = nil, nil, nil, false, true
		p.readings[heartRateType] = slices.DeleteFunc(p.readings[heartRateType], func(r reading) bool { return fitbit.DateOf(r.at) == d })
	})
}

// AddHeartSample adds one heart-rate sample, besides those that are generated.
func (p *Person) AddHeartSample(at time.Time, bpm int) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	p.day(fitbit.DateOf(p.local(at)))
	p.add(heartRateType, wornSource().point(at, float64(bpm)))
}

func (p *Person) setDay(d fitbit.Date, set func(*day)) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	set(p.day(d))
}

// worn reports whether readings are generated for the day.
func (p *Person) worn(d fitbit.Date) bool {
	day := p.days[d]
	return day != nil && day.tracked && !day.off
}

// quarters walks back through time, quarter of an hour by quarter of an hour, and
// yields what fill appends for each, which must be in order of time.
func (p *Person) quarters(in limits, now time.Time, fill func(dst []reading, start time.Time) []reading) iter.Seq[reading] {
	return func(yield func(reading) bool) {
		if len(p.days) == 0 {
			return
		}
		from, to := in.reach(now)
		from = later(from, p.first.Start(time.UTC).Add(-15*time.Hour))
		to = earlier(to, p.last.Start(time.UTC).Add(39*time.Hour))
		var buf []reading
		for q := to.Truncate(quarter); q.Add(quarter).After(from); q = q.Add(-quarter) {
			buf = fill(buf[:0], p.local(q))
			for _, r := range slices.Backward(buf) {
				if in.shows(r, now) && !yield(r) {
					return
				}
			}
		}
	}
}

// heartRates yields generated and added samples.
func (p *Person) heartRates(in limits, now time.Time) iter.Seq[reading] {
	added := p.readings[heartRateType]
	before := func(r reading, t time.Time) int { return r.at.Compare(t) }
	return p.quarters(in, now, func(dst []reading, start time.Time) []reading {
		if p.worn(fitbit.DateOf(start)) {
			dst = p.generateHeart(dst, start)
		}
		i, _ := slices.BinarySearchFunc(added, start, before)
		j, _ := slices.BinarySearchFunc(added, start.Add(quarter), before)
		if i < j {
			dst = append(dst, added[i:j]...)
			slices.SortStableFunc(dst, func(a, b reading) int { return a.at.Compare(b.at) })
		}
		return dst
	})
}

// zoneStretches yields the stretches of time in a zone, and between them those
// below the lowest, which say that the tracker was worn.
func (p *Person) zoneStretches(in limits, now time.Time) iter.Seq[reading] {
	return p.quarters(in, now, func(dst []reading, start time.Time) []reading {
		d := fitbit.DateOf(start)
		if day := p.days[d]; day != nil && day.zonesSet {
			for _, r := range day.zones {
				if !r.at.Before(start) && r.at.Before(start.Add(quarter)) {
					dst = append(dst, r)
				}
			}
			return dst
		}
		if p.worn(d) {
			dst = p.generateZones(dst, start)
		}
		return dst
	})
}

// daily yields one reading per day, of those for which value knows one.
func (p *Person) daily(in limits, now time.Time, value func(fitbit.Date, *day) (float64, bool)) iter.Seq[reading] {
	return func(yield func(reading) bool) {
		for d := p.last; len(p.days) > 0 && !d.Before(p.first); d = d.AddDays(-1) {
			day := p.days[d]
			if day == nil {
				continue
			}
			v, ok := value(d, day)
			r := reading{at: p.startOf(d), value: v, source: derivedSource()}
			if ok && in.shows(r, now) && !yield(r) {
				return
			}
		}
	}
}

// dailyResting yields resting heart rates. Generated ones are there from half past
// seven of the day, when the night has been analysed.
func (p *Person) dailyResting(in limits, now time.Time) iter.Seq[reading] {
	return p.daily(in, now, func(d fitbit.Date, day *day) (float64, bool) {
		if day.resting != nil {
			return *day.resting, true
		}
		return p.generatedResting(d), p.analysed(d, now)
	})
}

// dailyHRV yields each night's average variability.
func (p *Person) dailyHRV(in limits, now time.Time) iter.Seq[reading] {
	return p.daily(in, now, func(d fitbit.Date, day *day) (float64, bool) {
		if day.hrv != nil {
			return *day.hrv, true
		}
		return p.generatedHRV(d), p.analysed(d, now)
	})
}

// dailyZones yields a row per worn day; its thresholds follow from the resting heart rate.
func (p *Person) dailyZones(in limits, now time.Time) iter.Seq[reading] {
	return p.daily(in, now, func(d fitbit.Date, day *day) (float64, bool) {
		return 0, p.worn(d) || day.zonesSet
	})
}

func (p *Person) analysed(d fitbit.Date, now time.Time) bool {
	return p.worn(d) && !now.Before(p.startOf(d).Add(7*time.Hour+30*time.Minute))
}

// restingOn returns the resting heart rate a day's other values are derived from.
func (p *Person) restingOn(d fitbit.Date) float64 {
	if day := p.days[d]; day != nil && day.resting != nil {
		return *day.resting
	}
	return p.generatedResting(d)
}

func zoneNames() []string { return []string{"LIGHT", "MODERATE", "VIGOROUS", "PEAK"} }

// sortedZones returns the zones that have any time: the known ones in their order, then others.
func sortedZones(zones map[string]time.Duration) []string {
	rank := func(name string) int {
		if i := slices.Index(zoneNames(), name); i >= 0 {
			return i
		}
		return len(zoneNames())
	}
	names := slices.SortedStableFunc(maps.Keys(zones), func(a, b string) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b))
	})
	return slices.DeleteFunc(names, func(name string) bool { return zones[name] <= 0 })
}

// thresholds returns the lower bound of each zone and, last, the first rate above
// all: 40, 60, 75 and 90 % of the heart-rate reserve (Karvonen) of a person of 42.
func (p *Person) thresholds(d fitbit.Date) [5]float64 {
	resting := p.restingOn(d)
	var t [5]float64
	for i, share := range []float64{0.40, 0.60, 0.75, 0.90} {
		t[i] = math.Round(resting + share*(maxRate-resting))
	}
	t[4] = 221
	return t
}
