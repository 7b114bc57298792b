package chart

import (
	"math"
	"strconv"
	"time"
)

// tick is one labelled place on an axis.
type tick struct {
	at    float64
	label string
}

// valueTicks are the multiples of 1, 2 or 5 times a power of ten between low and
// high: as many as possible, but not more than most, and none finer than decimals
// can tell apart.
func valueTicks(low, high float64, most, decimals int) []tick {
	for exponent := int(math.Floor(math.Log10((high-low)/float64(most)))) - 1; ; exponent++ {
		if exponent < -decimals {
			continue
		}
		for _, mantissa := range []float64{1, 2, 5} {
			step := mantissa * math.Pow10(exponent)
			first, last := math.Ceil(low/step), math.Floor(high/step)
			if last-first+1 > float64(most) {
				continue
			}
			var ticks []tick
			for n := first; n <= last; n++ {
				v := n * step
				if n == 0 {
					v = 0 // and never minus zero
				}
				ticks = append(ticks, tick{v, strconv.FormatFloat(v, 'f', max(-exponent, 0), 64)})
			}
			return ticks
		}
	}
}

// calendarStep is the distance of ticks on the axis of time: days or months.
type calendarStep struct{ days, months int }

// calendarSteps are the distances to choose from, finest first. Seven days and
// their multiples fall on Mondays.
func calendarSteps() []calendarStep {
	steps := []calendarStep{{days: 1}, {days: 2}, {days: 7}, {days: 14}, {months: 1}, {months: 2}, {months: 3}, {months: 6}}
	for years := 1; years <= 1000; years *= 10 {
		steps = append(steps, calendarStep{months: 12 * years}, calendarStep{months: 24 * years}, calendarStep{months: 60 * years})
	}
	return steps
}

// maxTicks bounds the labels on the axis of time. More than this are a ruler.
const maxTicks = 13

// longestByHours is how long a chart may be to say the hours: a day, whatever the clocks do.
const longestByHours = 25 * time.Hour

// timeTicks are the midnights of from's location at which the days, weeks, months or
// years between from and to begin, or the hours of a single day: the finest step whose
// labels fits accepts.
func timeTicks(from, to time.Time, fits func([]tick) bool) []tick {
	if to.Sub(from) <= longestByHours {
		for _, hours := range []int{1, 2, 3, 6, 12} {
			if ticks := hourTicks(from, to, hours); len(ticks) <= maxTicks && fits(ticks) {
				return ticks
			}
		}
	}
	for _, step := range calendarSteps() {
		days := float64(step.days) + 30.44*float64(step.months)
		if (seconds(to)-seconds(from))/(days*secondsPerDay) > maxTicks {
			continue
		}
		if ticks := step.ticks(from, to); fits(ticks) {
			return ticks
		}
	}
	return nil
}

// hourTicks are the full hours that the clocks of from's location show, of every so many;
// where they skip one it has no tick, and where they show it twice, the first.
func hourTicks(from, to time.Time, every int) (ticks []tick) {
	label := ""
	for at := from.Truncate(quarter); !at.After(to); at = at.Add(quarter) {
		if at.Before(from) || at.Minute() != 0 || at.Hour()%every != 0 {
			continue
		}
		last := label
		if label = at.Format("15:04"); label == last {
			continue
		}
		shown := label
		if at.Hour() == 0 {
			shown = at.Format("2 Jan")
		}
		ticks = append(ticks, tick{seconds(at), shown})
	}
	return ticks
}

// quarter of an hour: no zone is at less from full hours.
const quarter = 15 * time.Minute

// ticks counts civil days in UTC, where each is 24 hours long and has a midnight;
// in the person's zone there may be no such time on the day the clocks change.
func (s calendarStep) ticks(from, to time.Time) []tick {
	var ticks []tick
	year, month, date := from.Date()
	for day := s.floor(time.Date(year, month, date, 0, 0, 0, 0, time.UTC)); ; day = day.AddDate(0, s.months, s.days) {
		at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, from.Location())
		if at.After(to) {
			return ticks
		}
		if !at.Before(from) {
			ticks = append(ticks, tick{seconds(at), s.label(day, len(ticks) == 0)})
		}
	}
}

// floor is the last tick at or before day.
func (s calendarStep) floor(day time.Time) time.Time {
	if s.months > 0 {
		n := day.Year()*12 + int(day.Month()) - 1
		return time.Date(0, time.Month(n-modulo(n, s.months)+1), 1, 0, 0, 0, 0, time.UTC)
	}
	const mondays = 3 // 1970-01-01, day zero, was a Thursday
	n := int(math.Floor(seconds(day)/secondsPerDay)) + mondays
	return day.AddDate(0, 0, -modulo(n, s.days))
}

// label names the day, month or year that begins. A month says its year where the
// year is not obvious: at the left end and in January.
func (s calendarStep) label(day time.Time, first bool) string {
	switch {
	case s.months == 0:
		return day.Format("2 Jan")
	case s.months%12 == 0:
		return day.Format("2006")
	case first || day.Month() == time.January:
		return day.Format("Jan 2006")
	default:
		return day.Format("Jan")
	}
}

func modulo(n, m int) int { return ((n % m) + m) % m }

const secondsPerDay = 24 * 60 * 60

// seconds is a time as a place on the axis.
func seconds(t time.Time) float64 {
	return float64(t.Unix()) + float64(t.Nanosecond())/1e9
}
