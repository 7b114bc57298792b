package fakecloud

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nullable is a number that arrives as null where it could not be computed.
type nullable float64

// MarshalJSON writes the number without an exponent.
func (m nullable) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(m)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(m), 'f', -1, 64), nil
}

// units is the Accept-Language of a call, which chooses them.
type units string

const (
	american units = "en_US" // pounds and inches
	british  units = "en_GB" // stone, and nullable lengths
)

// weight converts kilograms, to as many digits as are shown.
func (u units) weight(kilograms float64) nullable {
	switch u {
	case american:
		return nullable(round(kilograms/0.45359237, 1))
	case british:
		return nullable(round(kilograms/6.35029318, 3))
	}
	return nullable(round(kilograms, 1))
}

// height converts metres.
func (u units) height(metres float64) nullable {
	if u == american {
		return nullable(round(metres/0.0254, 1))
	}
	return nullable(round(metres*100, 1))
}

// listed answers with the one list of a call, or with nothing in the shape chosen.
func listed[T any](c fitbitCall, key string, list []T) (reply, *fitbitError) {
	switch {
	case len(list) > 0 || c.empty == EmptyList:
		return jsonReply(http.StatusOK, map[string][]T{key: append([]T{}, list...)}), nil
	case c.empty == EmptyNull:
		return jsonReply(http.StatusOK, map[string][]T{key: nil}), nil
	case c.empty == EmptyArray:
		return jsonReply(http.StatusOK, []T{}), nil
	}
	return jsonReply(http.StatusOK, struct{}{}), nil
}

// logEntry is a row of the weight or the fat log.
type logEntry struct {
	BMI    *nullable `json:"bmi,omitempty"`
	Date   string    `json:"date"`
	Fat    *nullable `json:"fat,omitempty"`
	LogID  int64     `json:"logId"`
	Source string    `json:"source"`
	Time   string    `json:"time"`
	Weight *nullable `json:"weight,omitempty"`
}

// logged returns the entry of a reading without its values. The id is what the wall
// clock showed, read as if it were UTC: entries of one time share it.
func logged(r reading) logEntry {
	return logEntry{
		Date: r.at.Format(time.DateOnly), Time: r.at.Format(time.TimeOnly),
		LogID: wallClock(r.at).Truncate(time.Second).UnixMilli(), Source: r.fitbitSource(),
	}
}

// fitbitSource names Fitbit's scales, all of which are called Aria, and Withings;
// everything else came by the API, as did what a person has edited since.
func (r reading) fitbitSource() string {
	switch {
	case r.edited || r.source.formFactor != "SCALE":
	case r.source.manufacturer == "Withings":
		return "Withings"
	case strings.HasPrefix(r.source.device, "Aria"):
		return strings.ReplaceAll(r.source.device, " ", "")
	}
	return "API"
}

// logSpan reads the days that a log is asked for.
func (c fitbitCall) logSpan(most int) (span, *fitbitError) {
	if len(c.args) == 1 {
		return c.day()
	}
	return c.span(shortPeriods(), most, invalid("endDate", "The range must not exceed "+strconv.Itoa(most)+" days."))
}

// kept returns the readings of the days that are there by now, in the order of what
// the wall clock showed.
func (c fitbitCall) kept(dataType string, days span) []reading {
	list := slices.Collect(stored(dataType)(c.person, days.limits(), c.now))
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b reading) int { return wallClock(a.at).Compare(wallClock(b.at)) })
	return list
}

func weightLog(c fitbitCall) (reply, *fitbitError) {
	days, err := c.logSpan(31)
	if err != nil {
		return reply{}, err
	}
	fats := c.kept(bodyFatType, days)
	var list []logEntry
	for _, r := range c.kept(weightType, days) {
		e, bmi, weight := logged(r), c.bmi(r.value), c.units.weight(r.value)
		e.BMI, e.Weight = &bmi, &weight
		if i := slices.IndexFunc(fats, r.weighedWith); i >= 0 {
			e.Fat = fatPercent(fats[i])
		}
		list = append(list, e)
	}
	return listed(c, "weight", list)
}

// weighedWith reports whether two readings come from one weighing.
func (r reading) weighedWith(fat reading) bool { return fat.at.Equal(r.at) && fat.source == r.source }

func fatLog(c fitbitCall) (reply, *fitbitError) {
	days, err := c.logSpan(30)
	if err != nil {
		return reply{}, err
	}
	var list []logEntry
	for _, r := range c.kept(bodyFatType, days) {
		e := logged(r)
		e.Fat = fatPercent(r)
		list = append(list, e)
	}
	return listed(c, "fat", list)
}

// fatPercent is a 32-bit number, printed as if it had 64.
func fatPercent(r reading) *nullable {
	percent := nullable(float32(r.value))
	return &percent
}

// bmi is that of a weight with the height of today; 0 if none was entered.
func (c fitbitCall) bmi(kilograms float64) nullable {
	metres := c.person.heightNow(c.now)
	if metres == 0 {
		return 0
	}
	return nullable(round(kilograms/(metres*metres), 2))
}

// heightNow returns the height last entered, in metres; 0 if there is none.
func (p *Person) heightNow(now time.Time) float64 {
	for r := range stored(heightType)(p, limits{}, now) {
		return r.value
	}
	return 0
}

type seriesValue struct {
	DateTime string `json:"dateTime"`
	Value    string `json:"value"`
}

// bodySeries answers with the last value of each day; days without one are left out.
func bodySeries(what string) func(fitbitCall) (reply, *fitbitError) {
	most, dataType := map[string]int{"weight": 31, "fat": 30, "bmi": 1095}[what], weightType
	if what == "fat" {
		dataType = bodyFatType
	}
	return func(c fitbitCall) (reply, *fitbitError) {
		days, err := c.span(append(shortPeriods(), "3m", "6m", "1y", "max"), most, tooManyPoints())
		if err != nil {
			return reply{}, err
		}
		var list []seriesValue
		for _, r := range c.kept(dataType, days) {
			if math.IsNaN(r.value) {
				continue
			}
			value := nullable(round(r.value, 1))
			switch what {
			case "weight":
				value = c.units.weight(r.value)
			case "bmi":
				value = c.bmi(r.value)
			}
			row := seriesValue{r.at.Format(time.DateOnly), strconv.FormatFloat(float64(value), 'f', -1, 64)}
			if i := len(list) - 1; i >= 0 && list[i].DateTime == row.DateTime {
				list[i] = row
				continue
			}
			list = append(list, row)
		}
		return listed(c, "body-"+what, list)
	}
}
