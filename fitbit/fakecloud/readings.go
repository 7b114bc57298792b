package fakecloud

import (
	"math"
	"slices"
	"time"
)

// The data types whose readings are kept one by one.
const (
	weightType    = "weight"
	bodyFatType   = "body-fat"
	heightType    = "height"
	heartRateType = "heart-rate"
)

// reading is one value at one time, of whatever data type.
type reading struct {
	id     string
	at     time.Time // in the person's zone then; a day's reading is at its start
	value  float64   // kg, percent, metres, bpm or ms
	source source
	bare   bool          // without utcOffset and civilTime
	edited bool          // by the person, after it was recorded
	known  time.Time     // when an untimed one was entered; zero: at its own time
	zone   string        // heart-rate zone of a stretch; empty below the lowest
	length time.Duration // of a stretch
}

// wornOnly reports whether r only says that the tracker was worn: below the
// lowest zone there is nothing to list, and yet a row in a rollup.
func (r reading) wornOnly() bool { return r.length > 0 && r.zone == "" }

// shows reports whether r lies within the limits and is there by now: over, or
// entered.
func (l limits) shows(r reading, now time.Time) bool {
	since := r.at.Add(r.length)
	if !r.known.IsZero() {
		since = r.known
	}
	return !since.After(now) && l.contains(r)
}

// source is where a reading comes from.
type source struct {
	recorded, platform               string
	device, manufacturer, formFactor string
	app                              string
}

func (s source) wire() *wireSource {
	w := wireSource{RecordingMethod: s.recorded, Platform: s.platform}
	if s.device != "" || s.formFactor != "" {
		w.Device = &wireMaker{s.device, s.manufacturer, s.formFactor}
	}
	if s.app != "" {
		w.Application = &wireApplication{s.app}
	}
	return &w
}

func (s source) point(at time.Time, value float64) Point {
	return Point{
		At: at, Value: value, Recorded: s.recorded, Platform: s.platform,
		Device: s.device, Manufacturer: s.manufacturer, FormFactor: s.formFactor, App: s.app,
	}
}

func scaleSource() source {
	return source{recorded: "ACTIVELY_MEASURED", platform: "FITBIT", device: "Aria Air", manufacturer: "Fitbit", formFactor: "SCALE"}
}

func wornSource() source {
	return source{recorded: "PASSIVELY_MEASURED", platform: "FITBIT", device: "Inspire 3", manufacturer: "Fitbit", formFactor: "FITNESS_BAND"}
}

func derivedSource() source {
	return source{recorded: "DERIVED", platform: "FITBIT", device: "Inspire 3"}
}

// Point is a reading in all its variety. At and Value are needed; the rest is by
// default that of a manual entry: recorded MANUAL on FITBIT, without a device.
// Enum values may be unknown ones.
type Point struct {
	At    time.Time
	Value float64 // kilograms or percent; NaN arrives as "NaN"
	ID    string  // chosen if empty

	Recorded, Platform               string // "PASSIVELY_MEASURED", "HEALTH_CONNECT"
	Device, Manufacturer, FormFactor string // "Index S2", "Garmin", "SCALE"
	App                              string // package name of the app it came through
	Bare                             bool   // leave utcOffset and civilTime out
	// Untimed says that no time of day was given: the reading is there from At on, and
	// filed under the last second of that day, 23:59:59.
	Untimed bool
}

// WeighIn adds what a scale sends: a weight and, unless fatPct is 0, a body fat of
// the same moment, whose id is "" otherwise. The scale has synced then.
func (p *Person) WeighIn(at time.Time, kg, fatPct float64) (weightID, fatID string) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	for i, d := range p.devices {
		if d.Type == "SCALE" {
			p.devices[i].LastSync = later(d.LastSync, at)
		}
	}
	return p.weighIn(at, kg, fatPct)
}

func (p *Person) weighIn(at time.Time, kg, fatPct float64) (weightID, fatID string) {
	pt := scaleSource().point(at, kg)
	weightID = p.add(weightType, pt)
	if fatPct != 0 {
		pt.Value = fatPct
		fatID = p.add(bodyFatType, pt)
	}
	return weightID, fatID
}

// AddWeight adds a weight in kilograms and returns its id.
func (p *Person) AddWeight(pt Point) string { return p.addLocked(weightType, pt) }

// AddBodyFat adds a body fat in percent and returns its id.
func (p *Person) AddBodyFat(pt Point) string { return p.addLocked(bodyFatType, pt) }

// EditWeight changes a weight, whose id stays. False: there is none with that id.
func (p *Person) EditWeight(id string, kg float64) bool {
	return p.change(weightType, id, func(r *reading) { r.value, r.edited = kg, true })
}

// EditBodyFat changes a body fat, whose id stays. False: there is none with that id.
func (p *Person) EditBodyFat(id string, percent float64) bool {
	return p.change(bodyFatType, id, func(r *reading) { r.value, r.edited = percent, true })
}

// MoveWeight changes when a weight was measured. False: there is none with that id.
func (p *Person) MoveWeight(id string, at time.Time) bool {
	return p.change(weightType, id, func(r *reading) { r.at, r.known, r.edited = p.local(at), time.Time{}, true })
}

// DeleteWeight removes a weight. False: there is none with that id.
func (p *Person) DeleteWeight(id string) bool { return p.remove(weightType, id) }

// DeleteBodyFat removes a body fat. False: there is none with that id.
func (p *Person) DeleteBodyFat(id string) bool { return p.remove(bodyFatType, id) }

// Device is a paired scale or tracker. What is empty or zero is left out of
// answers, an empty battery's level too.
type Device struct {
	ID            string // digits
	Type          string // "SCALE", "TRACKER", or one nobody knows yet
	Version       string // the model
	BatteryLevel  int    // percent
	BatteryStatus string // "High", "Medium", "Low", "Empty"
	LastSync      time.Time
	MAC           string
	Features      []string
}

// SetDevice pairs a device, or changes the one with the same ID.
func (p *Person) SetDevice(d Device) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	if i := slices.IndexFunc(p.devices, func(old Device) bool { return old.ID == d.ID }); i >= 0 {
		p.devices[i] = d
		return
	}
	p.devices = append(p.devices, d)
}

// RemoveDevice unpairs a device, by its id in either cloud. False: there is none with
// that id.
func (p *Person) RemoveDevice(id string) bool {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	before := len(p.devices)
	p.devices = slices.DeleteFunc(p.devices, p.isDevice(id))
	return len(p.devices) < before
}

func (p *Person) addLocked(dataType string, pt Point) string {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	return p.add(dataType, pt)
}

func (p *Person) add(dataType string, pt Point) string {
	if pt.Recorded == "" {
		pt.Recorded = "MANUAL"
	}
	if pt.Platform == "" {
		pt.Platform = "FITBIT"
	}
	// The id depends on what is measured and when, never on the order of calls,
	// and the id of a deleted reading does not come back.
	for n := pt.At.UnixNano(); pt.ID == ""; n++ {
		if id := longID(p.seed.hash(dataType, n)); !p.ids[id] {
			pt.ID = id
		}
	}
	p.ids[pt.ID] = true
	r := reading{
		id: pt.ID, at: p.local(pt.At), value: pt.Value, bare: pt.Bare,
		source: source{pt.Recorded, pt.Platform, pt.Device, pt.Manufacturer, pt.FormFactor, pt.App},
	}
	if pt.Untimed {
		y, m, d := r.at.Date()
		r.at, r.known = time.Date(y, m, d, 23, 59, 59, 0, r.at.Location()), pt.At
	}
	p.readings[dataType] = append(p.readings[dataType], r)
	p.sort(dataType)
	return pt.ID
}

func (p *Person) sort(dataType string) {
	slices.SortStableFunc(p.readings[dataType], func(a, b reading) int { return a.at.Compare(b.at) })
}

func (p *Person) change(dataType, id string, edit func(*reading)) bool {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	i := slices.IndexFunc(p.readings[dataType], func(r reading) bool { return r.id == id })
	if i < 0 {
		return false
	}
	edit(&p.readings[dataType][i])
	p.sort(dataType)
	return true
}

func (p *Person) remove(dataType, id string) bool {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	before := len(p.readings[dataType])
	p.readings[dataType] = slices.DeleteFunc(p.readings[dataType], func(r reading) bool { return r.id == id })
	return len(p.readings[dataType]) < before
}

func round(v float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(v*scale) / scale
}
