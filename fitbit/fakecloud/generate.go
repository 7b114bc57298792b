package fakecloud

import (
	"math"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// maxRate is the highest heart rate of a person of 42, bpm.
const maxRate = 178

// Generate gives the person a life from first to last, both included: weighings on
// most mornings, with body fat, around a slowly drifting weight, a few entries by
// hand, two weighings in some mornings, and a tracker that is seldom left off. In three
// weeks and more there is a week without any weight, after a third of the
// time, and two days in New York (or, if that is home, in Sydney) after two thirds.
//
// The same seed and dates give the same readings and ids, whenever it is called.
// Days that were generated before stay as they are.
func (p *Person) Generate(first, last fitbit.Date) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	n := last.Sub(first) + 1
	gap, trip := fitbit.Date{}, fitbit.Date{}
	if n >= 21 {
		gap, trip = first.AddDays(n/3), first.AddDays(2*n/3)
		p.travel(trip)
	}
	within := func(d, start fitbit.Date, days int) bool {
		return !start.IsZero() && d.Sub(start) >= 0 && d.Sub(start) < days
	}
	for d := first; !last.Before(d); d = d.AddDays(1) {
		day := p.day(d)
		if day.tracked {
			continue
		}
		day.tracked = true
		day.off = day.off || p.seed.pick("left off", dayNumber(d), 30) == 0
		switch {
		case within(d, gap, 7), d == trip.AddDays(2): // the latter on the way home
		case within(d, trip, 2): // no scale but the hotel's, in the evening
			p.enter(d, 21)
		default:
			p.weighMorning(d)
			if p.seed.pick("manual", dayNumber(d), 12) == 0 {
				p.enter(d, 20)
			}
		}
	}
}

// travel plans a journey that spans two whole days of any calendar.
func (p *Person) travel(first fitbit.Date) {
	leave := first.Start(time.UTC).Add(-12 * time.Hour)
	back := leave.AddDate(0, 0, 3)
	home := p.local(leave).Location()
	if p.moves[len(p.moves)-1].from.After(leave) {
		return // another journey is planned
	}
	for _, zone := range []string{"America/New_York", "Australia/Sydney"} {
		away, err := time.LoadLocation(zone)
		if err == nil && home.String() != zone {
			p.moves = append(p.moves, move{leave, away}, move{back, home})
			return
		}
	}
}

// weighMorning adds the weighings of a morning, if there are any.
func (p *Person) weighMorning(d fitbit.Date) {
	n := dayNumber(d)
	if p.seed.pick("overslept", n, 8) == 0 {
		return
	}
	at, ok := p.wall(d, 6, 40+p.seed.pick("minute", n, 55), p.seed.pick("second", n, 60))
	if !ok {
		return
	}
	kg, fat := p.generatedWeight(n), round(p.generatedFat(n), 1)
	if p.seed.pick("socks", n, 15) == 0 {
		fat = 0
	}
	p.weighIn(at, kg, fat)
	if p.seed.pick("twice", n, 10) == 0 {
		p.weighIn(at.Add(3*time.Minute), round(kg-0.12, 2), fat)
	}
}

// enter adds a weight typed in by hand, to half a kilogram.
func (p *Person) enter(d fitbit.Date, hour int) {
	if at, ok := p.wall(d, hour, p.seed.pick("entered", dayNumber(d), 60), 0); ok {
		p.add(weightType, Point{At: at, Value: math.Round(2*p.generatedWeight(dayNumber(d))) / 2})
	}
}

// wall returns when the clock on the person's wall shows a time; false if it does
// not, because the person is on the way.
func (p *Person) wall(d fitbit.Date, hour, minute, second int) (time.Time, bool) {
	in := func(loc *time.Location) time.Time {
		return time.Date(d.Year, d.Month, d.Day, hour, minute, second, 0, loc)
	}
	at := in(p.local(in(p.startOf(d).Location())).Location())
	return at, p.local(at).Location() == at.Location()
}

func (p *Person) generatedWeight(n int64) float64 {
	base := 58 + 34*p.seed.unit("weight", 0)
	return round(base+2.4*p.seed.swing("weight", n, 210)+0.6*(p.seed.wave("weight", n, 3)-0.5), 2)
}

func (p *Person) generatedFat(n int64) float64 {
	return 18 + 12*p.seed.unit("fat", 0) + 1.5*p.seed.swing("weight", n, 210) + 0.8*(p.seed.wave("fat", n, 3)-0.5)
}

func (p *Person) generatedResting(d fitbit.Date) float64 {
	n := dayNumber(d)
	return math.Round(53 + 10*p.seed.unit("resting", 0) + 3*p.seed.swing("resting", n, 40) + 2*(p.seed.wave("resting", n, 2)-0.5))
}

func (p *Person) generatedHRV(d fitbit.Date) float64 {
	return round(28+20*p.seed.unit("hrv", 0)+8*(p.seed.wave("hrv", dayNumber(d), 2)-0.5), 1)
}

// generateHeart appends the samples of a quarter of an hour, one in eight of which
// is lost as on a real wrist.
func (p *Person) generateHeart(dst []reading, start time.Time) []reading {
	rhythm := p.rhythm(start)
	for at := start.Truncate(p.heartEvery); at.Before(start.Add(quarter)); at = at.Add(p.heartEvery) {
		k := at.Unix()
		if at.Before(start) || p.seed.pick("lost", k, 8) == 0 {
			continue
		}
		rate := rhythm.rate(wallSecond(start) + int(at.Sub(start)/time.Second))
		if rate == 0 {
			continue
		}
		bpm := math.Round(rate + 4*(p.seed.unit("beat", k)-0.5))
		dst = append(dst, reading{at: at, value: min(bpm, maxRate), source: wornSource()})
	}
	return dst
}

// generateZones appends the stretches of a quarter of an hour, to the minute.
func (p *Person) generateZones(dst []reading, start time.Time) []reading {
	rhythm, bounds := p.rhythm(start), p.thresholds(fitbit.DateOf(start))
	for minute := range int(quarter / time.Minute) {
		rate := rhythm.rate(wallSecond(start) + 60*minute)
		if rate == 0 {
			continue
		}
		zone := ""
		for i, name := range zoneNames() {
			if rate >= bounds[i] {
				zone = name
			}
		}
		at := start.Add(time.Duration(minute) * time.Minute)
		if i := len(dst) - 1; i >= 0 && dst[i].zone == zone && dst[i].at.Add(dst[i].length).Equal(at) {
			dst[i].length += time.Minute
			continue
		}
		dst = append(dst, reading{at: at, length: time.Minute, zone: zone, source: wornSource()})
	}
	return dst
}

func dayNumber(d fitbit.Date) int64 { return int64(d.Sub(fitbit.Date{Year: 2000, Month: 1, Day: 1})) }

// wallSecond returns the seconds the wall clock shows since midnight.
func wallSecond(t time.Time) int { return t.Hour()*3600 + t.Minute()*60 + t.Second() }
