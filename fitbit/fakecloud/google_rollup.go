package fakecloud

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	badDuration = "INVALID_ROLLUP_QUERY_DURATION"
	badWindow   = "INVALID_ROLLUP_WINDOW"
	badRange    = "INVALID_TIME_RANGE"
)

// pieces adds r to the tallies of the windows it lies in, a stretch minute by minute.
func pieces(r reading, window func(at time.Time) *tally) {
	for r.length > time.Minute {
		part := r
		part.length = time.Minute
		window(part.at).add(part)
		r.at, r.length = r.at.Add(time.Minute), r.length-time.Minute
	}
	window(r.at).add(r)
}

// decodeBody reads the JSON body of a rollup, strictly.
func decodeBody[T any](op operation, into *T) error {
	if err := op.onlyParams(); err != nil {
		return err
	}
	raw, err := io.ReadAll(op.r.Body)
	if err != nil {
		return badRequest("", "The body cannot be read.")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil || d.More() {
		return badRequest("", "Invalid JSON payload received.")
	}
	return nil
}

// rollupPage is what both kinds of rollup are asked for besides range and window.
type rollupPage struct {
	PageSize         int64  `json:"pageSize"`
	PageToken        string `json:"pageToken"`
	DataSourceFamily string `json:"dataSourceFamily"`
}

// check refuses pages that cannot hold all windows, so that there is only ever
// one, and pages that could hold more than the data type's longest range.
func (q rollupPage) check(windows, most int64) error {
	switch {
	case q.PageSize > most:
		return badRequest(badDuration, "The page is too long for this data type.")
	case q.PageSize < 0 || q.PageSize > 0 && q.PageSize < windows:
		return badRequest("INVALID_DATA_POINT_NAME", "The page is smaller than the number of windows.") // as misleading as measured
	case q.PageToken != "":
		return badRequest("INVALID_PAGE_TOKEN", "The page token is unknown.")
	case q.DataSourceFamily != "" && q.DataSourceFamily != allSources:
		return badRequest("INVALID_DATA_POINT_DATA_SOURCE_FAMILY", "The data source family is unknown.")
	}
	return nil
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

type rollupBody struct {
	Points []envelope `json:"rollupDataPoints,omitempty"`
}

// rows turns tallies into rows, oldest first; windows without readings have none.
func rows(dt dataType, tallies map[int]*tally, label func(row *envelope, window int)) []envelope {
	var all []envelope
	for _, i := range slices.Sorted(maps.Keys(tallies)) {
		row := dt.roll(*tallies[i])
		label(&row, i)
		all = append(all, row)
	}
	return all
}

// rollUp answers POST dataPoints:rollUp, over windows of physical time.
func rollUp(op operation, dt dataType) (reply, error) {
	var q struct {
		Range struct {
			StartTime time.Time `json:"startTime"`
			EndTime   time.Time `json:"endTime"`
		} `json:"range"`
		WindowSize string `json:"windowSize"` // a duration of the API such as "900s"
		rollupPage
	}
	if err := decodeBody(op, &q); err != nil {
		return reply{}, err
	}
	start, end := q.Range.StartTime, q.Range.EndTime
	window, err := time.ParseDuration(q.WindowSize)
	limit := time.Duration(dt.maxDays) * 24 * time.Hour
	switch {
	case err != nil || window < time.Second || q.WindowSize[len(q.WindowSize)-1] != 's':
		return reply{}, badRequest(badWindow, "The window must be at least a second.")
	case start.IsZero() || !end.After(start):
		return reply{}, badRequest(badRange, "The range is empty.")
	case end.Sub(start) > limit:
		return reply{}, badRequest(badDuration, "The range is too long for this data type.")
	}
	if err := q.check(ceilDiv(int64(end.Sub(start)), int64(window)), int64(limit/window)); err != nil {
		return reply{}, err
	}
	tallies := map[int]*tally{}
	for r := range dt.measured(op.person, limits{from: start, to: end}, op.now) {
		pieces(r, func(at time.Time) *tally { return tallyOf(tallies, int(at.Sub(start)/window)) })
	}
	all := rows(dt, tallies, func(row *envelope, i int) {
		from := start.Add(time.Duration(i) * window)
		row.StartTime, row.EndTime = utc(from), utc(earlier(end, from.Add(window))) // the last window is cut short
	})
	return answerJSON(op, rollupBody{Points: all})
}

// dailyRollUp answers POST dataPoints:dailyRollUp, over the person's civil days;
// the end is not included.
func dailyRollUp(op operation, dt dataType) (reply, error) {
	var q struct {
		Range struct {
			Start civilTime `json:"start"`
			End   civilTime `json:"end"`
		} `json:"range"`
		WindowSizeDays *int `json:"windowSizeDays"`
		rollupPage
	}
	if err := decodeBody(op, &q); err != nil {
		return reply{}, err
	}
	first, end, err := days(q.Range.Start, q.Range.End)
	if err != nil {
		return reply{}, err
	}
	size := 1
	if q.WindowSizeDays != nil {
		size = *q.WindowSizeDays
	}
	total := end.Sub(first)
	switch {
	case size < 1:
		return reply{}, badRequest(badWindow, "The window must be at least a day.")
	case total > dt.maxDays:
		return reply{}, badRequest(badDuration, "The range is too long for this data type.")
	}
	if err := q.check(ceilDiv(int64(total), int64(size)), int64(dt.maxDays/size)); err != nil {
		return reply{}, err
	}
	in := limits{civilFrom: first.Start(time.UTC), civilTo: end.Start(time.UTC)}
	tallies := map[int]*tally{}
	for r := range dt.measured(op.person, in, op.now) {
		pieces(r, func(at time.Time) *tally { return tallyOf(tallies, fitbit.DateOf(at).Sub(first)/size) })
	}
	all := rows(dt, tallies, func(row *envelope, i int) {
		from := first.AddDays(i * size)
		to := from.AddDays(size)
		if end.Before(to) {
			to = end
		}
		row.CivilStartTime, row.CivilEndTime = midnight(from), midnight(to)
	})
	return answerJSON(op, rollupBody{Points: all})
}

// days reads a range of whole days.
func days(start, end civilTime) (first, last fitbit.Date, err error) {
	first = fitbit.Date{Year: start.Date.Year, Month: time.Month(start.Date.Month), Day: start.Date.Day}
	last = fitbit.Date{Year: end.Date.Year, Month: time.Month(end.Date.Month), Day: end.Date.Day}
	switch {
	case !first.Valid() || !last.Valid() || start.Time != (timeOfDay{}) || end.Time != (timeOfDay{}):
		return first, last, badRequest("INVALID_CIVIL_DATE_TIME", "The range is not of whole days.")
	case !first.Before(last):
		return first, last, badRequest(badRange, "The range is empty.")
	}
	return first, last, nil
}

func midnight(d fitbit.Date) *civilTime {
	return &civilTime{Date: *dateOf(d.Start(time.UTC))}
}

// tallyOf returns the tally of window i, a new one if need be.
func tallyOf(tallies map[int]*tally, i int) *tally {
	if tallies[i] == nil {
		tallies[i] = &tally{}
	}
	return tallies[i]
}
