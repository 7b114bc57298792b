package fitbit

import (
	"fmt"
	"time"
)

// Date is a day of a person's calendar, without a zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the calendar day of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{Year: y, Month: m, Day: d}
}

// ParseDate reads "2006-01-02" and refuses days no calendar has.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if d := DateOf(t); err == nil && d.Valid() {
		return d, nil
	}
	return Date{}, fmt.Errorf("%.40q is not a date; write it as 2026-11-20", s)
}

// String returns the day as "2006-01-02".
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// IsZero reports whether d is no day at all.
func (d Date) IsZero() bool { return d == Date{} }

// Valid reports whether the calendar has this day.
func (d Date) Valid() bool {
	return d.Year >= 1 && d.Year <= 9999 && DateOf(d.midnightUTC()) == d
}

// AddDays returns the day n days later, or earlier if n is negative.
func (d Date) AddDays(n int) Date { return DateOf(d.midnightUTC().AddDate(0, 0, n)) }

// Sub returns the number of days from other to d.
func (d Date) Sub(other Date) int {
	const day = 24 * 60 * 60 // not a Duration: that ends after 292 years
	return int((d.midnightUTC().Unix() - other.midnightUTC().Unix()) / day)
}

// Compare returns -1, 0 or 1 as d is before, equal to or after other.
func (d Date) Compare(other Date) int { return d.midnightUTC().Compare(other.midnightUTC()) }

// Before reports whether d is earlier than other.
func (d Date) Before(other Date) bool { return d.Compare(other) < 0 }

// Start returns the first moment of the day in loc: midnight, or where the clocks
// are put forward over it, the first moment they show. A day that a place has
// left out starts with the next one.
func (d Date) Start(loc *time.Location) time.Time {
	// time.Date picks either side of a change of the clocks and does not say which.
	t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc)
	change, next := t.ZoneBounds()
	if DateOf(t).Before(d) { // put forward over midnight
		return next
	}
	if before := change.Add(-1); !change.IsZero() && DateOf(before) == d { // put back over midnight: it strikes twice
		_, offset := before.Zone()
		return d.midnightUTC().Add(-time.Duration(offset) * time.Second).In(loc)
	}
	return t
}

// MarshalText returns the day as "2006-01-02".
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "2006-01-02".
func (d *Date) UnmarshalText(b []byte) error {
	v, err := ParseDate(string(b))
	if err == nil {
		*d = v
	}
	return err
}

func (d Date) midnightUTC() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}
