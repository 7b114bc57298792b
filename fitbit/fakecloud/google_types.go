package fakecloud

import (
	"iter"
	"math"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// kind is how a data type lies in time.
type kind int

const (
	sampleKind kind = iota
	dailyKind
	intervalKind
)

// dataType is a row of the table of what can be read.
type dataType struct {
	id    string // as in a path, such as "body-fat"
	kind  kind
	scope string
	named bool // its data points carry a name
	// measured yields what lies within the limits and is over by now, newest first.
	measured func(p *Person, in limits, now time.Time) iter.Seq[reading]
	point    func(p *Person, r reading) envelope
	roll     func(t tally) envelope // nil: no rollups
	maxDays  int                    // of a rollup
}

// lookUp returns the data type with that id.
func lookUp(id string) (dataType, bool) {
	dt := dataType{id: id, scope: scopeBody, maxDays: 90}
	switch id {
	case weightType:
		dt.named, dt.measured, dt.point, dt.roll = true, stored(id), weightPoint, rollWeight
	case bodyFatType:
		dt.named, dt.measured, dt.point, dt.roll = true, stored(id), bodyFatPoint, rollBodyFat
	case heightType:
		dt.named, dt.measured, dt.point = true, stored(id), heightPoint
	case heartRateType:
		dt.measured, dt.point, dt.roll, dt.maxDays = (*Person).heartRates, heartRatePoint, rollHeartRate, 14
	case "daily-resting-heart-rate":
		dt.kind, dt.measured, dt.point = dailyKind, (*Person).dailyResting, restingPoint
	case "daily-heart-rate-variability":
		dt.kind, dt.measured, dt.point = dailyKind, (*Person).dailyHRV, variabilityPoint
	case "daily-heart-rate-zones":
		dt.kind, dt.measured, dt.point = dailyKind, (*Person).dailyZones, boundsPoint
	case "time-in-heart-rate-zone":
		dt.kind, dt.scope = intervalKind, scopeActivity
		dt.measured, dt.point, dt.roll = (*Person).zoneStretches, stretchPoint, rollZones
	default:
		return dataType{}, false
	}
	return dt, true
}

// filterName is the type's name in a filter, such as "body_fat".
func (dt dataType) filterName() string { return strings.ReplaceAll(dt.id, "-", "_") }

func weightPoint(_ *Person, r reading) envelope {
	return envelope{Weight: &value{SampleTime: sampleTimeOf(r), WeightGrams: grams(r.value)}}
}

// grams converts kilograms without the dust that binary fractions leave.
func grams(kilograms float64) double { return double(math.Round(kilograms*1e6) / 1e3) }

func bodyFatPoint(_ *Person, r reading) envelope {
	return envelope{BodyFat: &value{SampleTime: sampleTimeOf(r), Percentage: double(r.value)}}
}

func heightPoint(_ *Person, r reading) envelope {
	return envelope{Height: &value{SampleTime: sampleTimeOf(r), HeightMillimeters: int64(math.Round(r.value * 1000))}}
}

func heartRatePoint(_ *Person, r reading) envelope {
	return envelope{HeartRate: &value{SampleTime: sampleTimeOf(r), BeatsPerMinute: int64(r.value)}}
}

func restingPoint(_ *Person, r reading) envelope {
	return envelope{DailyResting: &value{Date: dateOf(r.at), BeatsPerMinute: int64(r.value), RestingMetadata: &restingMetadata{"WITH_SLEEP"}}}
}

func variabilityPoint(p *Person, r reading) envelope {
	return envelope{DailyHRV: &value{
		Date: dateOf(r.at), AverageHRV: double(r.value), DeepSleepHRV: double(round(r.value*1.1, 1)),
		Entropy: 2.9, NonREM: int64(p.restingOn(fitbit.DateOf(r.at))) - 3,
	}}
}

// boundsPoint states the thresholds of the day; bounds are inclusive, with a gap
// of 1 bpm between zones.
func boundsPoint(p *Person, r reading) envelope {
	v, from := value{Date: dateOf(r.at)}, p.thresholds(fitbit.DateOf(r.at))
	for i, name := range zoneNames() {
		v.ZoneBounds = append(v.ZoneBounds, zoneBounds{name, int64(from[i]), int64(from[i+1]) - 1})
	}
	return envelope{DailyZones: &v}
}

func stretchPoint(_ *Person, r reading) envelope {
	return envelope{TimeInZone: &value{Interval: intervalOf(r), Zone: r.zone}}
}

// tally is what one window of a rollup adds up to.
type tally struct {
	count         int
	sum, min, max float64
	zones         map[string]time.Duration
}

func (t *tally) add(r reading) {
	if t.count == 0 {
		t.min, t.max, t.zones = r.value, r.value, map[string]time.Duration{}
	}
	t.count++
	t.sum += r.value
	t.min, t.max = math.Min(t.min, r.value), math.Max(t.max, r.value)
	if r.zone != "" {
		t.zones[r.zone] += r.length
	}
}

func (t *tally) mean() float64 { return t.sum / float64(t.count) }

func rollWeight(t tally) envelope {
	return envelope{Weight: &value{WeightGramsAvg: grams(t.mean())}}
}

func rollBodyFat(t tally) envelope {
	return envelope{BodyFat: &value{BodyFatPercentageAvg: double(t.mean())}}
}

func rollHeartRate(t tally) envelope {
	return envelope{HeartRate: &value{
		BeatsPerMinuteAvg: double(t.mean()), BeatsPerMinuteMin: double(t.min), BeatsPerMinuteMax: double(t.max),
	}}
}

// rollZones names the zones that had any time; the others are left out.
func rollZones(t tally) envelope {
	var v value
	for _, name := range sortedZones(t.zones) {
		v.ZoneTimes = append(v.ZoneTimes, zoneTime{name, seconds(t.zones[name])})
	}
	return envelope{TimeInZone: &v}
}
