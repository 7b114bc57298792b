package fakecloud

import (
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// span is a range of days, both included.
type span struct{ first, last fitbit.Date }

func (s span) days() int { return s.last.Sub(s.first) + 1 }

// limits returns the span as wall clocks show it.
func (s span) limits() limits {
	return limits{civilFrom: s.first.Start(time.UTC), civilTo: s.last.AddDays(1).Start(time.UTC)}
}

// date reads a day of the path; "today" is the person's.
func (c fitbitCall) date(s string) (fitbit.Date, *fitbitError) {
	if s == "today" {
		return c.today(), nil
	}
	d, err := fitbit.ParseDate(s)
	switch {
	case err != nil:
		return d, invalid("date", "Invalid date: "+s)
	case d.Before(earliestDate()):
		return d, invalid("date", "Invalid date: "+s+", the earliest is "+earliestDate().String())
	}
	return d, nil
}

func (c fitbitCall) today() fitbit.Date { return fitbit.DateOf(c.person.local(c.now)) }

func earliestDate() fitbit.Date { return fitbit.Date{Year: 2009, Month: time.January, Day: 1} }

// day reads a path that names one day, which has to be written as a date.
func (c fitbitCall) day() (span, *fitbitError) {
	if c.args[0] == "today" {
		return span{}, invalid("date", "Invalid date: today")
	}
	d, err := c.date(c.args[0])
	return span{d, d}, err
}

// span reads a path with a day and either the last day or one of the periods, which
// ends with the first. tooLong is what follows if a range has more days than most.
func (c fitbitCall) span(periods []string, most int, tooLong *fitbitError) (span, *fitbitError) {
	if len(c.args) != 2 {
		return span{}, unknownEndpoint()
	}
	first, err := c.date(c.args[0])
	if err != nil {
		return span{}, err
	}
	if period := c.args[1]; period != "today" && !strings.Contains(period, "-") {
		if !slices.Contains(periods, period) {
			return span{}, invalid("period", "Invalid period: "+period)
		}
		return span{periodStart(period, first), first}, nil
	}
	last, err := c.date(c.args[1])
	s := span{first, last}
	switch {
	case err != nil:
		return span{}, err
	case last.Before(first):
		return span{}, invalid("endDate", "The start date must not be after the end date.")
	case s.days() > most:
		return span{}, tooLong
	}
	return s, nil
}

func shortPeriods() []string { return []string{"1d", "7d", "30d", "1w", "1m"} }

// periodStart returns the first day of a period that ends with last.
func periodStart(period string, last fitbit.Date) fitbit.Date {
	months := func(n int) fitbit.Date { return fitbit.DateOf(last.Start(time.UTC).AddDate(0, -n, 1)) }
	switch period {
	case "7d", "1w":
		return last.AddDays(-6)
	case "30d":
		return last.AddDays(-29)
	case "1m":
		return months(1)
	case "3m":
		return months(3)
	case "6m":
		return months(6)
	case "1y":
		return months(12)
	case "max":
		return earliestDate()
	}
	return last
}
