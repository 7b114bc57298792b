package fakecloud

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

type fitbitZone struct {
	Calories *nullable `json:"caloriesOut,omitempty"`
	Max      int       `json:"max"`
	Min      int       `json:"min"`
	Minutes  *int      `json:"minutes,omitempty"`
	Name     string    `json:"name"`
}

type heartValue struct {
	Custom  []fitbitZone `json:"customHeartRateZones"`
	Zones   []fitbitZone `json:"heartRateZones"`
	Resting *int         `json:"restingHeartRate,omitempty"`
}

type heartDay struct {
	DateTime string     `json:"dateTime"`
	Value    heartValue `json:"value"`
}

func heartSeries(c fitbitCall) (reply, *fitbitError) {
	days, err := c.span(shortPeriods(), 366, tooManyPoints())
	if err != nil {
		return reply{}, err
	}
	return listed(c, "activities-heart", c.heartDays(days))
}

// heartDays returns a row for every day that has begun, worn or not.
func (c fitbitCall) heartDays(days span) []heartDay {
	worn := map[fitbit.Date]*[4]time.Duration{}
	for r := range c.person.zoneStretches(days.limits(), c.now) {
		d := fitbit.DateOf(r.at)
		if worn[d] == nil {
			worn[d] = &[4]time.Duration{}
		}
		worn[d][fitbitZoneOf(r.zone)] += r.length
	}
	resting := map[fitbit.Date]int{}
	for r := range c.person.dailyResting(days.limits(), c.now) {
		resting[fitbit.DateOf(r.at)] = int(r.value)
	}
	var list []heartDay
	for d := days.first; !days.last.Before(d) && !c.today().Before(d); d = d.AddDays(1) {
		v := heartValue{Custom: []fitbitZone{}, Zones: c.person.fitbitZones(d, worn[d])}
		if bpm, known := resting[d]; known {
			v.Resting = &bpm
		}
		list = append(list, heartDay{d.String(), v})
	}
	return list
}

// fitbitZoneOf returns the index of the legacy zone that a zone is part of: the
// lightest of today's lay below all of them.
func fitbitZoneOf(zone string) int { return max(0, slices.Index(zoneNames(), zone)) }

// fitbitZones returns a day's zones, without minutes and calories if nothing was worn.
func (p *Person) fitbitZones(d fitbit.Date, worn *[4]time.Duration) []fitbitZone {
	from := p.thresholds(d)
	bounds := [5]float64{30, from[1], from[2], from[3], 220}
	zones := make([]fitbitZone, 4)
	for i, name := range []string{"Out of Range", "Fat Burn", "Cardio", "Peak"} {
		zones[i] = fitbitZone{Name: name, Min: int(bounds[i]), Max: int(bounds[i+1])}
		if worn != nil {
			minutes := int(worn[i] / time.Minute)
			calories := nullable(round(float64(minutes)*[]float64{1.17, 6.08, 9.31, 12.4}[i], 2))
			zones[i].Minutes, zones[i].Calories = &minutes, &calories
		}
	}
	return zones
}

type intradayBlock struct {
	Dataset  []intradayPoint `json:"dataset"`
	Interval int             `json:"datasetInterval"`
	Type     string          `json:"datasetType"`
}

type intradayPoint struct {
	Time  string `json:"time"`
	Value int    `json:"value"`
}

// heartIntraday answers with samples. An app that may not see them gets the day
// without a word about it.
func heartIntraday(c fitbitCall) (reply, *fitbitError) {
	days, in, err := c.intradaySpan()
	if err != nil {
		return reply{}, err
	}
	block, known := map[string]intradayBlock{
		"1sec": {Interval: 1, Type: "second"}, "1min": {Interval: 1, Type: "minute"},
		"5min": {Interval: 5, Type: "minute"}, "15min": {Interval: 15, Type: "minute"},
	}[c.args[2]]
	if !known || c.args[1] != "1d" && block.Interval > 1 {
		return reply{}, invalid("detailLevel", "Invalid detail level: "+c.args[2])
	}
	if c.app.Intraday || c.app.Kind == PersonalApp && (c.app.Owner == "" || c.app.Owner == c.person.name) {
		unit := map[string]time.Duration{"second": time.Second, "minute": time.Minute}[block.Type]
		block.Dataset = c.dataset(in, time.Duration(block.Interval)*unit)
	}
	list := c.heartDays(days)
	if len(c.args) == 3 || c.args[1] != "1d" {
		return jsonReply(http.StatusOK, newIntradayBody(list, block)), nil
	}
	var flat []flatHeartDay
	for _, d := range list {
		flat = append(flat, flatHeartDay{d.Value.Custom, c.args[0], d.Value.Zones, "0"})
	}
	return jsonReply(http.StatusOK, newIntradayBody(flat, block)), nil
}

// intradayBody is a day with its samples.
type intradayBody[D heartDay | flatHeartDay] struct {
	Days     []D            `json:"activities-heart"`
	Intraday *intradayBlock `json:"activities-heart-intraday,omitempty"`
}

// flatHeartDay is a row beside a part of a day: not quite like any other row.
type flatHeartDay struct {
	Custom   []fitbitZone `json:"customHeartRateZones"`
	DateTime string       `json:"dateTime"` // as it was asked for, "today" too
	Zones    []fitbitZone `json:"heartRateZones"`
	Value    string       `json:"value"` // means nothing here
}

func newIntradayBody[D heartDay | flatHeartDay](list []D, block intradayBlock) intradayBody[D] {
	body := intradayBody[D]{Days: append([]D{}, list...)}
	if block.Dataset != nil {
		body.Intraday = &block
	}
	return body
}

// intradaySpan reads {date}/1d/{detail} or {start}/{end}/{detail}, either followed by
// nothing or by time/{HH:mm}/{HH:mm}.
func (c fitbitCall) intradaySpan() (span, limits, *fitbitError) {
	if len(c.args) != 3 && (len(c.args) != 6 || c.args[3] != "time") {
		return span{}, limits{}, unknownEndpoint()
	}
	dates := c
	dates.args = c.args[:2]
	days, err := dates.span([]string{"1d"}, 2, invalid("endDate", "The range must not exceed 24 hours."))
	if err != nil {
		return span{}, limits{}, err
	}
	in := days.limits()
	if len(c.args) == 6 {
		from, bad := time.Parse("15:04", c.args[4])
		to, bad2 := time.Parse("15:04", c.args[5])
		if bad != nil || bad2 != nil {
			return span{}, limits{}, invalid("time", "Invalid time: "+c.args[4]+" or "+c.args[5])
		}
		midnight := in.civilTo.AddDate(0, 0, -1)
		in.civilFrom = in.civilFrom.Add(sinceMidnight(from))
		in.civilTo = midnight.Add(sinceMidnight(to) + 1) // the end is included
	}
	switch length := in.civilTo.Sub(in.civilFrom); {
	case length <= 0:
		return span{}, limits{}, invalid("time", "The start time must not be after the end time.")
	case length > 24*time.Hour+1:
		return span{}, limits{}, invalid("endDate", "The range must not exceed 24 hours.")
	}
	return days, in, nil
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// dataset returns the mean rates of windows that begin where the wall clock shows a
// multiple of width. An hour that strikes twice is one.
func (c fitbitCall) dataset(in limits, width time.Duration) []intradayPoint {
	tallies := map[int64]*tally{}
	for r := range c.person.heartRates(in, c.now) {
		i := wallClock(r.at).Truncate(width).Unix()
		if tallies[i] == nil {
			tallies[i] = &tally{}
		}
		tallies[i].add(r)
	}
	list := []intradayPoint{}
	for _, i := range slices.Sorted(maps.Keys(tallies)) {
		list = append(list, intradayPoint{time.Unix(i, 0).UTC().Format(time.TimeOnly), int(math.Round(tallies[i].mean()))})
	}
	return list
}

type hrvDay struct {
	Value struct {
		Daily *nullable `json:"dailyRmssd,omitempty"`
		Deep  *nullable `json:"deepRmssd,omitempty"`
	} `json:"value"`
	DateTime string `json:"dateTime"`
}

// variability answers with each night's, under the day on which it ended.
func variability(c fitbitCall) (reply, *fitbitError) {
	days, err := span{}, unknownEndpoint()
	switch len(c.args) {
	case 1:
		days, err = c.day()
	case 2:
		days, err = c.span(nil, 30, invalid("endDate", "The range must not exceed 30 days."))
	}
	if err != nil {
		return reply{}, err
	}
	var list []hrvDay
	for r := range c.person.dailyHRV(days.limits(), c.now) {
		row := hrvDay{DateTime: r.at.Format(time.DateOnly)}
		if r.value != 0 {
			daily, deep := nullable(r.value), nullable(round(r.value*1.1, 1))
			row.Value.Daily, row.Value.Deep = &daily, &deep
		}
		list = append(list, row)
	}
	slices.Reverse(list)
	return listed(c, "hrv", list)
}
