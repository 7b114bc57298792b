package webapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

const (
	// windowDays is how many days one request spans: what every endpoint allows.
	windowDays = 30
	// walkWindows is how many windows are looked at for the newest weight if nothing
	// tells where it is: two years.
	walkWindows = 24
)

// Weights lists the weight log within the window.
func (c *Client) Weights(ctx context.Context, in fitbit.Window) ([]fitbit.Weight, error) {
	rows, err := c.log(ctx, "weight", in)
	if err != nil {
		return nil, err
	}
	weights := make([]fitbit.Weight, 0, len(rows))
	for _, r := range rows {
		weights = append(weights, r.weight())
	}
	return weights, nil
}

// BodyFats lists the body-fat log within the window. The weight log has these
// readings, too, but only those that were measured together with a weight.
func (c *Client) BodyFats(ctx context.Context, in fitbit.Window) ([]fitbit.BodyFat, error) {
	rows, err := c.log(ctx, "fat", in)
	if err != nil {
		return nil, err
	}
	fats := make([]fitbit.BodyFat, 0, len(rows))
	for _, r := range rows {
		fats = append(fats, fitbit.BodyFat{ID: r.id, Time: r.at, Percent: r.value, Origin: r.origin})
	}
	return fats, nil
}

// LatestWeight returns the newest reading of the weight log. The log cannot be asked
// for it: its last month is looked at, then the neighbourhood of what the daily
// values end with, and if they lead nowhere, the months of two years.
func (c *Client) LatestWeight(ctx context.Context) (fitbit.Weight, error) {
	loc, err := c.location(ctx)
	if err != nil {
		return fitbit.Weight{}, err
	}
	newest := func(first fitbit.Date) (fitbit.Weight, error) {
		rows, err := c.rows(ctx, "weight", loc, first, first.AddDays(windowDays-1))
		if err != nil || len(rows) == 0 {
			return fitbit.Weight{}, cmp.Or(err, fitbit.ErrNoData)
		}
		return rows[len(rows)-1].weight(), nil
	}
	recent := c.tomorrow().AddDays(1 - windowDays)
	w, err := newest(recent)
	if !errors.Is(err, fitbit.ErrNoData) {
		return w, err
	}
	lead, err := c.lead(ctx, recent)
	switch {
	case err == nil:
		w, err = newest(lead.AddDays(-windowDays / 2))
		if !errors.Is(err, fitbit.ErrNoData) {
			return w, err
		}
	case !errors.Is(err, fitbit.ErrProtocol): // too many values in one answer count as one that leads nowhere
		return fitbit.Weight{}, err
	}
	for range walkWindows {
		recent = recent.AddDays(-windowDays)
		w, err = newest(recent)
		if !errors.Is(err, fitbit.ErrNoData) {
			return w, err
		}
	}
	return fitbit.Weight{}, fitbit.ErrNoData
}

// lead returns a day near which the newest weight before recent must be, by the daily
// values of all time, or ErrNoData if there are none. Nobody says whether days
// without a reading are left out of them or repeat the last one: then it was made
// where the repetition begins.
func (c *Client) lead(ctx context.Context, recent fitbit.Date) (fitbit.Date, error) {
	var r loose[seriesAnswer]
	if err := c.rest.Get(ctx, "/1/user/-/body/weight/date/today/max.json", "", &r); err != nil {
		return fitbit.Date{}, err
	}
	var day fitbit.Date
	var value float64
	repeats := false
	for _, p := range slices.Backward(r.v.Weight.v) {
		d, ok := p.Date.day()
		kg, known := p.Value.Within(leastKilograms, mostKilograms)
		if !ok || !known {
			continue
		}
		if day.IsZero() {
			day, value, repeats = d, kg, !d.Before(recent)
		}
		if !repeats || kg != value {
			break
		}
		day = d
	}
	if day.IsZero() {
		return day, fitbit.ErrNoData
	}
	return day, nil
}

// What people weigh, with a margin.
const (
	leastKilograms = 0.5
	mostKilograms  = 700
)

// row is a readable entry of one of the logs.
type row struct {
	id     string
	at     time.Time
	value  float64
	origin fitbit.Origin
}

func (r row) weight() fitbit.Weight {
	return fitbit.Weight{ID: r.id, Time: r.at, Kilograms: r.value, Origin: r.origin}
}

// log fetches the rows of a log within the window.
func (c *Client) log(ctx context.Context, kind string, in fitbit.Window) ([]row, error) {
	if !in.To.IsZero() && !in.From.Before(in.To) {
		return nil, nil
	}
	loc, err := c.location(ctx)
	if err != nil {
		return nil, err
	}
	last := c.tomorrow()
	if to := fitbit.DateOf(in.To.In(loc)); !in.To.IsZero() && to.Before(last) {
		last = to
	}
	rows, err := c.rows(ctx, kind, loc, fitbit.DateOf(in.From.In(loc)), last)
	return slices.DeleteFunc(rows, func(r row) bool { return !in.Contains(r.at) }), err
}

// tomorrow is a day that has not ended yet anywhere, as the log may be asked for.
func (c *Client) tomorrow() fitbit.Date { return fitbit.DateOf(c.now().UTC()).AddDays(1) }

// rows fetches the rows of a log from first to last, oldest first.
func (c *Client) rows(ctx context.Context, kind string, loc *time.Location, first, last fitbit.Date) ([]row, error) {
	var rows []row
	ids := entryIDs{map[logEntry]bool{}, map[string]int{}}
	err := eachWindow(first, last, func(start, end fitbit.Date) error {
		var r loose[logAnswer]
		err := c.rest.Get(ctx, fmt.Sprintf("/1/user/-/body/log/%s/date/%s/%s.json", kind, start, end), "", &r)
		for _, e := range append(r.v.Weight.v, r.v.Fat.v...) {
			if row, ok := e.row(kind, loc); ok {
				if row.id, ok = ids.of(e); ok {
					rows = append(rows, row)
				}
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	return rows, nil
}

// eachWindow calls ask for pieces of the days from first to last that one request may span.
func eachWindow(first, last fitbit.Date, ask func(start, end fitbit.Date) error) error {
	if first.Before(firstDay()) {
		first = firstDay() // what lies before is refused
	}
	for ; !last.Before(first); first = first.AddDays(windowDays) {
		end := first.AddDays(windowDays - 1)
		if last.Before(end) {
			end = last
		}
		if err := ask(first, end); err != nil {
			return err
		}
	}
	return nil
}

func (e logEntry) row(kind string, loc *time.Location) (row, bool) {
	if _, ok := e.Date.day(); !ok {
		return row{}, false
	}
	at, err := time.ParseInLocation(wallClock, e.wallClock(), loc)
	if err != nil {
		return row{}, false
	}
	value, ok := e.Weight.Within(leastKilograms, mostKilograms)
	if kind == "fat" {
		value, ok = e.Fat.Within(0.1, 100)
		value = math.Round(value*100) / 100 // 32-bit floats, printed with 16 digits
	}
	from := origin(string(e.Source))
	return row{at: fitbit.Measured(at, from.Recorded), value: value, origin: from}, ok
}

// wallClock is what the entry says of its time; without any, what the API says then.
func (e logEntry) wallClock() string {
	if e.Time == "" {
		return string(e.Date) + " 23:59:59"
	}
	return string(e.Date) + " " + string(e.Time)
}

// entryIDs makes ids for the entries of one listing.
type entryIDs struct {
	entries map[logEntry]bool
	used    map[string]int
}

// of returns the id of an entry, and false if it was there before. The cloud's own id
// is the wall clock in milliseconds, as if in UTC; where it says anything else it may
// occur twice, and the wall clock stands beside it. Entries of one second share it:
// they are counted, in the order of the cloud.
func (ids entryIDs) of(e logEntry) (string, bool) {
	if ids.entries[e] {
		return "", false
	}
	ids.entries[e] = true
	id := string(e.LogID)
	clock, err := time.Parse(wallClock, e.wallClock())
	if err == nil && id != strconv.FormatInt(clock.UnixMilli(), 10) {
		id = strings.TrimPrefix(id+"-"+clock.Format("20060102-150405"), "-")
	}
	if ids.used[id]++; ids.used[id] > 1 {
		id += "-" + strconv.Itoa(ids.used[id])
	}
	return id, true
}

// origin reads the source of an entry: the scale's model, "API" for what was typed
// in, edited, or sent by another program, or the name of another maker.
func origin(source string) fitbit.Origin {
	name := wire.Printable(source)
	model, isScale := strings.CutPrefix(name, "Aria")
	switch {
	case isScale:
		return fitbit.Origin{Device: strings.TrimSpace("Aria " + strings.TrimSpace(model)), Recorded: fitbit.RecordedByScale}
	case name == "API":
		return fitbit.Origin{Recorded: fitbit.RecordedByHand}
	}
	return fitbit.Origin{Device: name, Recorded: fitbit.RecordedOther}
}
