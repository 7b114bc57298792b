package bridge

import (
	"maps"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	// freshDays is how old a resting heart rate or variability may be to be
	// published as the newest.
	freshDays = 7
	// heartHistoryDays is how far back the first look goes, and how much is kept in memory.
	heartHistoryDays = 30
)

// diary of a heart: what is known of the last days, by date.
type heartDays map[fitbit.Date]fitbit.HeartDay

func newHeartDays(days []fitbit.HeartDay) heartDays {
	h := make(heartDays, len(days))
	for _, d := range days {
		h[d.Date] = d
	}
	return h
}

// add takes in what a fetch brought and returns the days that it changed.
func (h heartDays) add(fetched []fitbit.HeartDay) []fitbit.HeartDay {
	changed := make(heartDays)
	for _, d := range fetched {
		old := h[d.Date]
		old.Date = d.Date
		if day := old.Merge(d); !sameDay(day, h[d.Date]) {
			h[d.Date], changed[d.Date] = day, day
		}
	}
	return slices.SortedStableFunc(maps.Values(changed), func(a, b fitbit.HeartDay) int { return a.Date.Compare(b.Date) })
}

func sameDay(a, b fitbit.HeartDay) bool {
	zones := func(z *fitbit.ZoneMinutes) (plain fitbit.ZoneMinutes) {
		if z != nil {
			plain = *z
			plain.OutOfRange, plain.Light = nil, nil
		}
		return plain
	}
	outside := func(z *fitbit.ZoneMinutes) (outOfRange, light *int) {
		if z == nil {
			return nil, nil
		}
		return z.OutOfRange, z.Light
	}
	outA, lightA := outside(a.Zones)
	outB, lightB := outside(b.Zones)
	return a.Date == b.Date && equal(a.MinBPM, b.MinBPM) && equal(a.AvgBPM, b.AvgBPM) && equal(a.MaxBPM, b.MaxBPM) &&
		equal(a.RestingBPM, b.RestingBPM) && equal(a.HRVMillis, b.HRVMillis) && (a.Zones == nil) == (b.Zones == nil) &&
		zones(a.Zones) == zones(b.Zones) && equal(outA, outB) && equal(lightA, lightB)
}

// state returns the heart payload: the range and zones of the day, and the
// newest of what comes once a day.
func (h heartDays) state(date fitbit.Date, latest fitbit.HeartSample, account string) HeartState {
	s := HeartState{Account: account, LatestAt: stamp(latest.Time)}
	if !latest.Time.IsZero() {
		s.LatestBPM = &latest.BPM
	}
	if date.IsZero() {
		return s
	}
	s.Date = new(date.String())
	day := h[date]
	s.MinBPM, s.AvgBPM, s.MaxBPM = day.MinBPM, rounded(day.AvgBPM), day.MaxBPM
	if z := day.Zones; z != nil {
		s.OutOfRangeMin, s.LightMin, s.ModerateMin, s.VigorousMin, s.PeakMin = z.OutOfRange, z.Light, &z.Moderate, &z.Vigorous, &z.Peak
	}
	for d, left := date, freshDays; left > 0; d, left = d.AddDays(-1), left-1 {
		if v := h[d].RestingBPM; v != nil && s.RestingBPM == nil {
			s.RestingBPM, s.RestingDate = v, new(d.String())
		}
		if v := h[d].HRVMillis; v != nil && s.HRVMillis == nil {
			s.HRVMillis, s.HRVDate = rounded(v), new(d.String())
		}
	}
	return s
}

// forgetBefore keeps memory small; history keeps the rest.
func (h heartDays) forgetBefore(date fitbit.Date) {
	for d := range h {
		if d.Before(date) {
			delete(h, d)
		}
	}
}

// zone finds the location of a stored time zone; unknown is UTC.
func zone(name string) *time.Location {
	if t, err := time.Parse("-07:00", name); err == nil {
		return time.FixedZone("", offset(t))
	}
	if loc, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
		return loc
	}
	return time.UTC
}

// ZoneName is how a location is stored in [Profile]: by its name if that is enough to
// find it again, else by its offset now.
func ZoneName(loc *time.Location, now time.Time) string {
	name := loc.String()
	if _, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
		return name
	}
	return now.In(loc).Format("-07:00")
}
