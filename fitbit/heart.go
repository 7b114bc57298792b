package fitbit

import "time"

// HeartDay is what is known of one day of a person's heart. Each field is nil
// until its metric has been fetched and the cloud had a value.
type HeartDay struct {
	Date Date

	// Lowest, mean and highest rate of the day so far, bpm; time off the wrist is excluded.
	MinBPM *int
	AvgBPM *float64
	MaxBPM *int

	RestingBPM *int         // resting heart rate, bpm
	HRVMillis  *float64     // heart-rate variability while asleep, RMSSD in ms
	Zones      *ZoneMinutes // time in each heart-rate zone
}

// ZoneMinutes is the time of one day spent in each heart-rate zone, in minutes.
// OutOfRange, the time below all zones, is nil where a cloud does not say it, and
// Light where a cloud has no such zone: there it is part of OutOfRange.
type ZoneMinutes struct {
	OutOfRange *int
	Light      *int
	Moderate   int
	Vigorous   int
	Peak       int
}

// HeartSample is the heart rate at one moment.
type HeartSample struct {
	Time time.Time // with the person's UTC offset then
	BPM  int
}

// Merge fills in what other knows of the same day and d does not, and replaces
// what both know by other's.
func (d HeartDay) Merge(other HeartDay) HeartDay {
	if other.MinBPM != nil || other.AvgBPM != nil || other.MaxBPM != nil {
		d.MinBPM, d.AvgBPM, d.MaxBPM = other.MinBPM, other.AvgBPM, other.MaxBPM
	}
	if other.RestingBPM != nil {
		d.RestingBPM = other.RestingBPM
	}
	if other.HRVMillis != nil {
		d.HRVMillis = other.HRVMillis
	}
	if other.Zones != nil {
		d.Zones = other.Zones
	}
	return d
}
