package bridge

import (
	"bytes"
	"encoding/json"
	"sort"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// EventType says what an [Event] is about.
type EventType string

// The kinds of events.
const (
	NewWeighIn EventType = "weigh_in"   // somebody has just weighed in
	Backfill   EventType = "backfill"   // new to us, measured over 24 hours ago
	Correction EventType = "correction" // edited in the cloud, or completed later
	Deletion   EventType = "deletion"   // deleted in the cloud
)

// Event is the payload of the weigh_in topic: kilograms, percent, kg/m².
type Event struct {
	EventType          EventType        `json:"event_type"`
	ID                 string           `json:"id"`
	MeasuredAt         string           `json:"measured_at"`
	WeightKg           float64          `json:"weight_kg"`
	BodyFatPct         *float64         `json:"body_fat_pct"`
	BMI                *float64         `json:"bmi"`
	PreviousWeightKg   *float64         `json:"previous_weight_kg"`
	DeltaKg            *float64         `json:"delta_kg"`
	PreviousMeasuredAt *string          `json:"previous_measured_at"`
	Source             *string          `json:"source"`
	Recorded           fitbit.Recording `json:"recorded"`
	Account            string           `json:"account"`
}

// measured is when that was, in whole seconds; zero if it does not say.
func (e Event) measured() time.Time {
	t, err := time.Parse(time.RFC3339, e.MeasuredAt)
	if err != nil {
		return time.Time{}
	}
	return t
}

// BodyState is the payload of the body topic: kilograms, percent, kg/m². Nil is unknown.
type BodyState struct {
	ID                *string           `json:"id"`
	MeasuredAt        *string           `json:"measured_at"`
	WeightKg          *float64          `json:"weight_kg"`
	BMI               *float64          `json:"bmi"`
	BodyFatPct        *float64          `json:"body_fat_pct"`
	BodyFatMeasuredAt *string           `json:"body_fat_measured_at"`
	FatMassKg         *float64          `json:"fat_mass_kg"`
	LeanMassKg        *float64          `json:"lean_mass_kg"`
	TrendKg           *float64          `json:"trend_kg"`
	Change7dKg        *float64          `json:"change_7d_kg"`
	Change30dKg       *float64          `json:"change_30d_kg"`
	Source            *string           `json:"source"`
	Recorded          *fitbit.Recording `json:"recorded"`
	Account           string            `json:"account"`
}

// HeartState is the payload of the heart topic: bpm, ms, minutes. Nil is unknown.
type HeartState struct {
	Date          *string  `json:"date"`
	MinBPM        *int     `json:"min_bpm"`
	AvgBPM        *float64 `json:"avg_bpm"`
	MaxBPM        *int     `json:"max_bpm"`
	RestingBPM    *int     `json:"resting_bpm"`
	RestingDate   *string  `json:"resting_date"`
	HRVMillis     *float64 `json:"hrv_rmssd_ms"`
	HRVDate       *string  `json:"hrv_date"`
	LatestBPM     *int     `json:"latest_bpm"`
	LatestAt      *string  `json:"latest_at"`
	OutOfRangeMin *int     `json:"out_of_range_min"`
	LightMin      *int     `json:"light_min"`
	ModerateMin   *int     `json:"moderate_min"`
	VigorousMin   *int     `json:"vigorous_min"`
	PeakMin       *int     `json:"peak_min"`
	Account       string   `json:"account"`
}

// DeviceState is the payload of a device topic.
type DeviceState struct {
	Name       *string           `json:"name"`
	Type       fitbit.DeviceType `json:"type"`
	BatteryPct *int              `json:"battery_pct"`
	Battery    *string           `json:"battery"`
	LastSync   *string           `json:"last_sync"`
}

// newEvent says what was found. height is in metres, 0 if unknown.
func newEvent(f finding, height float64, account string) Event {
	w := f.weighIn
	e := Event{
		EventType: f.kind, ID: w.ID, MeasuredAt: *stamp(w.Time), WeightKg: round(w.Kilograms, 2),
		BodyFatPct: rounded(w.fatPercent()), BMI: bmi(w.Kilograms, height),
		Source: text(w.Device), Recorded: w.Recorded, Account: account,
	}
	if f.before != nil {
		e.PreviousWeightKg = new(round(f.before.Kilograms, 2))
		e.DeltaKg = new(round(e.WeightKg-*e.PreviousWeightKg, 2))
		e.PreviousMeasuredAt = stamp(f.before.Time)
	}
	return e
}

// body returns the state as it was in the second of asOf, or as it is if asOf is zero.
func (l *ledger) body(asOf time.Time, height float64, account string) BodyState {
	s := BodyState{Account: account}
	weighIns := l.weighIns
	if !asOf.IsZero() {
		asOf = asOf.Truncate(time.Second).Add(time.Second - 1)
		n := sort.Search(len(weighIns), func(i int) bool { return weighIns[i].Time.After(asOf) })
		weighIns = weighIns[:n]
	}
	fat := l.newestFat(weighIns, asOf)
	if fat != nil {
		s.BodyFatPct, s.BodyFatMeasuredAt = new(round(fat.Percent, 1)), stamp(fat.Time)
	}
	if len(weighIns) == 0 {
		return s
	}
	w := weighIns[len(weighIns)-1]
	s.ID, s.MeasuredAt, s.WeightKg = &w.ID, stamp(w.Time), new(round(w.Kilograms, 2))
	s.BMI, s.Source, s.Recorded = bmi(w.Kilograms, height), text(w.Device), &w.Recorded
	if fat != nil {
		s.FatMassKg = new(round(w.Kilograms*fat.Percent/100, 1))
		s.LeanMassKg = new(round(w.Kilograms*(1-fat.Percent/100), 1))
	}
	points := trend(weighIns)
	s.TrendKg = new(round(points[len(points)-1].Kilograms, 1))
	s.Change7dKg, s.Change30dKg = rounded(change(points, 7)), rounded(change(points, 30))
	return s
}

func bmi(kilograms, height float64) *float64 {
	v, ok := fitbit.BMI(kilograms, height)
	if !ok {
		return nil
	}
	return new(round(v, 1))
}

// text is nil for what is not known.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// encode writes one of our own payloads; they cannot fail to encode.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // nobody shows it in a page
	if err := e.Encode(v); err != nil {
		panic("bridge: payload does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
